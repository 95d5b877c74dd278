"""Stops and targets: which positions the ticks of a while close, when and at what price."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.records import TradePosition

_PAGE_MILLISECONDS: Final = 86_400_000  # a long jump of the clock is read day by day


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
    that lies beyond it.
    """
    fresh = {name for name in quotes.symbols if _has_ticks(quotes, name, after, until)}
    if not fresh:
        return []
    guarded: dict[str, list[TradePosition]] = {}
    for position in positions:
        if position.symbol in fresh and (position.sl or position.tp):
            guarded.setdefault(position.symbol, []).append(position)
    return sorted(
        trigger
        for symbol, watched in guarded.items()
        for trigger in _of_symbol(quotes, symbol, watched, after, until)
    )


def _of_symbol(
    quotes: Quotes, symbol: str, watched: Sequence[TradePosition], after: int, until: int
) -> Iterator[Trigger]:
    scale = quotes.symbols[symbol].scale
    while watched and after < until:
        end = min(until, after + _PAGE_MILLISECONDS)
        ticks = quotes.ticks(symbol, after, end)
        after = end
        if not len(ticks):
            continue
        sides = {
            c.POSITION_TYPE_BUY: ticks["bid"] / scale,
            c.POSITION_TYPE_SELL: ticks["ask"] / scale,
        }
        reach = {side: (prices.min(), prices.max()) for side, prices in sides.items()}
        waiting = []
        for position in watched:
            lowest, highest = reach[position.type]
            below, above = _bounds(position)
            if below < lowest and highest < above:
                waiting.append(position)
                continue
            prices = sides[position.type]
            first = int(np.argmax((prices <= below) | (prices >= above)))
            price = float(prices[first])
            stopped = (price <= below) == (position.type == c.POSITION_TYPE_BUY)
            reason = c.DEAL_REASON_SL if stopped else c.DEAL_REASON_TP
            yield Trigger(int(ticks["time"][first]), position.ticket, price, reason)
        watched = waiting


def _has_ticks(quotes: Quotes, symbol: str, after: int, until: int) -> bool:
    newest = quotes.last(symbol, until)
    return newest is not None and newest.time > after


def _bounds(position: TradePosition) -> tuple[float, float]:
    """Return the prices at or below and at or above which a position closes."""
    buy = position.type == c.POSITION_TYPE_BUY
    below, above = (position.sl, position.tp) if buy else (position.tp, position.sl)
    return below or -math.inf, above or math.inf
