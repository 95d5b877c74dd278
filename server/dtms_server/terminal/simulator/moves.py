"""What a scenario can do besides faults: to prices, positions, money, rules, and the clock."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from dtms_server.terminal.simulator import conditions, faults, hand
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.broker import Broker
from dtms_server.terminal.simulator.conditions import Rules
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.netting import part
from dtms_server.terminal.simulator.order_faults import Text
from dtms_server.terminal.simulator.records import TradePosition, TradeRequest

Lots = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Points = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
TYPES: Final = {"BUY": c.POSITION_TYPE_BUY, "SELL": c.POSITION_TYPE_SELL}


class Clear(msgspec.Struct, frozen=True, tag="clear", forbid_unknown_fields=True):
    """All faults end, or those of one name."""

    fault: Text | None = None


class Jump(msgspec.Struct, frozen=True, tag="jump", forbid_unknown_fields=True):
    """`symbol` (None: each) costs `points` more from now on; less than 0: less."""

    points: Annotated[int, msgspec.Meta(ge=-1_000_000_000, le=1_000_000_000)]
    symbol: Text | None = None


class Open(msgspec.Struct, frozen=True, tag="open", forbid_unknown_fields=True):
    """Somebody opens a position, its stop and target so many points from its entry (0: none)."""

    symbol: Text
    direction: Literal["BUY", "SELL"]
    lots: Lots
    stop_points: Points = 0
    target_points: Points = 0
    magic: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    comment: Annotated[str, msgspec.Meta(max_length=31)] = ""  # as long as MetaTrader 5 keeps it


class _Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`which` of the positions in `symbol` (None: in any)."""

    which: Literal["oldest", "newest", "all"] = "oldest"
    symbol: Text | None = None


class Close(_Chosen, frozen=True, tag="close"):
    """Somebody closes this `share` of `which` position, the "oldest", the "newest" or "all", in
    `symbol` (None: in any)."""

    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0


class Modify(_Chosen, frozen=True, tag="modify"):
    """Somebody moves stop and target of `which` position to so many points from the price; 0 takes
    one away, and what is left out stays."""

    stop_points: Points | None = None
    target_points: Points | None = None


class Deposit(msgspec.Struct, frozen=True, tag="deposit", forbid_unknown_fields=True):
    """So much is paid into the account; less than 0: out of it."""

    amount: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]


class SetSymbol(msgspec.Struct, frozen=True, tag="symbol", forbid_unknown_fields=True):
    """The broker changes the `conditions` of `symbol` (None: of each), as `dtms sim symbol`."""

    conditions: dict[str, Any]
    symbol: Text | None = None


class SetAccount(msgspec.Struct, frozen=True, tag="account", forbid_unknown_fields=True):
    """The broker changes the account's `rules`, as `dtms sim account`."""

    rules: dict[str, Any]


class Sleep(msgspec.Struct, frozen=True, tag="sleep", forbid_unknown_fields=True):
    """The machine sleeps: when it wakes, clock and market are `seconds` further."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=7 * 86_400)]


class Reboot(msgspec.Struct, frozen=True, tag="reboot", forbid_unknown_fields=True):
    """The terminal's process ends at once, as with its machine; what it did is kept."""


Trading = Jump | Open | Close | Modify | Deposit | SetAccount
Move = Clear | SetSymbol | Sleep | Reboot | Trading
KINDS: Final = (
    *(Clear, Jump, Open, Close, Modify),
    *(Deposit, SetSymbol, SetAccount, Sleep, Reboot),
)
BY_NAME: Final = {str(kind.__struct_config__.tag): kind for kind in KINDS}


def read(name: str, parameters: Mapping[str, object]) -> Move:
    """Return a move by its name; Refused, naming what is known, for what it does not take."""
    try:
        move: Move = msgspec.convert({**parameters, "type": name}, Move)
        match move:
            case Clear(fault=str(fault)):
                faults.named(fault)
            case SetSymbol(conditions=changes):
                conditions.conditions(changes)
            case SetAccount(rules=changes):
                conditions.rules(changes, Rules())
    except ValueError as error:
        takes = ", ".join(BY_NAME[name].__struct_fields__) or "no parameters"
        raise Refused(0, f"move {name!r} takes {takes}: {error}") from error
    return move


