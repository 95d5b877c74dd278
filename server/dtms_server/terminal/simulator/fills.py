"""An order that is filled or waits, and the records that it leaves: order, deal and position."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.netting import lots
from dtms_server.terminal.simulator.records import (
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
from dtms_server.terminal.simulator.symbols import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An order that is being filled: `direction` is DEAL_TYPE_…, `reason` DEAL_REASON_…, `at`
    server milliseconds, `order` its ticket (0: the next one) and `since` when it came (None: just
    now). `asked` are the price (0: none) and the lots (0: those filled) that the order named."""

    symbol: Symbol
    direction: int
    volume: float
    price: float
    at: int
    reason: int
    magic: int = 0
    comment: str = ""
    stop_loss: float = 0.0
    take_profit: float = 0.0
    filling: int = c.ORDER_FILLING_FOK
    order: int = 0
    since: int | None = None
    asked: tuple[float, float] = (0.0, 0.0)


class Waiting(msgspec.Struct, frozen=True):
    """A request that the broker carries out at `at` (server milliseconds), if it may be then; its
    order has had this ticket since `since`, and is listed if `shown`."""

    at: int
    since: int
    ticket: int
    request: TradeRequest
    reason: int
    shown: bool


def order_of(waiting: Waiting, state: Literal[1, 5], done: int = 0) -> TradeOrder:
    """Return the order of a request that waits: ORDER_STATE_PLACED, or _REJECTED when `done`."""
    request = waiting.request
    return TradeOrder(
        ticket=waiting.ticket,
        time_setup=waiting.since // 1000,
        time_setup_msc=waiting.since,
        time_done=done // 1000,
        time_done_msc=done,
        type=request.type,
        type_filling=request.type_filling,
        state=state,
        magic=request.magic,
        position_id=request.position,
        position_by_id=request.position_by,
        reason=waiting.reason,
        volume_initial=request.volume,
        volume_current=request.volume,
        price_open=request.price,
        sl=request.sl,
        tp=request.tp,
        symbol=request.symbol,
        comment=request.comment,
    )


def opened(fill: Fill, ticket: int) -> TradePosition:
    """Return the position that a fill opens."""
    return TradePosition(
        ticket=ticket,
        identifier=ticket,
        time=fill.at // 1000,
        time_msc=fill.at,
        time_update=fill.at // 1000,
        time_update_msc=fill.at,
        type=fill.direction,
        magic=fill.magic,
        reason=fill.reason,
        volume=fill.volume,
        price_open=fill.price,
        sl=fill.stop_loss,
        tp=fill.take_profit,
        symbol=fill.symbol.name,
        comment=fill.comment,
    )


def done(fill: Fill, ticket: int, identifier: int) -> TradeOrder:
    """Return the order that was filled.

    MQL5 Reference, Order Properties: set up when it came and done when it was filled; the price and
    the volume that it named, what is left of that (then it is ORDER_STATE_PARTIAL), and the
    symbol's price when it was done.
    """
    since = fill.at if fill.since is None else fill.since
    price, volume = fill.asked
    left = lots(max(volume, fill.volume) - fill.volume)
    return TradeOrder(
        ticket=ticket,
        time_setup=since // 1000,
        time_setup_msc=since,
        time_done=fill.at // 1000,
        time_done_msc=fill.at,
        type=fill.direction,
        type_filling=fill.filling,
        state=c.ORDER_STATE_PARTIAL if left else c.ORDER_STATE_FILLED,
        magic=fill.magic,
        position_id=identifier,
        reason=fill.reason,
        volume_initial=max(volume, fill.volume),
        volume_current=left,
        price_open=price or fill.price,
        sl=fill.stop_loss,
        tp=fill.take_profit,
        price_current=fill.price,
        symbol=fill.symbol.name,
        comment=fill.comment,
    )


def deal(fill: Fill, entry: int, order: int, identifier: int) -> TradeDeal:
    """Return the deal of a fill, with what the broker takes for it.

    MQL5 Reference, Deal Properties: DEAL_COMMISSION and DEAL_FEE; profit and swap are 0 but for
    what it closes.
    """
    return TradeDeal(
        order=order,
        time=fill.at // 1000,
        time_msc=fill.at,
        type=fill.direction,
        entry=entry,
        magic=fill.magic,
        position_id=identifier,
        reason=fill.reason,
        volume=fill.volume,
        price=fill.price,
        commission=-round(fill.symbol.commission * fill.volume, 2) + 0.0,
        fee=-round(fill.symbol.fee * fill.volume, 2) + 0.0,
        symbol=fill.symbol.name,
        comment=fill.comment,
    )
