"""The values that each part of a score can have: all of them, no others, and each from a market."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import analyses
import markets
import numpy as np
import pytest
from dtms_server.domain.analysis import Analysis, analyse
from dtms_server.domain.analysis.candle import Candle
from dtms_server.domain.analysis.indicators import Momentum, Slopes
from dtms_server.domain.analysis.volume import VolumeShares
from dtms_server.domain.charts import Charts
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.scoring import PointsPolicy, ScoringPolicy
from dtms_server.domain.scoring import score
from dtms_server.domain.signals import possible
from dtms_server.domain.trade import Direction
from hypothesis import given
from hypothesis import strategies as st

BUY, SELL = Direction.BUY, Direction.SELL
POLICY = Policy()
WAYS = (-1, 0, 1)


def all_kinds() -> Iterator[Analysis]:
    """Yield an analysis for each way that a signal can go, the others calm."""
    for side, bars_ago in product(Direction, (0, 99)):
        yield analyses.broken(side, bars_ago)
    for way in WAYS:
        yield replace(analyses.CALM, vwap_side=way)
        yield replace(analyses.CALM, pressure=3.0 * way)
        yield analyses.on_m5(candle=Candle(way, through_vwap=False))
        yield analyses.on_m5(candle=Candle(way, through_vwap=way != 0))
    for side in Direction:
        yield replace(analyses.CALM, volume_flips=frozenset({side}))
    for fell in (0.1, 0.45, 0.6):
        yield analyses.on_m5(volume=VolumeShares(fell, 1 - fell))
    for lead, change, bars in product((-20, 0, 20), WAYS, WAYS):
        yield analyses.on_m15(momentum=Momentum(lead, change, (float(bars), float(bars))))
    for fast, slow in product(WAYS, WAYS):
        yield analyses.on_m15(slopes=Slopes(fast, slow))


def given_values(policy: ScoringPolicy) -> dict[str, set[float]]:
    found: dict[str, set[float]] = {}
    for analysis in all_kinds():
        for side in Direction:
            for name, points in score(analysis, side, policy).parts.items():
                found.setdefault(name, set()).add(points)
    return found


@given(
    st.builds(
        PointsPolicy,
        structure_break=st.floats(0, 5),
        vwap_flip=st.floats(-5, 0),
        volume_leaning=st.floats(-5, 0),
        rsi=st.floats(0, 5),
        macd=st.floats(0, 5),
        momentum_limit=st.floats(0, 5),
        ema_fast_against=st.floats(-5, 0),
        delta=st.floats(0, 5),
        candle_favourable=st.floats(0, 5),
    )
)
def test_parts_have_the_values_that_the_policy_gives_them_and_no_others(
    points: PointsPolicy,
) -> None:
    values = possible(points)
    assert {
        name: tuple(sorted(given_))
        for name, given_ in given_values(ScoringPolicy(points=points)).items()
    } == values


def charts_with(shares: dict[str, int], changes: tuple[int, int] = (0, 0)) -> Charts:
    """A market whose newest ten M5 bars traded so much where they fell, and where they rose."""
    charts = markets.walked(seed=5, count=400)
    m5 = charts.m5
    newest = np.arange(len(m5)) >= len(m5) - 10
    volume = m5.tick_volume.copy()
    for way, moved in (("fell", m5.close < m5.open), ("rose", m5.close > m5.open)):
        here = newest & moved
        volume[here] = shares[way] // here.sum()
    return replace(charts, m5=replace(m5, tick_volume=volume), bid_changes=changes)


def parts(charts: Charts, side: Direction) -> dict[str, float]:
    found = analyse(charts, charts.m5.closed_at, POLICY.analysis)
    assert isinstance(found, Analysis)
    return dict(score(found, side, POLICY.scoring).parts)


@pytest.mark.parametrize(
    ("fell", "rose", "buy", "sell"),
    [
        (9000, 1000, -1.0, 1.0),
        (1000, 9000, 1.0, -1.0),
        (6000, 4000, -0.5, 0.0),
        (4000, 6000, 0.0, -0.5),
        (5000, 5000, 0.0, 0.0),
    ],
)
def test_volume_from_a_market_that_trades_so(fell: int, rose: int, buy: float, sell: float) -> None:
    charts = charts_with({"fell": fell, "rose": rose})
    assert (parts(charts, BUY)["volume"], parts(charts, SELL)["volume"]) == (buy, sell)


@pytest.mark.parametrize(
    ("up", "down", "buy"), [(80, 20, 1.0), (20, 80, -1.0), (55, 45, 0.0), (0, 0, 0.0)]
)
def test_delta_pressure_from_a_market_whose_bid_changes_so(up: int, down: int, buy: float) -> None:
    charts = charts_with({"fell": 5000, "rose": 5000}, (up, down))
    assert parts(charts, BUY)["delta_pressure"] == buy
    assert parts(charts, SELL)["delta_pressure"] == -buy


def test_these_markets_show_every_value_that_real_bars_cannot() -> None:
    seen: dict[str, set[float]] = {"volume": set(), "delta_pressure": set()}
    for fell, up in ((9000, 80), (6000, 50), (5000, 20), (1000, 50)):
        charts = charts_with({"fell": fell, "rose": 10_000 - fell}, (up, 100 - up))
        for name, values in seen.items():
            values.add(parts(charts, BUY)[name])
    wanted = possible(POLICY.scoring.points)
    assert {name: tuple(sorted(found)) for name, found in seen.items()} == {
        name: wanted[name] for name in seen
    }
