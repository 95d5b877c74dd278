"""Bars and ticks of the past, as the terminal hands them out: structured arrays."""

from typing import Final

import numpy as np

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.bars import DAY, SECONDS, TICK, Rows, build, starts
from dtms_server.terminal.simulator.failure import invalid
from dtms_server.terminal.simulator.market_watch import FLAGS, symbol
from dtms_server.terminal.simulator.symbols import Symbol
from dtms_server.terminal.simulator.world import World

RATES: Final = np.dtype(
    [
        ("time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("tick_volume", "<u8"),
        ("spread", "<i4"),
        ("real_volume", "<u8"),
    ]
)
TICKS: Final = np.dtype(
    [
        ("time", "<i8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("last", "<f8"),
        ("volume", "<u8"),
        ("time_msc", "<i8"),
        ("flags", "<u4"),
        ("volume_real", "<f8"),
    ]
)


def latest(world: World, name: str, timeframe: int, skip: int, count: int) -> Rows:
    """Return `count` bars, oldest first, that end `skip` bars before the one that is forming."""
    known, all_of_them = symbol(world, name), _counted(skip) + _counted(count)
    newest = _newest(world, known, timeframe, world.broker.now / 1000, all_of_them)
    return newest[: max(0, len(newest) - skip)]


def until(world: World, name: str, timeframe: int, date: float, count: int) -> Rows:
    """Return `count` bars, oldest first; the last is the one that holds `date`."""
    end = min(world.broker.now / 1000, date)
    return _newest(world, symbol(world, name), timeframe, end, _counted(count))


def between(world: World, name: str, timeframe: int, first: float, last: float) -> Rows:
    """Return the bars that begin between two dates, both included."""
    begin = max(first, world.broker.quotes.market.first)
    end = min(last, world.broker.now / 1000)
    known, checked = symbol(world, name), _timeframe(timeframe)
    if end < begin:
        return np.empty(0, RATES)
    bars = _bars(world, known, checked, begin, end)
    return _rates(bars[bars["time"] >= begin], known)


def ticks_from(world: World, name: str, date: float, count: int, flags: int) -> Rows:
    """Return the first `count` ticks from `date` on."""
    known, wanted = symbol(world, name), _counted(count)
    quotes, now = world.broker.quotes, world.broker.now
    after = max(round(date * 1000), quotes.market.first * 1000) - 1
    pages, found = [np.empty(0, TICK)], 0
    while after < now and found < wanted and _quoted(flags):
        end = min(now, after + DAY * 1000)
        pages.append(quotes.ticks(known.name, after, end))
        found += len(pages[-1])
        after = end
    return _ticks(np.concatenate(pages)[:wanted], known)


def ticks_between(world: World, name: str, first: float, last: float, flags: int) -> Rows:
    """Return the ticks between two dates, both included."""
    known, quotes = symbol(world, name), world.broker.quotes
    after = round(max(first, quotes.market.first) * 1000) - 1
    before = min(world.broker.now, round(last * 1000))
    if before <= after or not _quoted(flags):
        return np.empty(0, TICKS)
    return _ticks(quotes.ticks(known.name, after, before), known)


def _newest(world: World, known: Symbol, timeframe: int, end: float, count: int) -> Rows:
    """Return the newest `count` bars that begin at or before `end` (server seconds)."""
    checked = _timeframe(timeframe)
    span = count * SECONDS[checked]
    first = world.broker.quotes.market.first
    while True:
        bars = _bars(world, known, checked, max(first, end - span), end)
        if len(bars) >= count or end - span <= first:
            return _rates(bars[len(bars) - min(count, len(bars)) :], known)
        span = 2 * span + 3 * DAY  # there was a weekend


def _bars(world: World, known: Symbol, timeframe: int, begin: float, end: float) -> Rows:
    """Build the bars that begin at or before `end`, the first one the bar that holds `begin`."""
    edges = starts(np.array([begin, end], np.int64), timeframe).tolist()
    until = min(world.broker.now, (edges[1] + SECONDS[timeframe]) * 1000 - 1)
    pieces = world.broker.quotes.pieces(known.name, edges[0], until, SECONDS[timeframe])
    bars = build(pieces, timeframe)
    return bars[bars["time"] <= end]


def _timeframe(timeframe: int) -> int:
    if timeframe not in SECONDS:
        raise invalid("Invalid params")
    return timeframe


def _counted(count: int) -> int:
    if count < 0:
        raise invalid("Invalid params")
    return count


def _quoted(flags: int) -> bool:
    """Are bid and ask asked for? Ticks of last trades there are none."""
    return flags != c.COPY_TICKS_TRADE


def _rates(bars: Rows, known: Symbol) -> Rows:
    rates = np.zeros(len(bars), RATES)
    for level in ("open", "high", "low", "close"):
        rates[level] = bars[level] / known.scale
    rates["time"], rates["tick_volume"], rates["spread"] = (
        bars["time"],
        bars["ticks"],
        bars["spread"],
    )
    return rates


def _ticks(found: Rows, known: Symbol) -> Rows:
    ticks = np.zeros(len(found), TICKS)
    ticks["time"], ticks["time_msc"] = found["time"] // 1000, found["time"]
    ticks["bid"], ticks["ask"] = found["bid"] / known.scale, found["ask"] / known.scale
    ticks["flags"] = FLAGS
    return ticks
