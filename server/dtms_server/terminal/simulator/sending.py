"""A program's orders on their way to the broker, and what becomes of them there."""

import contextlib
from dataclasses import replace
from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import hand
from dtms_server.terminal.simulator.broker_faults import (
    AutoTradingOff,
    ExpertsOff,
    MarketClosed,
    ReadOnly,
    Suspended,
)
from dtms_server.terminal.simulator.failure import Failed, Refused, hang
from dtms_server.terminal.simulator.faults import Login
from dtms_server.terminal.simulator.netting import part
from dtms_server.terminal.simulator.order_faults import (
    Hand,
    LateFill,
    NoAnswer,
    OrderFault,
    Partial,
    Requote,
    Retcode,
    Timeout,
)
from dtms_server.terminal.simulator.orders import Deal, Order, Protect, kind
from dtms_server.terminal.simulator.portfolio import margin_level
from dtms_server.terminal.simulator.records import (
    OrderCheckResult,
    OrderSendResult,
    TradePosition,
    TradeRequest,
)
from dtms_server.terminal.simulator.world import World

_EXPERT: Final = c.DEAL_REASON_EXPERT
_MOVED: Final = (c.TRADE_RETCODE_REQUOTE, c.TRADE_RETCODE_PRICE_CHANGED)
_DONE: Final = (c.TRADE_RETCODE_PLACED, c.TRADE_RETCODE_DONE, c.TRADE_RETCODE_DONE_PARTIAL)
_SECOND: Final = 1000


def send(world: World, request: TradeRequest) -> OrderSendResult:
    """Hand a program's request to the broker and return what it says; what that changed is on disk.

    An order that breaks a rule is refused for it, and leaves a fault of orders for the next one.
    Raises Failed where no answer comes.
    """
    world.request_id += 1
    try:
        result = _sent(world, request)
    except Refused as refusal:
        result = _refused(world, request, refusal)
    world.save()
    return result._replace(request_id=world.request_id)


def check(world: World, request: TradeRequest) -> OrderCheckResult:
    """Return what `send` would be told of the broker's rules, and the account after it; retcode 0
    where no rule is broken. The way to the broker and all faults are left out.

    MQL5 Reference, MqlTradeCheckResult, and order_check of the Python module, whose example has as
    margin all that is then bound, and as free margin equity less that.
    """
    broker = world.broker
    shown = OrderCheckResult(request=request, balance=broker.book.balance, profit=broker.profit)
    try:
        order = broker.judge(request, _EXPERT)
    except Refused as refusal:
        return shown._replace(retcode=refusal.retcode, comment=refusal.text)
    bound = broker.margin_of(order) if isinstance(order, Deal) else 0.0
    equity = round(shown.balance + shown.profit, 2)
    margin = round(broker.margin + bound, 2)
    return shown._replace(
        equity=equity,
        margin=margin,
        margin_free=round(equity - margin, 2),
        margin_level=margin_level(equity, margin),
        comment="Done",
    )


def _sent(world: World, request: TradeRequest) -> OrderSendResult:
    _check_way(world)
    order = world.broker.judge(request, _EXPERT)
    if order.position is not None and (quicker := world.faults.take_hand(kind(order))):
        _meddle(world, quicker, order.position)
        order = world.broker.judge(request, _EXPERT)
    _check_symbol(world, order)
    divisible = isinstance(order, Deal) and request.type_filling == c.ORDER_FILLING_IOC
    fault = world.faults.take_order(kind(order), divisible=divisible)
    if fault is None:
        return world.broker.carry_out(order, request)
    return _struck(world, order, request, fault)


def _check_way(world: World) -> None:
    """Refuse what does not get to the broker's book: MQL5 Reference, ENUM_TRADE_RETCODE."""
    if not world.connected:
        raise Refused(c.TRADE_RETCODE_CONNECTION, "No connection")
    if world.faults.find(AutoTradingOff) is not None:
        raise Refused(c.TRADE_RETCODE_CLIENT_DISABLES_AT, "AutoTrading disabled by client")
    if world.faults.find(ExpertsOff) is not None:
        raise Refused(c.TRADE_RETCODE_SERVER_DISABLES_AT, "AutoTrading disabled by server")
    if world.faults.find(ReadOnly) is not None or world.faults.find(Login) is not None:
        raise Refused(c.TRADE_RETCODE_TRADE_DISABLED, "Trade disabled")
    now, limit = world.broker.now, world.broker.rules.requests_per_second
    world.sent = [at for at in world.sent if at > now - _SECOND]
    if limit and len(world.sent) >= limit:
        raise Refused(c.TRADE_RETCODE_TOO_MANY_REQUESTS, "Too many requests")
    world.sent.append(now)


