"""How the broker judges a request: against every rule, in one order, changing nothing."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Protocol

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import rules
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.conditions import Rules
from dtms_server.terminal.simulator.failure import unsupported
from dtms_server.terminal.simulator.fills import Fill
from dtms_server.terminal.simulator.netting import lots
from dtms_server.terminal.simulator.orders import CloseBy, Deal, Order, Protect
from dtms_server.terminal.simulator.quotes import Quote
from dtms_server.terminal.simulator.records import TradePosition, TradeRequest
from dtms_server.terminal.simulator.rules import refuse
from dtms_server.terminal.simulator.symbols import ORDER_CLOSE_BY, Symbol

_SIDES: Final = (c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL)
_WITHOUT: Final = (c.TRADE_ACTION_PENDING, c.TRADE_ACTION_MODIFY, c.TRADE_ACTION_REMOVE)
_COMMENT_LENGTH: Final = 31


class Desk(Protocol):
    """What must be known of the broker to judge a request."""

    book: Book
    rules: Rules
    now: int

    @property
    def hedging(self) -> bool:
        """Does each order open a position of its own?"""

    @property
    def equity(self) -> float:
        """What the account is worth, in its currency."""

    @property
    def margin(self) -> float:
        """What the open positions bind."""

    @property
    def margin_free(self) -> float:
        """What is left for new positions."""

    def symbol(self, name: str) -> Symbol:
        """Return a symbol's facts; Refused where it is not there."""

    def open_quote(self, symbol: Symbol) -> Quote:
        """Return the price to deal at; Refused while there is none."""

    def margin_of(self, order: Deal) -> float:
        """Return the margin that a deal would bind on top of what is bound."""


def admit(desk: Desk, request: TradeRequest, reason: int) -> Order:
    """Return what a request asks; changes nothing.

    Raises Refused with the retcode of the first rule that it breaks, Failed for an action that is
    not supported.
    """
    match request.action:
        case c.TRADE_ACTION_DEAL:
            return _deal(desk, request, reason)
        case c.TRADE_ACTION_SLTP:
            return _protect(desk, request)
        case c.TRADE_ACTION_CLOSE_BY:
            return _close_by(desk, request, reason)
        case action if action in _WITHOUT:
            return unsupported()
        case _:
            return refuse(c.TRADE_RETCODE_INVALID, "Invalid request")


def _deal(desk: Desk, request: TradeRequest, reason: int) -> Deal:
    symbol = desk.symbol(request.symbol)
    if request.type not in _SIDES:
        refuse(c.TRADE_RETCODE_INVALID, "Invalid request: an order type of no market order")
    position = _target(desk, request, symbol)
    quote = desk.open_quote(symbol)
    fill = Fill(
        symbol=symbol,
        direction=request.type,
        volume=_volume(symbol, request, position),
        price=quote.ask if request.type == c.ORDER_TYPE_BUY else quote.bid,
        at=desk.now,
        reason=reason,
        magic=request.magic,
        comment=request.comment,
        filling=request.type_filling,
        asked=(request.price, request.volume),
    )
    order = Deal(quote, fill, position)
    rules.permitted(symbol, request.type if order.opens else None)
    rules.filling(symbol, request.type_filling)
    rules.price(symbol, request, fill.price)
    if position is not None:
        rules.thawed(symbol, quote, position)
    return _opening(desk, request, order) if order.opens else _closing(desk, order)


def _volume(symbol: Symbol, request: TradeRequest, position: TradePosition | None) -> float:
    if position is not None and request.volume == position.volume:
        return position.volume  # all of it can be closed, whatever the steps have become
    return rules.whole_steps(symbol, request.volume)


def _target(desk: Desk, request: TradeRequest, symbol: Symbol) -> TradePosition | None:
    """Return the position that a deal changes, None where it opens one."""
    if not request.position:
        return None if desk.hedging else _of_symbol(desk, symbol.name)
    position = _position(desk, request)
    if desk.hedging and request.type == position.type:
        refuse(c.TRADE_RETCODE_INVALID, "Invalid request: the position has the same side")
    if desk.hedging and request.volume > position.volume:
        refuse(c.TRADE_RETCODE_INVALID_CLOSE_VOLUME, "Volume exceeds the position's")
    return position


def _opening(desk: Desk, request: TradeRequest, order: Deal) -> Deal:
    """Hold to its rules a deal that opens, adds or turns.

    MQL5 Reference, ENUM_TRADE_RETCODE: opposite positions may be prohibited on a hedging account
    (10046), open positions limited (10040), money short (10019).
    """
    symbol, side = order.symbol, order.fill.direction
    levels = _levels(symbol, request)
    rules.stops(symbol, order.quote, side, levels)
    same = [p for p in desk.book.positions.values() if p.symbol == symbol.name]
    if desk.hedging and desk.rules.hedge_prohibited and any(p.type != side for p in same):
        refuse(rules.HEDGE_PROHIBITED, "Opposite positions are prohibited")
    if order.position is None and 0 < desk.rules.max_positions <= len(desk.book.positions):
        refuse(c.TRADE_RETCODE_LIMIT_POSITIONS, "Too many positions")
    rules.limit(symbol, math.fsum(p.volume for p in same if p.type == side) + order.opens)
    _affordable(desk, desk.margin_of(order))
    return replace(order, fill=replace(order.fill, stop_loss=levels[0], take_profit=levels[1]))


