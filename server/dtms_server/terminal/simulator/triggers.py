"""Stops and targets: which positions the ticks of a while close, when and at what price."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.records import TradePosition


@dataclass(frozen=True, slots=True, order=True)
class Trigger:
    """At `at` (server milliseconds) the position with `ticket` closes at `price` for `reason`
    (DEAL_REASON_SL or DEAL_REASON_TP)."""

    at: int
    ticket: int
    price: float
    reason: int


def triggered(
    quotes: Quotes, positions: Iterable[TradePosition], after: int, until: int
) -> list[Trigger]:
    """Return what the ticks later than `after` up to `until` trigger, in order of time.

    A position closes at the price of the first tick that reaches its stop or target, also where
    that lies beyond it, as behind a gap: what closes it is an order at the market (MQL5 Reference,
    ORDER_REASON_SL and _TP), and no page promises it the level.
    """
    guarded: dict[str, list[TradePosition]] = {}
    for position in positions:
        if position.sl or position.tp:
            guarded.setdefault(position.symbol, []).append(position)
    return sorted(
        trigger
        for symbol, watched in guarded.items()
        for trigger in _of_symbol(quotes, symbol, watched, after, until)
    )


def _of_symbol(
    quotes: Quotes, symbol: str, watched: Sequence[TradePosition], after: int, until: int
) -> Iterator[Trigger]:
    lowest, highest = quotes.reach(symbol, after, until)
    near = [held for held in watched if _is_near(held, lowest, highest)]
    if not near:
        return
    ticks = quotes.ticks(symbol, after, until)
    scale = quotes.symbols[symbol].scale
    sides = {
        c.POSITION_TYPE_BUY: ticks["bid"] / scale,
        c.POSITION_TYPE_SELL: ticks["ask"] / scale,
    }
    for position in near:
        below, above = _bounds(position)
        prices = sides[position.type]
        reached = np.flatnonzero((prices <= below) | (prices >= above))
        if not len(reached):
            continue
        price = float(prices[reached[0]])
        stopped = (price <= below) == (position.type == c.POSITION_TYPE_BUY)
        reason = c.DEAL_REASON_SL if stopped else c.DEAL_REASON_TP
        yield Trigger(int(ticks["time"][reached[0]]), position.ticket, price, reason)


def _is_near(position: TradePosition, lowest: float, highest: float) -> bool:
    below, above = _bounds(position)
    return lowest <= below or above <= highest


def _bounds(position: TradePosition) -> tuple[float, float]:
    """Return the prices at or below and at or above which a position closes."""
    buy = position.type == c.POSITION_TYPE_BUY
    below, above = (position.sl, position.tp) if buy else (position.tp, position.sl)
    return below or -math.inf, above or math.inf
