"""What each signal gives to either side: each row of the table of signals."""

from dataclasses import replace

import pytest
from analyses import CALM, broken, on_m5, on_m15, quiet
from dtms_server.domain.analysis.candle import Candle
from dtms_server.domain.analysis.indicators import Momentum, Slopes
from dtms_server.domain.analysis.reading import Analysis
from dtms_server.domain.analysis.volume import VolumeShares
from dtms_server.domain.policy.scoring import ScoringPolicy
from dtms_server.domain.scoring import score
from dtms_server.domain.trade import Direction

POLICY = ScoringPolicy()
BUY, SELL = Direction.BUY, Direction.SELL


def part(analysis: Analysis, side: Direction, name: str) -> float:
    return score(analysis, side, POLICY).parts[name]


@pytest.mark.parametrize(
    ("side", "bars_ago", "buy", "sell"),
    [(BUY, 0, 3, -3), (SELL, 0, -3, 3), (BUY, 7, 3, -3), (BUY, 8, 0, 0), (SELL, 900, 0, 0)],
)
def test_structure(side: Direction, bars_ago: int, buy: float, sell: float) -> None:
    analysis = broken(side, bars_ago)
    assert (part(analysis, BUY, "structure"), part(analysis, SELL, "structure")) == (buy, sell)


@pytest.mark.parametrize(("side", "buy", "sell"), [(1, 1, -2), (-1, -2, 1), (0, 0, 0)])
def test_vwap(side: int, buy: float, sell: float) -> None:
    analysis = replace(CALM, vwap_side=side)
    assert (part(analysis, BUY, "vwap"), part(analysis, SELL, "vwap")) == (buy, sell)
    assert score(analysis, BUY, POLICY).vwap_flip is (side == -1)
    assert score(analysis, SELL, POLICY).vwap_flip is (side == 1)


@pytest.mark.parametrize(
    ("against", "points"),
    [(0.56, -0.5), (0.55, 0), (0.35, 0), (0.34, 1), (0.0, 1), (0.65, -0.5), (0.72, -0.5)],
)
def test_volume(against: float, points: float) -> None:
    assert part(on_m5(volume=VolumeShares(against, 0.45)), BUY, "volume") == points
    assert part(on_m5(volume=VolumeShares(0.45, against)), SELL, "volume") == points


def test_a_volume_flip() -> None:
    analysis = replace(CALM, volume_flips=frozenset({SELL}))
    assert part(analysis, SELL, "volume") == -1
    assert part(analysis, BUY, "volume") == 0
    assert score(analysis, SELL, POLICY).volume_flip
    assert not score(analysis, BUY, POLICY).volume_flip


def test_no_volume_gives_nothing() -> None:
    assert part(on_m5(volume=None, vwap=None, beyond_vwap=()), BUY, "volume") == 0


@pytest.mark.parametrize(
    ("rsi", "change", "buy", "sell", "buy_when_quiet"),
    [
        (44.9, -0.1, -1, 1, 0),
        (44.9, +0.1, 0, 0, 0),
        (39.9, -0.1, -1, 1, -1),
        (45.0, -0.1, 0, 1, 0),
        (50.0, +0.1, 0, 0, 0),
        (50.1, +0.1, 1, 0, 1),
        (50.1, 0.0, 0, 0, 0),
        (55.1, +0.1, 1, -1, 1),
        (55.1, -0.1, 0, 0, 0),
        (49.9, -0.1, 0, 1, 0),
    ],
)
def test_rsi(rsi: float, change: float, buy: float, sell: float, buy_when_quiet: float) -> None:
    analysis = on_m15(momentum=Momentum(rsi - 50, change, (0.0, 0.0)))
    assert (part(analysis, BUY, "momentum"), part(analysis, SELL, "momentum")) == (buy, sell)
    assert part(quiet(analysis), BUY, "momentum") == buy_when_quiet


@pytest.mark.parametrize(
    ("histogram", "buy"), [((1.0, 2.0), 1), ((-2.0, -1.0), -1), ((-1.0, 1.0), 0), ((0.0, 1.0), 0)]
)
def test_macd_counts_two_bars_running(histogram: tuple[float, float], buy: float) -> None:
    analysis = on_m15(momentum=Momentum(0.0, 0.0, histogram))
    assert part(analysis, BUY, "momentum") == buy == -part(analysis, SELL, "momentum")


def test_rsi_and_macd_add_up() -> None:
    assert part(on_m15(momentum=Momentum(-10, -1, (-1.0, -1.0))), BUY, "momentum") == -2
    assert part(on_m15(momentum=Momentum(-10, -1, (-1.0, -1.0))), SELL, "momentum") == 2


@pytest.mark.parametrize(
    ("fast", "slow", "buy", "sell"),
    [
        (1, 1, 1, -1.5),
        (-1, -1, -1.5, 1),
        (-1, 1, -1, 0),
        (1, -1, 0, -1),
        (-1, 0, -1, 0),
        (0, 0, 0, 0),
        (0, 1, 0, 0),
    ],
)
def test_ema_alignment(fast: float, slow: float, buy: float, sell: float) -> None:
    analysis = on_m15(slopes=Slopes(fast, slow))
    assert part(analysis, BUY, "ema_alignment") == buy
    assert part(analysis, SELL, "ema_alignment") == sell


def test_too_few_bars_for_the_emas_give_nothing() -> None:
    assert part(on_m15(slopes=None), BUY, "ema_alignment") == 0


@pytest.mark.parametrize(("pressure", "buy"), [(2.1, 1), (2.0, 0), (0.0, 0), (-2.0, 0), (-2.1, -1)])
def test_delta_pressure(pressure: float, buy: float) -> None:
    analysis = replace(CALM, pressure=pressure)
    assert part(analysis, BUY, "delta_pressure") == buy == -part(analysis, SELL, "delta_pressure")


@pytest.mark.parametrize(
    ("candle", "buy", "sell"),
    [
        (Candle(1, False), 0.5, -1),
        (Candle(-1, False), -1, 0.5),
        (Candle(1, True), 0.5, -2),
        (Candle(-1, True), -2, 0.5),
        (Candle(0, False), 0, 0),
    ],
)
def test_a_strong_candle_counts_against_only_the_side_that_it_went_against(
    candle: Candle, buy: float, sell: float
) -> None:
    analysis = on_m5(candle=candle)
    assert part(analysis, BUY, "candle_conviction") == buy
    assert part(analysis, SELL, "candle_conviction") == sell
