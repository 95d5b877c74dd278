"""The history of orders and deals, as the terminal lists it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from dtms_server.terminal.simulator.arguments import of_group
from dtms_server.terminal.simulator.faults import LateDeals
from dtms_server.terminal.simulator.records import TradeDeal, TradeOrder
from dtms_server.terminal.simulator.world import World

Record = TypeVar("Record", TradeDeal, TradeOrder)
Wanted = Mapping[str, Any]  # `dates` (the first and the last moment) and `group`, or a number


def deals(world: World, wanted: Wanted) -> tuple[TradeDeal, ...]:
    """Return deals by `position`, by the `ticket` of their order, or by time and `group`."""
    found = _found(
        world.broker.book.deals,
        wanted,
        ticket=lambda deal: deal.order,
        time=lambda deal: deal.time,
    )
    shown = _shown_until(world)
    return tuple(deal for deal in found if deal.time_msc <= shown)


def orders(world: World, wanted: Wanted) -> tuple[TradeOrder, ...]:
    """Return done orders by `position`, by their `ticket`, or by time and `group`."""
    found = _found(
        world.broker.book.orders,
        wanted,
        ticket=lambda order: order.ticket,
        time=lambda order: order.time_done,
    )
    shown = _shown_until(world)
    return tuple(order for order in found if order.time_done_msc <= shown)


def _found(
    records: Sequence[Record],
    wanted: Wanted,
    ticket: Callable[[Record], int],
    time: Callable[[Record], int],
) -> tuple[Record, ...]:
    match wanted:
        case {"dates": [begin, end]}:
            within = [record for record in records if begin <= time(record) <= end]
            return of_group(within, wanted.get("group"))
        case {"ticket": number}:
            return tuple(record for record in records if ticket(record) == number)
    return tuple(record for record in records if record.position_id == wanted["position"])


def _shown_until(world: World) -> float:
    """Return up to when (server milliseconds) the terminal shows this account's history."""
    if world.faults.take(LateDeals) is not None:
        world.save()
        return -math.inf
    if world.blank:
        return -math.inf
    return world.broker.now - world.faults.history_lag * 1000
