"""The history of orders and deals, as the terminal lists it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.arguments import moment, of_group, whole
from dtms_server.terminal.simulator.failure import Failed
from dtms_server.terminal.simulator.faults import LateDeals
from dtms_server.terminal.simulator.records import TradeDeal, TradeOrder
from dtms_server.terminal.simulator.world import World

Record = TypeVar("Record", TradeDeal, TradeOrder)
Dates = Sequence[object]  # none, or the first and the last moment
Named = Mapping[str, object]  # keyword arguments; those that are not known are ignored in silence


def deals(world: World, dates: Dates, named: Named) -> tuple[TradeDeal, ...]:
    """Return deals by `position`, by the `ticket` of their order, or by time and `group`."""
    found = _found(
        world.broker.book.deals,
        dates,
        named,
        ticket=lambda deal: deal.order,
        time=lambda deal: deal.time,
    )
    shown = _shown_until(world)
    return tuple(deal for deal in found if deal.time_msc <= shown)


def orders(world: World, dates: Dates, named: Named) -> tuple[TradeOrder, ...]:
    """Return done orders by `position`, by their `ticket`, or by time and `group`."""
    found = _found(
        world.broker.book.orders,
        dates,
        named,
        ticket=lambda order: order.ticket,
        time=lambda order: order.time_done,
    )
    shown = _shown_until(world)
    return tuple(order for order in found if order.time_done_msc <= shown)


def _found(
    records: Sequence[Record],
    dates: Dates,
    named: Named,
    ticket: Callable[[Record], int],
    time: Callable[[Record], int],
) -> tuple[Record, ...]:
    if "ticket" in named:
        wanted = whole("ticket", named["ticket"])
        return tuple(record for record in records if ticket(record) == wanted)
    if "position" in named:
        wanted = whole("position", named["position"])
        return tuple(record for record in records if record.position_id == wanted)
    given = [*dates, *(named[name] for name in ("date_from", "date_to") if name in named)]
    if len(given) != 2:
        raise Failed(c.RES_E_INVALID_PARAMS, "Invalid params")
    begin, end = moment("date_from", given[0]), moment("date_to", given[1])
    return of_group([r for r in records if begin <= time(r) <= end], named.get("group"))


def _shown_until(world: World) -> float:
    """Return up to when (server milliseconds) the terminal shows this account's history."""
    if world.faults.take(LateDeals) is not None:
        world.save()
        return -math.inf
    if world.blank:
        return -math.inf
    return world.broker.now - world.faults.history_lag * 1000
