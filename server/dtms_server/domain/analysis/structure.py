"""Swings and the closes that break them: nothing is known before its bars have closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from dtms_server.domain.bars import Bars, Floats
from dtms_server.domain.trade import Direction


class BreakKind(StrEnum):
    """Break of structure, along the trend, or change of character, which turns it."""

    BOS = "BOS"
    CHOCH = "CHOCH"


@dataclass(frozen=True, slots=True)
class Swing:
    """A high or low that stands out from its neighbours; `at` is when its bar opened, UTC."""

    price: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Swings:
    """The swings of one side that count now: the newest one, the newest that no close has broken,
    and the one that the side's latest break went through; None where there is none."""

    newest: Swing | None
    unbroken: Swing | None
    broken: Swing | None


@dataclass(frozen=True, slots=True)
class Break:
    """A close beyond a swing. `direction` is the side that it favours: BUY broke a high. It was
    known at `at`, the end of its bar in UTC; `bars_ago` is 0 for the newest closed bar."""

    direction: Direction
    kind: BreakKind
    swing: Swing
    at: datetime
    bars_ago: int


@dataclass(frozen=True, slots=True)
class Structure:
    """The swings of both sides and the latest break, whichever side it favours."""

    highs: Swings
    lows: Swings
    latest_break: Break | None


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a series: indexes of its swings, of those unbroken at the end, and (bar, swing)
    of each break, all oldest first."""

    swings: Sequence[int]
    unbroken: Sequence[int]
    breaks: Sequence[tuple[int, int]]


def swing_highs(high: Floats, wing: int) -> list[int]:
    """Return the indexes of bars whose high is strictly above those of the `wing` bars on both
    sides; such a one is known once bar index + wing has closed. Pass -low for the lows."""
    inner = len(high) - 2 * wing
    if inner < 1:
        return []
    centre = high[wing:-wing]
    above = np.ones(inner, dtype=bool)
    for apart in range(1, wing + 1):
        above &= centre > high[wing - apart :][:inner]
        above &= centre > high[wing + apart :][:inner]
    swings: list[int] = (np.flatnonzero(above) + wing).tolist()
    return swings


def follow_highs(high: Floats, close: Floats, wing: int) -> Side:
    """Return what closes did to the swing highs; pass -low and -close for the lows.

    Only the last unbroken swing can be broken, among those known by that close: the one that it
    makes known too. A close beyond several at once breaks them all and is one break, of the last.
    """
    swings, levels, closes = swing_highs(high, wing), high.tolist(), close.tolist()
    known = [swing + wing for swing in swings]
    unbroken: list[int] = []
    breaks: list[tuple[int, int]] = []
    for swing, start, end in zip(swings, known, [*known[1:], len(closes)], strict=False):
        unbroken.append(swing)
        if max(closes[start:end]) <= levels[swing]:
            continue  # as most do: the bars need not be looked at one by one
        for bar in range(start, end):
            if unbroken and closes[bar] > levels[unbroken[-1]]:
                breaks.append((bar, unbroken[-1]))
                while unbroken and closes[bar] > levels[unbroken[-1]]:
                    unbroken.pop()
    return Side(swings, unbroken, breaks)


def kinds(up: Sequence[int], down: Sequence[int]) -> list[tuple[int, Direction, BreakKind]]:
    """Return every break in order with its kind, from the bars that broke upwards and downwards.

    The first of all is a BOS; after that one against the last is a CHOCH.
    """
    merged = sorted([(bar, Direction.BUY) for bar in up] + [(bar, Direction.SELL) for bar in down])
    labelled = []
    trend: Direction | None = None
    for bar, direction in merged:
        turned = trend is not None and direction is not trend
        labelled.append((bar, direction, BreakKind.CHOCH if turned else BreakKind.BOS))
        trend = direction
    return labelled


def read_structure(bars: Bars, scaled: Bars, wing: int) -> Structure:
    """Return swings and latest break of closed bars; `scaled` are the same in whole points, so that
    a price that returns to the point is the same price."""
    highs = follow_highs(scaled.high, scaled.close, wing)
    lows = follow_highs(-scaled.low, -scaled.close, wing)
    return Structure(
        _swings(highs, bars, bars.high), _swings(lows, bars, bars.low), _latest(highs, lows, bars)
    )


def _latest(highs: Side, lows: Side, bars: Bars) -> Break | None:
    labelled = kinds([bar for bar, _ in highs.breaks], [bar for bar, _ in lows.breaks])
    if not labelled:
        return None
    bar, direction, kind = labelled[-1]
    upwards = direction is Direction.BUY
    _, swing = (highs if upwards else lows).breaks[-1]
    return Break(
        direction,
        kind,
        _swing(swing, bars, bars.high if upwards else bars.low),
        datetime.fromtimestamp(int(bars.time[bar]) + bars.timeframe_seconds, UTC),
        len(bars) - 1 - bar,
    )


def _swings(side: Side, bars: Bars, prices: Floats) -> Swings:
    broken = [swing for _, swing in side.breaks]
    newest, unbroken, last_broken = (
        _swing(indexes[-1], bars, prices) if indexes else None
        for indexes in (side.swings, side.unbroken, broken)
    )
    return Swings(newest, unbroken, last_broken)


def _swing(index: int, bars: Bars, prices: Floats) -> Swing:
    return Swing(float(prices[index]), datetime.fromtimestamp(int(bars.time[index]), UTC))