def _affordable(desk: Desk, binds: float) -> None:
    """Refuse (10019) what binds more margin than is free, and during a margin call whatever binds
    more at all.

    MQL5 Reference, ACCOUNT_MARGIN_FREE and ACCOUNT_MARGIN_SO_CALL. What a margin call forbids is
    not documented; brokers' help pages go from a mere notice to "no new trades": this is stricter.
    """
    called = desk.margin > 0 and desk.equity * 100 < desk.margin * desk.rules.margin_call_level
    if binds > desk.margin_free or (called and binds > 0):
        refuse(c.TRADE_RETCODE_NO_MONEY, "No money")


def _closing(desk: Desk, order: Deal) -> Deal:
    """Hold to its rules a deal that closes a position, or a part of one."""
    assert order.position is not None, "what opens nothing has a position"
    rules.rest(order.symbol, lots(order.position.volume - order.fill.volume))
    _in_turn(desk, (order.position,))
    return order


def _protect(desk: Desk, request: TradeRequest) -> Protect:
    if request.position or desk.hedging:
        position = _position(desk, request)
    else:
        position = _of_symbol(desk, request.symbol) or _position(desk, request)
    symbol = desk.symbol(position.symbol)
    quote = desk.open_quote(symbol)
    rules.permitted(symbol, None)
    levels, before = _levels(symbol, request), (position.sl, position.tp)
    rules.stops(symbol, quote, position.type, levels, before)
    if levels == before:
        refuse(c.TRADE_RETCODE_NO_CHANGES, "No changes")
    rules.thawed(symbol, quote, position)
    return Protect(quote, symbol, position, levels)


def _close_by(desk: Desk, request: TradeRequest, reason: int) -> CloseBy:
    """Hold a close-by to its rules: a hedging account, and a symbol with SYMBOL_ORDER_CLOSEBY.

    MQL5 Reference, TRADE_ACTION_CLOSE_BY; MQL5 book, "Closing opposite positions". What the larger
    position keeps is not held to the minimum volume: nothing says that it is.
    """
    if not request.position_by:
        refuse(c.TRADE_RETCODE_INVALID, "Invalid request: closed by no position")
    position = _position(desk, request)
    by = _position(desk, request._replace(position=request.position_by))
    symbol = desk.symbol(position.symbol)
    quote = desk.open_quote(symbol)
    rules.permitted(symbol, None)
    allowed = desk.hedging and symbol.order_mode & ORDER_CLOSE_BY
    if not allowed or position.symbol != by.symbol or position.type == by.type:
        refuse(c.TRADE_RETCODE_INVALID, "Invalid request: these do not close each other")
    for held in (position, by):
        rules.thawed(symbol, quote, held)
    _in_turn(desk, (position, by))
    fill = Fill(
        symbol=symbol,
        direction=1 - position.type,
        volume=min(position.volume, by.volume),
        price=by.price_open,
        at=desk.now,
        reason=reason,
        magic=request.magic,
        comment=request.comment or f"close #{position.ticket} by #{by.ticket}"[:_COMMENT_LENGTH],
    )
    return CloseBy(quote, fill, position, by)


def _in_turn(desk: Desk, closing: Iterable[TradePosition]) -> None:
    """Refuse (10045) to close a position while the symbol has an older one.

    MQL5 Reference, Account Properties: ACCOUNT_FIFO_CLOSE; never so with netting.
    """
    tickets = [position.ticket for position in closing]
    symbol = desk.book.positions[tickets[0]].symbol
    older = [p.ticket for p in desk.book.positions.values() if p.symbol == symbol]
    in_turn = sorted(older)[: len(tickets)]
    if desk.hedging and desk.rules.fifo and set(tickets) != set(in_turn):
        refuse(c.TRADE_RETCODE_FIFO_CLOSE, "Only closing by FIFO is allowed")


def _position(desk: Desk, request: TradeRequest) -> TradePosition:
    position = desk.book.positions.get(request.position)
    if position is None:
        refuse(c.TRADE_RETCODE_POSITION_CLOSED, "Position doesn't exist")
    if request.symbol and request.symbol != position.symbol:
        refuse(c.TRADE_RETCODE_INVALID, "Invalid request: the position has another symbol")
    return position


def _of_symbol(desk: Desk, name: str) -> TradePosition | None:
    return next((p for p in desk.book.positions.values() if p.symbol == name), None)


def _levels(symbol: Symbol, request: TradeRequest) -> tuple[float, float]:
    """Return stop and target without binary dust where they are on the grid."""
    return _clean(symbol, request.sl), _clean(symbol, request.tp)


def _clean(symbol: Symbol, level: float) -> float:
    on_grid = math.isfinite(level) and symbol.on_grid(level)
    return symbol.nearest(level) if on_grid else level