def trade(move: Trading, broker: Broker) -> None:
    """Do it at the broker. Raises Refused for what it does not let anybody do."""
    match move:
        case Jump(points=points, symbol=symbol):
            for name in names(broker, symbol):
                broker.jump(name, points)
        case Open():
            hand.deal(broker, _request(move, broker))
        case Close(share=share):
            _each(_chosen(move, broker), lambda position: _close(broker, position, share))
        case Modify():
            _each(_chosen(move, broker), lambda position: _modify(broker, position, move))
        case Deposit(amount=amount):
            broker.book.deposit(round(amount, 2), broker.now)
        case SetAccount(rules=changes):
            broker.rules = conditions.rules(changes, broker.rules)


def names(broker: Broker, symbol: str | None) -> tuple[str, ...]:
    """Return the symbol, or all where it is None. Raises Refused for one that is not there."""
    return tuple(broker.quotes.symbols) if symbol is None else (broker.symbol(symbol).name,)


def _request(move: Open, broker: Broker) -> TradeRequest:
    symbol = broker.symbol(move.symbol)
    side = TYPES[move.direction]
    price = _price(broker, move.symbol, 1 - side)
    return TradeRequest(
        symbol=move.symbol,
        volume=move.lots,
        type=side,
        sl=symbol.from_points(_beyond(price, side, -move.stop_points)),
        tp=symbol.from_points(_beyond(price, side, move.target_points)),
        magic=move.magic,
        comment=move.comment,
    )


def _each(chosen: Sequence[TradePosition], do: Callable[[TradePosition], None]) -> None:
    """Do it to each position, whatever befalls the others; where there is nothing to change, all is
    well. Raises Refused in the end, with all that was refused."""
    refusals = []
    for position in chosen:
        try:
            do(position)
        except Refused as refusal:
            if refusal.retcode != c.TRADE_RETCODE_NO_CHANGES:
                refusals.append((position.ticket, refusal))
    match refusals:
        case [(_, only)] if len(chosen) == 1:
            raise only
        case [_, *_]:
            raise Refused(0, "; ".join(f"{ticket}: {refusal}" for ticket, refusal in refusals))


def _close(broker: Broker, position: TradePosition, share: float) -> None:
    step = broker.symbol(position.symbol).volume_step
    wanted = position.volume if share == 1 else part(position.volume, share, step)
    if wanted <= 0:
        raise Refused(c.TRADE_RETCODE_INVALID_VOLUME, f"{share} of position {position.ticket}")
    hand.close(broker, position, wanted)


def _modify(broker: Broker, position: TradePosition, move: Modify) -> None:
    symbol = broker.symbol(position.symbol)
    price = _price(broker, position.symbol, position.type)

    def level(points: int | None, sign: int, before: float) -> float:
        if points is None:
            return before
        return symbol.from_points(_beyond(price, position.type, sign * points))

    stop = level(move.stop_points, -1, position.sl)
    hand.protect(broker, position, stop, level(move.target_points, 1, position.tp))


def _chosen(move: _Chosen, broker: Broker) -> tuple[TradePosition, ...]:
    held = tuple(
        position
        for position in broker.book.positions.values()
        if move.symbol in (None, position.symbol)
    )
    if not held:
        raise Refused(c.TRADE_RETCODE_POSITION_CLOSED, "there is no such position")
    match move.which:
        case "oldest":
            return held[:1]
        case "newest":
            return held[-1:]
    return held


def _price(broker: Broker, name: str, side: int) -> int:
    """Return the price in points that a position on that side closes at now."""
    symbol = broker.symbol(name)
    quote = broker.open_quote(symbol)
    return symbol.points(quote.bid if side == c.POSITION_TYPE_BUY else quote.ask)


def _beyond(price: int, side: int, points: int) -> int:
    """Return the price in points so far in a side's favour; 0, which is none, for no way at all."""
    if points == 0:
        return 0
    return price + points if side == c.POSITION_TYPE_BUY else price - points
