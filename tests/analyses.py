"""Analyses to score: a calm one, and that with one thing changed."""

from dataclasses import replace
from datetime import timedelta

import markets
from dtms_server.domain.analysis.candle import Candle
from dtms_server.domain.analysis.indicators import Momentum, Slopes
from dtms_server.domain.analysis.m5 import M5Reading
from dtms_server.domain.analysis.m15 import M15Reading
from dtms_server.domain.analysis.reading import Analysis
from dtms_server.domain.analysis.regime import Regime, Session, Shape, Volatility
from dtms_server.domain.analysis.structure import Break, BreakKind, Structure, Swing, Swings
from dtms_server.domain.analysis.volume import VolumeShares
from dtms_server.domain.trade import Direction

PLAIN = Regime(Session.LONDON, Volatility.NORMAL, Shape.TREND)
NOTHING = Swings(newest=None, unbroken=None, broken=None)
CALM = Analysis(
    symbol="EURUSD",
    digits=5,
    bar_closed_at=markets.MONDAY,
    reference_price=1.1,
    regime=PLAIN,
    m5=M5Reading(1.1, (0.0, 0.0), VolumeShares(0.45, 0.45), Candle(0, False), 0.0005),
    m15=M15Reading(
        structure=Structure(NOTHING, NOTHING, None),
        momentum=Momentum(rsi_lead=0.0, rsi_change=0.0, histogram=(0.0, 0.0)),
        slopes=Slopes(0.0, 0.0),
        atr=0.001,
        atr_ratio=1.0,
        band_width=0.01,
    ),
    vwap_distance=0.0005,
    vwap_side=0,
    volume_flips=frozenset(),
    pressure=0.0,
)


def on_m15(**changes: object) -> Analysis:
    """CALM with other facts of its M15 bars."""
    return replace(CALM, m15=replace(CALM.m15, **changes))  # type: ignore[arg-type]  # as given


def on_m5(**changes: object) -> Analysis:
    """CALM with other facts of its M5 bars."""
    return replace(CALM, m5=replace(CALM.m5, **changes))  # type: ignore[arg-type]  # as given


def broken(direction: Direction, bars_ago: int) -> Analysis:
    """CALM with a CHOCH that favours a side."""
    swing = Swing(1.1, markets.MONDAY - timedelta(hours=6))
    found = Break(direction, BreakKind.CHOCH, swing, markets.MONDAY, bars_ago)
    return on_m15(structure=Structure(NOTHING, NOTHING, found))


def quiet(analysis: Analysis) -> Analysis:
    """The analysis in low volatility."""
    return replace(analysis, regime=replace(PLAIN, volatility=Volatility.LOW))
