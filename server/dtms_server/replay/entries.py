"""The trades that a replay opens: when, at what price, and with which stop and target."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from dtms_server.domain.trade import Direction
from dtms_server.replay.history import M15_SECONDS, History
from dtms_server.replay.plan import LOTS, Plan
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.symbols import Symbol

SPREADS_TO_STOP: Final = 2
"""How far from the entry a stop is at least: the spread that it opened at, and one more from the
price that closes it, as brokers with a floating stops level demand."""
_DUST: Final = 1e-6  # what binary fractions leave of a whole number of ticks


@dataclass(frozen=True, slots=True)
class Entry:
    """A trade of 1.00 lot as it is opened at the end of an M5 bar, `at` in UTC epoch seconds;
    prices in points. `risk` is the money lost at its stop: what one R is."""

    direction: Direction
    bar: int
    at: int
    price: int
    stop: int
    target: int | None
    ends_at: int
    risk: float


def entries(history: History, bar: int, atr: float | None, plan: Plan) -> tuple[Entry, ...]:
    """Return what is opened when an M5 bar has closed, one trade a side, or nothing.

    Nothing is opened while the market is closed, before there is an ATR (in the quote currency),
    too late for the history to tell how it would end, or where the spread is so wide that a broker
    would refuse the stop.
    """
    at = history.closes_at[bar]
    is_due = at % M15_SECONDS == 0 and history.m15_closed[bar] % plan.every == 0
    is_told = at + plan.hold_seconds <= history.closes_at[-1]
    if not (is_due and is_told and history.is_open_after[bar] and atr):
        return ()
    distance = _on_grid(plan.stop_atr * atr * history.symbol.scale, history.symbol)
    bid, ask = (history.lasts[side][bar] for side in Direction)
    if distance < SPREADS_TO_STOP * (ask - bid):
        return ()
    return tuple(_entry(history, bar, direction, distance, plan) for direction in Direction)


def _entry(history: History, bar: int, direction: Direction, distance: int, plan: Plan) -> Entry:
    symbol, sign = history.symbol, direction.sign
    price = history.lasts[direction.opposite][bar]
    ahead = None if plan.target_r is None else _on_grid(plan.target_r * distance, symbol)
    stop = price - sign * distance
    return Entry(
        direction=direction,
        bar=bar,
        at=history.closes_at[bar],
        price=price,
        stop=stop,
        target=None if ahead is None else price + sign * ahead,
        ends_at=history.closes_at[bar] + plan.hold_seconds,
        risk=-profit(symbol, direction, LOTS, price, stop),
    )


def profit(symbol: Symbol, direction: Direction, lots: float, opened: int, closed: int) -> float:
    """Return what a position made, in USD; prices in points."""
    side = c.POSITION_TYPE_BUY if direction is Direction.BUY else c.POSITION_TYPE_SELL
    return symbol.profit(side, lots, symbol.from_points(opened), symbol.from_points(closed))


def _on_grid(points: float, symbol: Symbol) -> int:
    """Return a distance in points as a whole number of ticks, rounded up."""
    return ceil(points / symbol.tick_points - _DUST) * symbol.tick_points
