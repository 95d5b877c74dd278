"""The analysis as a whole: what it reads, and when there is none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import markets
import numpy as np
import pytest
from dtms_server.domain.analysis import Analysis, NoAnalysis, analyse
from dtms_server.domain.analysis.m15 import read_m15
from dtms_server.domain.analysis.regime import Shape, vwap_threshold
from dtms_server.domain.bars import Bars
from dtms_server.domain.charts import Charts
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.trade import Direction
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = AnalysisPolicy()
SHORT = replace(  # so that short walks have EMAs too
    POLICY,
    least_ema_bars=61,
    indicators=replace(POLICY.indicators, ema_fast_period=20, ema_slow_period=40),
)


def read(charts: Charts, now: datetime | None = None, policy: AnalysisPolicy = POLICY) -> Analysis:
    """The analysis that there must be; `now` is by default when the bars end."""
    found = analyse(charts, now or charts.m5.closed_at, policy)
    assert isinstance(found, Analysis), found
    return found


def reason(charts: Charts, now: datetime | None = None, policy: AnalysisPolicy = POLICY) -> str:
    """Why there is no analysis."""
    found = analyse(charts, now or charts.m5.closed_at, policy)
    assert isinstance(found, NoAnalysis), found
    return found.reason


def spoilt(bars: Bars, now: datetime) -> Bars:
    """The bars with twice the price wherever they had not closed by `now`."""
    factor = 1.0 + (bars.time + bars.timeframe_seconds > now.timestamp())
    return replace(
        bars,
        open=bars.open * factor,
        high=bars.high * factor,
        low=bars.low * factor,
        close=bars.close * factor,
        tick_volume=bars.tick_volume * factor.astype(np.int64),
    )


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.integers(185, 299), st.integers(0, 299))
def test_bars_of_the_future_never_change_an_analysis(seed: int, seen: int, later: int) -> None:
    charts = markets.walked(seed)
    now = datetime.fromtimestamp(int(charts.m5.time[seen]) + later, UTC)
    known = read(charts, now, SHORT)
    assert read(markets.ending(charts, now), now, SHORT) == known
    other_future = replace(charts, m5=spoilt(charts.m5, now), m15=spoilt(charts.m15, now))
    assert read(other_future, now, SHORT) == known


def test_the_forming_bar_does_not_count_at_its_first_second_and_counts_whole_once_closed() -> None:
    charts = markets.walked(1)
    m5 = charts.m5
    opens = datetime.fromtimestamp(int(m5.time[-1]), UTC)
    first = np.append(m5.close[:-1], m5.open[-1])
    one_tick = replace(
        m5, high=np.maximum(m5.high, first), low=np.minimum(m5.low, first), close=first
    )
    before = read(replace(charts, m5=one_tick), opens + timedelta(seconds=1))
    assert before.bar_closed_at == opens
    assert before == read(charts, opens + timedelta(seconds=299))
    after = read(charts, opens + timedelta(seconds=300))
    assert after.bar_closed_at == opens + timedelta(seconds=300)
    assert after.reference_price == m5.close[-1] != before.reference_price


def test_under_sixty_m15_or_twelve_m5_bars_there_is_no_analysis() -> None:
    charts = markets.walked(1)
    m5, m15 = charts.m5.pick(slice(-12, None)), charts.m15.pick(slice(-60, None))
    assert read(replace(charts, m5=m5, m15=m15)).m15.slopes is None
    few_m15, few_m5 = m15.pick(slice(1, None)), m5.pick(slice(1, None))
    assert reason(replace(charts, m15=few_m15)) == "59 of 60 closed M15 bars"
    assert reason(replace(charts, m5=few_m5)) == "11 of 12 closed M5 bars"


def test_no_bars_at_all_is_no_analysis() -> None:
    charts = markets.walked(1)
    empty = replace(charts, m5=charts.m5.pick(slice(0, 0)))
    assert reason(empty, charts.m5.closed_at) == "0 of 12 closed M5 bars"


def test_m5_bars_are_stale_five_minutes_after_the_next_should_have_closed() -> None:
    charts = markets.walked(1)
    last = charts.m5.closed_at
    assert read(charts, last + timedelta(seconds=600)).bar_closed_at == last
    assert "closed M5 bar ended at 2026-03-03 01:00" in reason(
        charts, last + timedelta(seconds=601)
    )


def test_m15_bars_are_stale_five_minutes_after_the_next_should_have_closed() -> None:
    charts = markets.walked(1)
    older = replace(charts, m15=charts.m15.pick(slice(0, -2)))
    last = older.m15.closed_at
    assert read(older, last + timedelta(seconds=1200))
    assert "closed M15 bar ended at 2026-03-03 00:30" in reason(
        older, last + timedelta(seconds=1201)
    )


def test_nothing_is_stale_while_the_market_is_closed() -> None:
    closed = replace(markets.walked(1), market_open=False)
    assert read(closed, closed.m5.closed_at + timedelta(days=2))


@pytest.mark.parametrize("price", [np.nan, np.inf, 0.0])
def test_bars_that_make_no_sense_give_no_score_rather_than_a_good_one(price: float) -> None:
    charts = markets.walked(1)

    def wrong(bars: Bars) -> Bars:
        return replace(bars, close=np.append(bars.close[:-1], price))

    said = "a price of the {} bars is no number above 0"
    assert reason(replace(charts, m5=wrong(charts.m5))) == said.format("M5")
    assert reason(replace(charts, m15=wrong(charts.m15))) == said.format("M15")


@pytest.mark.parametrize("point", [0.0, -1e-5, np.nan, np.inf])
def test_without_a_point_there_is_no_analysis(point: float) -> None:
    charts = markets.walked(1)
    assert "point" in reason(replace(charts, facts=replace(charts.facts, point=point)))


def test_a_policy_that_asks_for_more_bars_than_there_are_gives_no_score() -> None:
    longer = replace(POLICY, indicators=replace(POLICY.indicators, rsi_period=200))
    why = reason(markets.walked(1), policy=longer)
    assert why == "an indicator has no value on 100 M15 bars"


def test_history_beyond_the_window_does_not_matter() -> None:
    charts = markets.walked(3, 3999)
    m5, m15 = charts.m5.pick(slice(-600, None)), charts.m15.pick(slice(-1000, None))
    assert read(charts) == read(replace(charts, m5=m5, m15=m15))


def test_a_reading_of_the_m15_bars_kept_by_the_caller_gives_the_same() -> None:
    charts = markets.walked(3, 2400)
    now = charts.m5.closed_at
    kept = read_m15(charts.m15.closed(now, POLICY.m15_bars), markets.POINT, POLICY)
    assert analyse(charts, now, POLICY, m15_reading=kept) == read(charts)


@pytest.mark.parametrize(
    ("share_fallen", "flips", "flips_when_quiet"),
    [(65, set(), set()), (66, {Direction.BUY}, set()), (73, {Direction.BUY}, {Direction.BUY})],
)
def test_a_volume_flip_takes_a_share_over_the_bound_which_is_higher_in_low_volatility(
    share_fallen: int, flips: set[Direction], flips_when_quiet: set[Direction]
) -> None:
    charts = markets.walked(1)
    fell, rose = charts.m5.close < charts.m5.open, charts.m5.close > charts.m5.open
    down, up = share_fallen * int(rose[-10:].sum()), (100 - share_fallen) * int(fell[-10:].sum())
    volume = np.where(fell, down, np.where(rose, up, 0))
    seen = replace(charts, m5=replace(charts.m5, tick_volume=volume))
    quiet = replace(POLICY, regime=replace(POLICY.regime, low_atr_ratio=9.0))
    assert read(seen).volume_flips == flips
    assert read(seen, policy=quiet).volume_flips == flips_when_quiet


def test_shares_of_the_price_are_taken_of_the_reference_price() -> None:
    charts = markets.walked(1)
    by_default = analyse(charts, charts.m5.closed_at, POLICY)
    given_it, tenfold, tenth = (
        analyse(charts, charts.m5.closed_at, POLICY, float(charts.m5.close[-1]) * factor)
        for factor in (1, 10, 0.1)
    )
    assert given_it == by_default
    assert isinstance(tenfold, Analysis)
    assert isinstance(tenth, Analysis)
    assert (tenfold.regime.structure, tenth.regime.structure) == (Shape.RANGE, Shape.TREND)
    for found in (tenfold, tenth):
        share = vwap_threshold("EURUSD", found.regime, POLICY.vwap)
        assert found.vwap_distance == share * found.reference_price
