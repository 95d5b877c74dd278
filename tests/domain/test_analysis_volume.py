"""VWAP, volume, pressure and the newest candle."""

from dataclasses import replace
from datetime import timedelta
from math import sqrt

import markets
import numpy as np
import pytest
from dtms_server.domain.analysis.candle import Candle, read_candle
from dtms_server.domain.analysis.m5 import M5Reading, read_m5
from dtms_server.domain.analysis.pressure import pressure
from dtms_server.domain.analysis.volume import side_of, volume_shares
from dtms_server.domain.bars import Bars
from dtms_server.domain.charts import bid_changes
from dtms_server.domain.policy.analysis import AnalysisPolicy, CandlePolicy
from dtms_server.domain.trade import Direction
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = AnalysisPolicy()


def slow_vwap(bars: Bars, since: float) -> float:
    """Each closed bar once, in plain words."""
    traded = weighed = 0.0
    rows = zip(bars.time, bars.high, bars.low, bars.close, bars.tick_volume, strict=True)
    for at, high, low, close, volume in rows:
        if at >= since:
            traded += volume
            weighed += (high + low + close) / 3 * volume
    return weighed / traded


def read(bars: Bars) -> M5Reading:
    return read_m5(bars, markets.FACTS, POLICY)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.integers(13, 600))
def test_the_vwap_is_the_sessions_mean_weighted_by_volume(seed: int, count: int) -> None:
    bars = markets.walk(seed, count)
    hours = (count - 1) * 5 // 60
    broker_midnight = markets.MONDAY - timedelta(hours=2) + timedelta(days=(hours + 2) // 24)
    assert read(bars).vwap == pytest.approx(slow_vwap(bars, broker_midnight.timestamp()), abs=1e-9)


def test_the_vwap_counts_a_bar_once_though_the_terminal_repeats_it() -> None:
    bars = markets.walk(1, 100)
    twice = bars.pick(np.concatenate((np.arange(100), np.arange(90, 100))))
    after = bars.closed_at
    assert read(twice.closed(after, 600)) == read(bars.closed(after, 600))


def test_a_session_without_volume_has_no_vwap_which_is_neither_above_nor_below() -> None:
    silent = replace(markets.walk(1, 100), tick_volume=np.zeros(100, dtype=np.int64))
    reading = read(silent)
    assert reading.vwap is None
    assert reading.volume is None
    assert side_of(reading.beyond_vwap, 0.0) == 0
    assert not reading.candle.through_vwap


def test_the_newest_two_closes_are_held_against_the_vwap() -> None:
    bars = markets.walk(2, 100)
    reading = read(bars)
    assert reading.vwap is not None
    expected = [bars.close[-2] - reading.vwap, bars.close[-1] - reading.vwap]
    assert list(reading.beyond_vwap) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("closes", "side"),
    [
        ((2.1, 2.5), 1),
        ((-2.1, -2.5), -1),
        ((2.0, 2.5), 0),
        ((2.5, 2.0), 0),
        ((-2.0, -2.5), 0),
        ((2.5, -2.5), 0),
        ((0.0, 0.0), 0),
    ],
)
def test_both_closes_must_lie_beyond_the_threshold(closes: tuple[float, ...], side: int) -> None:
    assert side_of(closes, 2.0) == side


def test_volume_goes_with_a_bars_own_close_and_one_that_ends_where_it_began_takes_no_side() -> None:
    bars = markets.drawn([(1, 0, 0), (-1, 0, 0), (0, 5, 5), (2, 0, 0)], markets.M5)
    shares = volume_shares(replace(bars, tick_volume=np.array([10, 20, 30, 40])))
    assert shares is not None
    assert (shares.fell, shares.rose) == (0.2, 0.5)
    assert shares.against(Direction.BUY) == 0.2
    assert shares.against(Direction.SELL) == 0.5


def test_the_newest_ten_bars_count_for_volume() -> None:
    bars = markets.drawn([(-1, 0, 0)] * 20 + [(1, 0, 0)] * 9 + [(-1, 0, 0)], markets.M5)
    volume = read(bars).volume
    assert volume is not None
    assert volume.fell == 0.1


@pytest.mark.parametrize(
    ("changes", "deviations"),
    [((9, 4), 5 / sqrt(13)), ((4, 9), -5 / sqrt(13)), ((3, 3), 0), ((0, 0), 0), (None, 0)],
)
def test_pressure_is_in_deviations_of_a_coins_toss(
    changes: tuple[int, int] | None, deviations: float
) -> None:
    assert pressure(changes) == deviations


def test_only_changes_of_the_bid_count() -> None:
    assert bid_changes(np.array([5.0, 6.0, 6.0, 7.0, 4.0])) == (2, 1)
    assert bid_changes(np.array([])) == (0, 0)


def a_candle(
    body: int, above: int, below: int, atr: float | None = 10, vwap: float | None = None
) -> Candle:
    """The candle that opens at 0 points."""
    bar = markets.drawn([(body, above, below)], markets.M5).in_points(markets.POINT)
    opened_at_zero = replace(
        bar,
        open=bar.open - bar.open,
        close=bar.close - bar.open,
        high=bar.high - bar.open,
        low=bar.low - bar.open,
    )
    return read_candle(opened_at_zero, atr, vwap, CandlePolicy())


@pytest.mark.parametrize("side", [1, -1])
def test_a_strong_candle_has_its_own_side(side: int) -> None:
    assert a_candle(20 * side, 1, 1) == Candle(side, through_vwap=False)


@pytest.mark.parametrize(
    ("body", "above", "below", "atr"),
    [(13, 4, 3, 10.0), (8, 0, 0, 10.0), (0, 0, 0, 0.0), (0, 9, 9, 1.0), (20, 0, 0, None)],
)
def test_a_bar_of_small_body_or_range_or_without_an_atr_is_not_strong(
    body: int, above: int, below: int, atr: float | None
) -> None:
    assert a_candle(body, above, below, atr).side == 0
    assert a_candle(-body, below, above, atr).side == 0


@pytest.mark.parametrize(
    ("vwap", "through"),
    [(0.0, True), (19.0, True), (-1.0, False), (20.0, False), (None, False)],
)
def test_a_candle_goes_through_a_vwap_between_its_open_and_its_close(
    vwap: float | None, through: bool
) -> None:
    assert a_candle(20, 1, 1, vwap=vwap) == Candle(1, through)
    turned = None if vwap is None else -vwap
    assert a_candle(-20, 1, 1, vwap=turned) == Candle(-1, through)


def test_with_fewer_bars_than_the_atr_needs_there_is_none() -> None:
    assert read(markets.walk(1, 14)).atr is None
    assert read(markets.walk(1, 14)).candle == Candle(0, through_vwap=False)
    assert read(markets.walk(1, 15)).atr is not None
