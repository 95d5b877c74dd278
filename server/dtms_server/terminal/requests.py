"""Makes every request of the module's order_send, or refuses to."""

import operator
from math import isfinite
from typing import Final

from msgspec import UNSET, Struct, UnsetType, structs

from dtms_server.domain.actions import COMMENT_LENGTH, Order, Verb
from dtms_server.domain.trade import MAX_TICKET, Direction

# The module's TRADE_ACTION_*, ORDER_TYPE_* and ORDER_TIME_*.
DEAL: Final = 1
SLTP: Final = 6
CLOSE_BY: Final = 10
TYPES: Final = {Direction.BUY: 0, Direction.SELL: 1}
GOOD_TILL_CANCELLED: Final = 0
DUST: Final = 1e-9
"""What binary fractions leave of lots."""


class OrderRequest(Struct, frozen=True):
    """A request of order_send but for its filling; what is UNSET is left out."""

    action: int
    symbol: str
    magic: int
    comment: str
    volume: float | UnsetType = UNSET
    type: int | UnsetType = UNSET
    price: float | UnsetType = UNSET
    sl: float | UnsetType = UNSET
    tp: float | UnsetType = UNSET
    deviation: int | UnsetType = UNSET
    type_time: int | UnsetType = UNSET
    position: int | UnsetType = UNSET
    position_by: int | UnsetType = UNSET

    def fields(self) -> dict[str, str | int | float]:
        """Return what is in it, by the module's names."""
        named = structs.asdict(self)
        return {name: value for name, value in named.items() if value is not UNSET}


def request(order: Order, comment: str, magic: int, deviation_points: int) -> OrderRequest:
    """Return the order as a request, but for its filling. Raises ValueError for what the module
    would refuse, break on, or pass on in silence, as it does NaN."""
    if not order.symbol:
        raise ValueError("an order without a symbol")
    magic = _whole(magic, "magic", least=0)
    comment = _text(comment)
    match order.verb:
        case Verb.OPEN | Verb.CLOSE:
            return _deal(order, comment, magic, _whole(deviation_points, "deviation", least=0))
        case Verb.PROTECT:
            return OrderRequest(
                action=SLTP,
                symbol=order.symbol,
                magic=magic,
                comment=comment,
                sl=_level(order.stop_loss, "stop loss"),
                tp=_level(order.take_profit, "take profit"),
                position=_ticket(order.position_ticket, "position"),
            )
        case Verb.CLOSE_BY:
            return OrderRequest(
                action=CLOSE_BY,
                symbol=order.symbol,
                magic=magic,
                comment=comment,
                position=_ticket(order.position_ticket, "position"),
                position_by=_ticket(order.by_ticket, "opposite position"),
            )


def _deal(order: Order, comment: str, magic: int, deviation: int) -> OrderRequest:
    opens = order.verb is Verb.OPEN
    if not opens and order.volume_lots > order.position_lots + DUST:
        # on a netting account it would turn the position
        raise ValueError(f"{order.volume_lots} lots of {order.position_lots} to be closed")
    return OrderRequest(
        action=DEAL,
        symbol=order.symbol,
        magic=magic,
        comment=comment,
        volume=_above_0(order.volume_lots, "volume"),
        type=TYPES[order.direction],
        price=_above_0(order.price, "price"),
        deviation=deviation,
        type_time=GOOD_TILL_CANCELLED,
        sl=_level(order.stop_loss, "stop loss") if opens else UNSET,
        tp=_level(order.take_profit, "take profit") if opens else UNSET,
        position=UNSET if opens else _ticket(order.position_ticket, "position"),
    )


def _level(price: float | None, what: str) -> float:
    """Return a stop as the module has it, where 0 is none; here only None is."""
    return 0.0 if price is None else _above_0(price, what)


def _above_0(value: float, what: str) -> float:
    number = float(value)  # the module takes no other kind of number for it
    if not (isfinite(number) and number > 0):
        raise ValueError(f"a {what} of {value}")
    return number


def _ticket(value: int | None, what: str) -> int:
    if value is None:
        raise ValueError(f"no {what} is named")
    return _whole(value, f"{what} ticket", least=1)


def _whole(value: int, what: str, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError as error:
        raise ValueError(f"a {what} of {value!r}") from error
    if not least <= number <= MAX_TICKET:
        raise ValueError(f"a {what} of {value}")
    return number


def _text(comment: str) -> str:
    if len(comment) > COMMENT_LENGTH or not (comment.isascii() and comment.isprintable()):
        raise ValueError(f"the comment {comment!r} is not {COMMENT_LENGTH} ASCII characters")
    return comment
