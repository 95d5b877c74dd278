"""The score: what its signals add up to, under which weights, and the band it lies in."""

from dataclasses import fields, replace
from itertools import product

import markets
import pytest
from analyses import CALM, PLAIN, broken
from dtms_server.domain.analysis.candle import Candle
from dtms_server.domain.analysis.indicators import Momentum, Slopes
from dtms_server.domain.analysis.regime import Regime, Session, Shape, Volatility
from dtms_server.domain.analysis.volume import VolumeShares
from dtms_server.domain.policy.scoring import PointsPolicy, ScoringPolicy, Weights
from dtms_server.domain.scoring import Band, band, score, weights
from dtms_server.domain.signals import Signal
from dtms_server.domain.trade import Direction
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = ScoringPolicy()
BUY, SELL = Direction.BUY, Direction.SELL


def test_a_calm_market_scores_nothing_and_says_why_for_each_signal() -> None:
    its_score = score(CALM, BUY, POLICY)
    assert its_score.value == 0
    assert [each.signal for each in its_score.points] == list(Signal)
    assert all(each.reason for each in its_score.points)


def test_vwap_and_volume_are_kept_within_two_together() -> None:
    against = replace(CALM, vwap_side=-1, volume_flips=frozenset({BUY}))
    its_score = score(against, BUY, POLICY)
    assert (its_score.vwap, its_score.volume) == (-2, -1)
    assert its_score.value == -2
    favourable = replace(CALM, vwap_side=1, m5=replace(CALM.m5, volume=VolumeShares(0.1, 0.8)))
    assert score(favourable, BUY, POLICY).value == 2


def test_both_flipped_is_told_only_where_both_are_against_the_same_side() -> None:
    both = replace(CALM, vwap_side=-1, volume_flips=frozenset({BUY}))
    assert score(both, BUY, POLICY).both_flipped
    assert not score(both, SELL, POLICY).both_flipped
    assert not score(replace(both, vwap_side=1), BUY, POLICY).both_flipped
    assert not score(replace(both, volume_flips=frozenset()), BUY, POLICY).both_flipped


WEIGHTS = {
    Shape.RANGE: (0.7, 1.3, 1.0, 0.8, 1.2, 1.1),
    Volatility.HIGH: (1.2, 0.9, 0.8, 1.0, 1.1, 0.9),
    Session.ASIAN: (0.8,) * 6,
}


@pytest.mark.parametrize("parts", list(product(Session, Volatility, Shape)))
def test_every_regime_finds_its_weights_and_they_multiply(
    parts: tuple[Session, Volatility, Shape],
) -> None:
    expected = [1.0] * len(Signal)
    for name in parts:
        expected = [
            weight * factor
            for weight, factor in zip(expected, WEIGHTS.get(name, (1.0,) * 6), strict=True)
        ]
    assert list(weights(Regime(*parts), POLICY).values()) == pytest.approx(expected)


def test_every_signal_has_a_weight_of_its_name() -> None:
    assert [field.name for field in fields(Weights)] == list(Signal)


WORST = replace(
    broken(SELL, 0),
    vwap_side=-1,
    volume_flips=frozenset({BUY}),
    pressure=-3.0,
    m5=replace(CALM.m5, candle=Candle(-1, True)),
    m15=replace(
        broken(SELL, 0).m15,
        momentum=Momentum(-20, -5, (-1.0, -2.0)),
        slopes=Slopes(-1, -1),
    ),
)


def test_the_worst_and_the_best_that_a_score_can_be() -> None:
    assert score(WORST, BUY, POLICY).value == -11.5
    best = replace(WORST, m5=replace(WORST.m5, volume=VolumeShares(0.9, 0.05)))
    assert score(best, SELL, POLICY).value == 9.5


def test_the_parts_have_vwap_and_volume_in_place_of_what_they_give_together() -> None:
    its_score = score(WORST, BUY, POLICY)
    alone = {str(each.signal): each.points for each in its_score.points}
    del alone[Signal.VWAP_VOLUME]
    assert its_score.parts == alone | {"vwap": -2.0, "volume": -1.0}
    assert len(alone) == len(Signal) - 1


def test_the_bands_are_told_by_their_names() -> None:
    assert [str(band) for band in Band] == ["STEADY", "SOFT", "WEAK", "FAILING", "CRITICAL"]


@pytest.mark.parametrize("parts", list(product(Session, Volatility, Shape)))
def test_points_are_multiplied_by_their_weight_once(
    parts: tuple[Session, Volatility, Shape],
) -> None:
    plain = score(WORST, BUY, POLICY)
    weighted = score(replace(WORST, regime=Regime(*parts)), BUY, POLICY)
    assert [each.points for each in weighted.points] == [each.points for each in plain.points]
    by_hand = sum(
        each.points * weights(Regime(*parts), POLICY)[each.signal] for each in plain.points
    )
    assert weighted.value == pytest.approx(by_hand)


def test_a_score_carries_what_it_was_read_from() -> None:
    its_score = score(WORST, BUY, POLICY)
    assert its_score.regime == PLAIN
    assert its_score.bar_closed_at == markets.MONDAY
    assert its_score.points[0].reason == "CHOCH down through 1.10000, 0 M15 bars ago"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (9.5, Band.STEADY),
        (0.0, Band.STEADY),
        (-0.01, Band.SOFT),
        (-1.99, Band.SOFT),
        (-2.0, Band.WEAK),
        (-3.99, Band.WEAK),
        (-4.0, Band.FAILING),
        (-5.99, Band.FAILING),
        (-6.0, Band.CRITICAL),
        (-11.5, Band.CRITICAL),
    ],
)
def test_bands(value: float, name: Band) -> None:
    assert band(value, POLICY.bands) is name


def test_binary_rounding_does_not_move_a_score_over_a_bound() -> None:
    tenths = replace(POLICY, points=replace(PointsPolicy(), structure_break=0.1, rsi=0.2))
    analysis = replace(
        broken(SELL, 0), m15=replace(broken(SELL, 0).m15, momentum=Momentum(-20, -5, (0.0, 0.0)))
    )
    assert score(analysis, BUY, tenths).value == -0.3


def test_no_point_is_too_small_to_count() -> None:
    least = replace(POLICY, points=replace(PointsPolicy(), structure_break=1e-9))
    assert score(broken(SELL, 0), BUY, least).value == -1e-9


@settings(deadline=None)  # the machine may be busy
@given(st.floats(-20, 20), st.floats(-20, 20))
def test_a_lower_score_is_never_in_a_better_band(one: float, other: float) -> None:
    places = [list(Band).index(band(value, POLICY.bands)) for value in sorted((one, other))]
    assert places[0] >= places[1]