def _check_symbol(world: World, order: Order) -> None:
    if world.faults.strikes(Suspended, order.symbol.name):
        raise Refused(c.TRADE_RETCODE_TRADE_DISABLED, "Trade disabled")
    if world.faults.strikes(MarketClosed, order.symbol.name):
        raise Refused(c.TRADE_RETCODE_MARKET_CLOSED, "Market closed")


def _meddle(world: World, quicker: Hand, position: TradePosition) -> None:
    """Let somebody else be quicker; what the broker does not let them do does not happen."""
    with contextlib.suppress(Refused):
        match quicker.does:
            case "close":
                hand.close(world.broker, position, position.volume)
            case "halve":
                step = world.broker.symbol(position.symbol).volume_step
                hand.close(world.broker, position, max(step, part(position.volume, 0.5, step)))
            case "unprotect":
                hand.protect(world.broker, position, 0.0, 0.0)


def _struck(
    world: World, order: Order, request: TradeRequest, fault: OrderFault
) -> OrderSendResult:
    match fault:
        case Requote():
            raise Refused(c.TRADE_RETCODE_REQUOTE, "Requote")
        case Partial(share=share):
            return _partly(world, order, request, share)
        case LateFill(code=code, seconds=seconds):
            ticket = _later(world, order, request, seconds, shown=True)
            result = OrderSendResult(retcode=code, comment="Order placed", request=request)
            quote = order.quote
            return result._replace(
                order=ticket, volume=request.volume, bid=quote.bid, ask=quote.ask
            )
        case NoAnswer(code=code):
            _effect(world, order, request, fault)
            world.save()  # first, for a process that hangs may be killed
            if fault.hang:
                hang(None)
            raise Failed(code, "Terminal: No answer")
        case Retcode(code=code):
            done = _effect(world, order, request, fault)
        case Timeout():
            done, code = _effect(world, order, request, fault), c.TRADE_RETCODE_TIMEOUT
    if done is not None and code in _DONE:
        return done._replace(retcode=code)
    raise Refused(code, "Request not carried out, or so it seems")


def _effect(
    world: World, order: Order, request: TradeRequest, fault: Retcode | Timeout | NoAnswer
) -> OrderSendResult | None:
    """Carry out an order as its fault lets it: at once, later or not at all (None)."""
    if not fault.executed:
        return None
    if fault.seconds:
        _later(world, order, request, fault.seconds, shown=False)
        return None
    return world.broker.carry_out(order, request)


def _later(
    world: World, order: Order, request: TradeRequest, seconds: float, *, shown: bool
) -> int:
    """Keep an order for later and return its ticket; new stops are no order and have none."""
    stops = isinstance(order, Protect)
    now = world.broker.now
    at = now + round(seconds * 1000)
    waiting = world.broker.book.wait(request, _EXPERT, now, at, shown=shown and not stops)
    return 0 if stops else waiting.ticket


def _partly(world: World, order: Order, request: TradeRequest, share: float) -> OrderSendResult:
    assert isinstance(order, Deal), "only a deal is divisible"
    step = order.symbol.volume_step
    filled = max(step, part(order.fill.volume, share, step))
    less = replace(order, fill=replace(order.fill, volume=filled))
    done = world.broker.carry_out(less, request)
    return done._replace(retcode=c.TRADE_RETCODE_DONE_PARTIAL, comment="Partly executed")


def _refused(world: World, request: TradeRequest, refusal: Refused) -> OrderSendResult:
    """Return a refusal with the prices of just now."""
    held = world.broker.book.positions.get(request.position)
    name = request.symbol or (held.symbol if held is not None else "")
    result = OrderSendResult(retcode=refusal.retcode, comment=refusal.text, request=request)
    quote = world.broker.quotes.last(name, world.broker.now) if name in world.symbols else None
    if quote is None:
        return result
    fresh = quote.ask if request.type == c.ORDER_TYPE_BUY else quote.bid
    price = fresh if refusal.retcode in _MOVED else 0.0
    return result._replace(bid=quote.bid, ask=quote.ask, price=price)
