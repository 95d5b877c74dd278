"""A trade's score: the analysis of its symbol, seen from its side, with its reasons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import prod
from types import MappingProxyType
from typing import Final

from dtms_server.domain import signals
from dtms_server.domain.analysis.reading import Analysis
from dtms_server.domain.analysis.regime import Regime, Session, Shape, Volatility
from dtms_server.domain.policy.scoring import BandPolicy, ScoringPolicy, Weights
from dtms_server.domain.signals import Part, Signal
from dtms_server.domain.trade import Direction

SCORE_DIGITS: Final = 9
"""Decimals of a score: more than points and weights have, fewer than binary rounding leaves."""


class Band(StrEnum):
    """How good or bad a score is."""

    STEADY = "STEADY"
    SOFT = "SOFT"
    WEAK = "WEAK"
    FAILING = "FAILING"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class SignalPoints:
    """What one signal gave, before its weight, and in words why."""

    signal: Signal
    points: float
    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """The sum of points x weight, with all that led to it. `vwap` and `volume` are the two parts of
    the signal VWAP_VOLUME, before its limit."""

    value: float
    points: tuple[SignalPoints, ...]
    vwap: float
    volume: float
    regime: Regime
    vwap_flip: bool
    volume_flip: bool
    bar_closed_at: datetime

    @property
    def both_flipped(self) -> bool:
        """VWAP and volume flipped together: CRITICAL to a trade in WARNING_L2, whatever the
        value."""
        return self.vwap_flip and self.volume_flip

    @property
    def parts(self) -> Mapping[str, float]:
        """Points by name, with `vwap` and `volume` in place of what they give together."""
        alone = {str(s.signal): s.points for s in self.points if s.signal is not Signal.VWAP_VOLUME}
        return {**alone, "vwap": self.vwap, "volume": self.volume}


READ_ALONE: Final[Mapping[Signal, Callable[[Analysis, Direction, ScoringPolicy], Part]]] = (
    MappingProxyType(
        {
            Signal.STRUCTURE: signals.structure,
            Signal.MOMENTUM: signals.momentum,
            Signal.EMA_ALIGNMENT: signals.ema_alignment,
            Signal.DELTA_PRESSURE: signals.delta_pressure,
            Signal.CANDLE_CONVICTION: signals.candle_conviction,
        }
    )
)
"""The signals of one part; VWAP_VOLUME has two."""


def score(analysis: Analysis, direction: Direction, policy: ScoringPolicy) -> Score:
    """Return the score of any trade on this side of the analysed symbol."""
    vwap, of_vwap = signals.vwap(analysis, direction, policy)
    volume, of_volume = signals.volume(analysis, direction, policy)
    together = signals.within(vwap + volume, policy.points.vwap_volume_limit)
    parts = {name: read(analysis, direction, policy) for name, read in READ_ALONE.items()}
    parts[Signal.VWAP_VOLUME] = (together, f"{of_vwap}; {of_volume}")
    by_name = weights(analysis.regime, policy)
    given = tuple(
        SignalPoints(name, parts[name][0], by_name[name], parts[name][1]) for name in Signal
    )
    return Score(
        value=round(sum(each.points * each.weight for each in given), SCORE_DIGITS),
        points=given,
        vwap=vwap,
        volume=volume,
        regime=analysis.regime,
        vwap_flip=analysis.vwap_flip(direction),
        volume_flip=analysis.volume_flip(direction),
        bar_closed_at=analysis.bar_closed_at,
    )


def band(value: float, policy: BandPolicy) -> Band:
    """Return the band that a score's value lies in."""
    if value >= policy.steady_from:
        return Band.STEADY
    bounds = (
        (policy.soft_above, Band.SOFT),
        (policy.weak_above, Band.WEAK),
        (policy.failing_above, Band.FAILING),
    )
    return next((name for bound, name in bounds if value > bound), Band.CRITICAL)


def weights(regime: Regime, policy: ScoringPolicy) -> Mapping[Signal, float]:
    """Return each signal's weight in a regime: what its session, volatility and structure give it,
    multiplied."""
    tables = [
        table
        for table, applies in (
            (policy.asian_weights, regime.session is Session.ASIAN),
            (policy.high_volatility_weights, regime.volatility is Volatility.HIGH),
            (policy.range_weights, regime.structure is Shape.RANGE),
        )
        if applies
    ]
    return {
        signal: prod((_weight(table, signal) for table in tables), start=1.0) for signal in Signal
    }


def _weight(table: Weights, signal: Signal) -> float:
    weight: float = getattr(table, signal)
    return weight
