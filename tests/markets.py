"""Bars to read: real ones, seeded walks, and any of them mirrored."""

import csv
import gzip
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from dtms_server.domain.bars import Bars, Floats, Integers
from dtms_server.domain.charts import Charts, PriceFacts
from dtms_server.domain.policy.analysis import AnalysisPolicy
from outside import DATA

M1, M5, M15 = 60, 300, 900
POINT = 1e-5
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FACTS = PriceFacts(point=POINT, digits=5, server_offset_seconds=7200)
SHORT = replace(  # so that short walks have EMAs too
    AnalysisPolicy(),
    least_ema_bars=61,
    indicators=replace(AnalysisPolicy().indicators, ema_fast_period=20, ema_slow_period=40),
)

needs_real_bars = pytest.mark.skipif(
    not DATA.exists() and not os.environ.get("CI"), reason="the shared bars are not here"
)


@cache
def eurusd_m15() -> Bars:
    """A year of EURUSD M15 with tick volume, taken to be two hours ahead of UTC."""
    rows = _rows(DATA / "EURUSD_M15.csv.gz")[:-1]  # the last one was still forming
    times = [datetime.strptime(row[0], "%Y.%m.%d %H:%M:%S").replace(tzinfo=UTC) for row in rows]
    prices = np.array([row[1:5] for row in rows], dtype=np.float64)
    volume = np.array([row[5] for row in rows], dtype=np.int64)
    return _bars(M15, np.array([int(at.timestamp()) - 7200 for at in times]), prices, volume)


@cache
def gbpusd_m1() -> Bars:
    """A month of GBPUSD M1 bids; the tick volume is made: a tick a point of range, and one."""
    rows = _rows(DATA / "gbpusd-m1-bid-2012.csv.gz")
    times = np.array([int(datetime.fromisoformat(row[0]).timestamp()) for row in rows])
    prices = np.array([row[1:5] for row in rows], dtype=np.float64)
    volume = 1 + np.rint((prices[:, 1] - prices[:, 2]) / POINT).astype(np.int64)
    return _bars(M1, times, prices, volume)


@cache
def gbpusd() -> Charts:
    """The same month as M5 and M15."""
    found = charts(joined(gbpusd_m1(), M5), joined(gbpusd_m1(), M15))
    return replace(found, symbol="GBPUSD")


@cache
def eurusd() -> Charts:
    """The year of EURUSD, its M5 bars made: open to one end, to the other, and to the close."""
    return charts(thirds(eurusd_m15()), eurusd_m15())


def walk(seed: int, count: int, step: int = 20) -> Bars:
    """Return M5 bars from MONDAY on: a seeded walk in points whose drift and liveliness change."""
    dice = np.random.default_rng(seed)
    spell = np.repeat(np.arange(count // 40 + 1), 40)[:count]
    drift = dice.integers(-step // 4, step // 4 + 1, spell[-1] + 1)[spell]
    lively = dice.integers(1, step + 1, spell[-1] + 1)[spell]
    moves = np.rint(dice.normal(0, 1, count) * lively + drift).astype(np.int64)
    close = 110_000 + np.cumsum(moves)
    open_ = close - moves
    reach = dice.integers(0, step, (2, count))
    high = np.maximum(open_, close) + reach[0]
    low = np.minimum(open_, close) - reach[1]
    times = int(MONDAY.timestamp()) + M5 * np.arange(count)
    prices = np.stack((open_, high, low, close), axis=1)
    return _bars(M5, times, in_quote(prices), dice.integers(1, 400, count))


def walked(seed: int, count: int = 300) -> Charts:
    """Return the charts of a seeded walk of so many M5 bars."""
    m5 = walk(seed, count)
    return charts(m5, joined(m5, M15))


def ending(at: Charts, now: datetime) -> Charts:
    """Return the charts with the bars that opened before `now`."""
    m5, m15 = (
        bars.pick(slice(0, int(np.searchsorted(bars.time, now.timestamp()))))
        for bars in (at.m5, at.m15)
    )
    return replace(at, m5=m5, m15=m15)


def charts(m5: Bars, m15: Bars) -> Charts:
    """Return the charts of an open EURUSD without ticks."""
    return Charts("EURUSD", FACTS, m5, m15, bid_changes=None, market_open=True)


def in_quote(points: Integers) -> Floats:
    """Return prices from whole points, each the float nearest to its decimals, as a broker's."""
    return np.round(points * POINT, 5)


def joined(bars: Bars, timeframe: int) -> Bars:
    """Return the bars built up to a longer timeframe."""
    opens_at = bars.time - bars.time % timeframe
    times, first = np.unique(opens_at, return_index=True)
    last = np.append(first[1:], len(bars)) - 1
    return Bars(
        timeframe,
        times,
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.tick_volume, first),
        bars.spread[first],
    )


def thirds(bars: Bars) -> Bars:
    """Return each M15 bar as three M5 bars that end at its extremes and its close."""
    rose = bars.close >= bars.open
    first = np.where(rose, bars.low, bars.high)
    second = np.where(rose, bars.high, bars.low)
    stops = np.stack((bars.open, first, second, bars.close), axis=1)
    open_, close = stops[:, :3].ravel(), stops[:, 1:].ravel()
    times = (bars.time[:, None] + np.array([0, M5, 2 * M5])).ravel()
    prices = np.stack((open_, np.maximum(open_, close), np.minimum(open_, close), close), axis=1)
    return _bars(M5, times, prices, np.repeat(np.maximum(bars.tick_volume // 3, 1), 3))


def mirrored(bars: Bars, price: float) -> Bars:
    """Return the bars with every price as far on the other side of `price`, on the tick grid."""
    whole = np.rint(2 * price / POINT)

    def over(prices: Floats) -> Floats:
        return in_quote((whole - np.rint(prices / POINT)).astype(np.int64))

    return replace(
        bars,
        open=over(bars.open),
        high=over(bars.low),
        low=over(bars.high),
        close=over(bars.close),
    )


def turned(at: Charts, price: float) -> Charts:
    """Return the charts turned at a price: ups of the bid are downs."""
    changes = at.bid_changes and (at.bid_changes[1], at.bid_changes[0])
    m5, m15 = mirrored(at.m5, price), mirrored(at.m15, price)
    return replace(at, m5=m5, m15=m15, bid_changes=changes)


def drawn(steps: Sequence[tuple[int, int, int]], timeframe: int = M15) -> Bars:
    """Return bars from MONDAY on, drawn in points: each closes so far from the last, and reaches so
    far above and below its body."""
    moves, above, below = np.array(steps, dtype=np.int64).T
    close = 110_000 + np.cumsum(moves)
    open_ = close - moves
    prices = np.stack(
        (open_, np.maximum(open_, close) + above, np.minimum(open_, close) - below, close), axis=1
    )
    times = int(MONDAY.timestamp()) + timeframe * np.arange(len(close))
    return _bars(timeframe, times, in_quote(prices), np.full(len(close), 100))


def moments(m5: Bars, every: int, first: int = 200) -> Iterator[datetime]:
    """Yield the ends of every so many bars."""
    for at in m5.time[first::every]:
        yield datetime.fromtimestamp(int(at) + M5, UTC)


def _rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", newline="") as text:
        _, *rows = csv.reader(text)
    return rows


def _bars(timeframe: int, times: Integers, prices: Floats, volume: Integers) -> Bars:
    open_, high, low, close = np.ascontiguousarray(prices.T)
    spread = np.full(len(times), 2)
    return Bars(timeframe, times, open_, high, low, close, volume, spread)
