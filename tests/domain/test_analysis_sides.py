"""An analysis takes no side: the mirror law, and what real bars show."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import markets
import pytest
from dtms_server.domain.analysis import Analysis, NoAnalysis, analyse
from dtms_server.domain.charts import Charts
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.policy.scoring import PointsPolicy, ScoringPolicy
from dtms_server.domain.scoring import Score, score
from dtms_server.domain.signals import possible
from dtms_server.domain.trade import Direction
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY, SCORING = AnalysisPolicy(), ScoringPolicy()
OTHER = {Direction.BUY: Direction.SELL, Direction.SELL: Direction.BUY}


def scores(analysis: Analysis) -> dict[Direction, Score]:
    """The score of either side."""
    return {side: score(analysis, side, SCORING) for side in Direction}


def the_mirror_law_holds(
    charts: Charts, now: datetime, price: float, policy: AnalysisPolicy
) -> None:
    """Turned at `price`, which stays the reference, each side has what the other had."""
    seen = analyse(charts, now, policy, reference_price=price)
    turned = analyse(markets.turned(charts, price), now, policy, reference_price=price)
    assert isinstance(seen, Analysis)
    assert isinstance(turned, Analysis)
    assert (seen.m5.atr, seen.m15.atr) == (turned.m5.atr, turned.m15.atr)
    of_others = scores(turned)
    for side, its_score in scores(seen).items():
        other = of_others[OTHER[side]]
        assert its_score.parts == other.parts
        assert its_score.value == other.value
        assert (its_score.vwap_flip, its_score.volume_flip) == (other.vwap_flip, other.volume_flip)
        assert its_score.regime == other.regime


@settings(deadline=None)  # the machine may be busy
@given(
    st.integers(0, 100_000),
    st.integers(185, 299),
    st.integers(105_000, 115_000),
    st.tuples(st.integers(0, 50), st.integers(0, 50)),
)
def test_mirror_law_on_walks(seed: int, bars: int, price: int, changes: tuple[int, int]) -> None:
    charts = replace(markets.walked(seed), bid_changes=changes)
    now = datetime.fromtimestamp(int(charts.m5.time[bars]), UTC)
    the_mirror_law_holds(charts, now, round(price * markets.POINT, 5), markets.SHORT)


@markets.needs_real_bars
@pytest.mark.parametrize(("market", "every"), [(markets.gbpusd, 29), (markets.eurusd, 509)])
def test_mirror_law_on_real_bars(market: Callable[[], Charts], every: int) -> None:
    whole = replace(market(), bid_changes=(9, 4))
    for now in markets.moments(whole.m5, every):
        charts = whole.closed(now, POLICY)
        if not isinstance(analyse(charts, now, POLICY), NoAnalysis):
            the_mirror_law_holds(charts, now, float(charts.m5.close[-1]), POLICY)


NEEDS_MADE_INPUT = {"volume", "delta_pressure"}
VALUES = {
    name: set(values)
    for name, values in possible(PointsPolicy()).items()
    if name not in NEEDS_MADE_INPUT
}


@markets.needs_real_bars
@pytest.mark.parametrize(("market", "every"), [(markets.gbpusd, 3), (markets.eurusd, 61)])
def test_on_real_bars_every_value_of_every_signal_occurs(
    market: Callable[[], Charts], every: int
) -> None:
    charts = market()
    counts: dict[str, Counter[float]] = {name: Counter() for name in VALUES}
    for now in markets.moments(charts.m5, every):
        found = analyse(charts, now, POLICY)
        if isinstance(found, Analysis):
            for its_score in scores(found).values():
                for name in VALUES:
                    counts[name][its_score.parts[name]] += 1
    assert {name: set(counts[name]) for name in VALUES} == VALUES
