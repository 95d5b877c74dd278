"""Bars and the ticks inside them: the ticks that a bar is made of, the bars that ticks make."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dtms_server.terminal.simulator import constants as c

BAR: Final = np.dtype(
    [
        ("time", "i8"),  # server epoch, seconds
        ("open", "i8"),  # bid, points
        ("high", "i8"),
        ("low", "i8"),
        ("close", "i8"),
        ("spread", "i8", (4,)),  # points from bid to ask at open, high, low and close
        ("ticks", "i8"),  # how many ticks the bar has, MIN_TICKS at least
    ]
)
TICK: Final = np.dtype([("time", "i8"), ("bid", "i8"), ("ask", "i8")])  # milliseconds, points
PIECE: Final = np.dtype(
    [(name, "i8") for name in ("time", "open", "high", "low", "close", "spread", "ticks")]
)  # a bar of any length, or one tick; `spread` is the one at its open
Rows = NDArray[Any]  # rows of one of the types above
Whole = NDArray[np.int64]

MIN_TICKS: Final = 4
DAY: Final = 86_400
_HOURS: Final = {
    c.TIMEFRAME_H1: 1,
    c.TIMEFRAME_H2: 2,
    c.TIMEFRAME_H3: 3,
    c.TIMEFRAME_H4: 4,
    c.TIMEFRAME_H6: 6,
    c.TIMEFRAME_H8: 8,
    c.TIMEFRAME_H12: 12,
    c.TIMEFRAME_D1: 24,
}
SECONDS: Final = (
    {minutes: minutes * 60 for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)}
    | {timeframe: hours * 3600 for timeframe, hours in _HOURS.items()}
    | {c.TIMEFRAME_W1: 7 * DAY, c.TIMEFRAME_MN1: 31 * DAY}
)
"""How long a bar of each TIMEFRAME_… lasts at most."""


def starts(times: Whole, timeframe: int) -> Whole:
    """Return when the bars of `timeframe` begin that hold these server epochs, in seconds."""
    match timeframe:
        case c.TIMEFRAME_MN1:
            months = times.astype("datetime64[s]").astype("datetime64[M]")
            return months.astype("datetime64[s]").astype(np.int64)
        case c.TIMEFRAME_W1:  # weeks begin on Sunday; the epoch was a Thursday
            return times - (times + 4 * DAY) % (7 * DAY)
        case _:
            return times - times % SECONDS[timeframe]


def ticks_of(bars: Rows, period: int) -> Rows:
    """Return all ticks of bars that last `period` seconds each, in order of time.

    The first is the bar's open, the last its close; a rising bar goes to its low first, a falling
    one to its high; between them the price goes straight, with a small and fixed unrest.
    """
    counts = bars["ticks"]
    of = np.repeat(np.arange(len(bars)), counts)
    at = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    nodes = np.stack([np.zeros_like(counts), counts // 3, 2 * counts // 3, counts - 1], axis=1)
    leg = (at >= nodes[of, 1]).astype(np.int64) + (at >= nodes[of, 2])
    done = at - nodes[of, leg]
    length = nodes[of, leg + 1] - nodes[of, leg]

    bids, spreads = _waypoints(bars)
    straight = _between(bids, of, leg, done, length)
    spread = _between(spreads, of, leg, done, length)
    ticks = np.empty(len(of), TICK)
    ticks["time"] = bars["time"][of] * 1000 + at * (period * 1000) // counts[of]
    moved = straight + _unrest(ticks["time"]) * ((bars["high"] - bars["low"]) // 12)[of]
    pinned = (done == 0) | (done == length)
    ticks["bid"] = np.where(pinned, straight, np.clip(moved, bars["low"][of], bars["high"][of]))
    asks = bids + spreads
    ticks["ask"] = np.clip(ticks["bid"] + spread, asks.min(axis=1)[of], asks.max(axis=1)[of])
    return ticks


def _waypoints(bars: Rows) -> tuple[Whole, Whole]:
    """Return bids and spreads at the four points that each bar passes, in its order."""
    levels = np.stack([bars[name] for name in ("open", "high", "low", "close")], axis=1)
    rising = bars["close"] >= bars["open"]
    order = np.where(rising[:, None], [[0, 2, 1, 3]], [[0, 1, 2, 3]])
    bids = np.take_along_axis(levels, order, axis=1)
    return bids, np.take_along_axis(bars["spread"], order, axis=1)


def _between(points: Whole, of: Whole, leg: Whole, done: Whole, length: Whole) -> Whole:
    begin = points[of, leg]
    return np.asarray(begin + (points[of, leg + 1] - begin) * done // length)


def _unrest(times: Whole) -> Whole:
    """Return -1, 0 or 1 for each time: always the same, without a pattern to the eye."""
    mixed = times.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(40)) % np.uint64(3)).astype(np.int64) - 1


def pieces_of_bars(bars: Rows) -> Rows:
    """Return bars as pieces to build longer ones of."""
    pieces = np.empty(len(bars), PIECE)
    for name in ("time", "open", "high", "low", "close", "ticks"):
        pieces[name] = bars[name]
    pieces["spread"] = bars["spread"][:, 0]
    return pieces


def pieces_of_ticks(ticks: Rows) -> Rows:
    """Return ticks as pieces to build bars of."""
    pieces = np.empty(len(ticks), PIECE)
    pieces["time"] = ticks["time"] // 1000
    for name in ("open", "high", "low", "close"):
        pieces[name] = ticks["bid"]
    pieces["spread"] = ticks["ask"] - ticks["bid"]
    pieces["ticks"] = 1
    return pieces


def build(pieces: Rows, timeframe: int) -> Rows:
    """Return the bars of `timeframe` that these pieces, in order of time, make."""
    begins, first = np.unique(starts(pieces["time"], timeframe), return_index=True)
    bars = np.empty(len(begins), PIECE)
    if not len(begins):
        return bars
    last = np.append(first[1:], len(pieces)) - 1
    bars["time"] = begins
    bars["open"], bars["close"] = pieces["open"][first], pieces["close"][last]
    bars["high"] = np.maximum.reduceat(pieces["high"], first)
    bars["low"] = np.minimum.reduceat(pieces["low"], first)
    bars["ticks"] = np.add.reduceat(pieces["ticks"], first)
    bars["spread"] = pieces["spread"][first]
    return bars
