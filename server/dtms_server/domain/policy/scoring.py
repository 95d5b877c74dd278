"""The numbers by which an analysis becomes a trade's score."""

from dataclasses import dataclass, field

from dtms_server.domain.policy.ranges import (
    Against,
    Bars,
    FactorOrZero,
    For,
    RsiLevel,
    ScoreValue,
    Share,
    ShareOrZero,
)


@dataclass(frozen=True, slots=True)
class Weights:
    """What a signal's points are multiplied by."""

    structure: FactorOrZero = 1.0
    vwap_volume: FactorOrZero = 1.0
    momentum: FactorOrZero = 1.0
    ema_alignment: FactorOrZero = 1.0
    delta_pressure: FactorOrZero = 1.0
    candle_conviction: FactorOrZero = 1.0


@dataclass(frozen=True, slots=True)
class PointsPolicy:
    """The points of each signal, from the trade's side; against it they are below 0."""

    structure_break: For = 3.0
    """A break in favour; against it counts as much below 0."""
    vwap_flip: Against = -2.0
    vwap_held: For = 1.0
    volume_flip: Against = -1.0
    volume_leaning: Against = -0.5
    volume_favourable: For = 1.0
    vwap_volume_limit: For = 2.0
    """What VWAP and volume give together, either way, at most."""
    rsi: For = 1.0
    """A favourable RSI; an unfavourable one counts as much below 0."""
    macd: For = 1.0
    """A favourable MACD histogram; an unfavourable one counts as much below 0."""
    momentum_limit: For = 2.0
    """What RSI and MACD give together, either way, at most."""
    ema_both_against: Against = -1.5
    ema_fast_against: Against = -1.0
    ema_both_favourable: For = 1.0
    delta: For = 1.0
    """Pressure in favour; against it counts as much below 0."""
    candle_against: Against = -1.0
    candle_through_vwap: Against = -2.0
    candle_favourable: For = 0.5


@dataclass(frozen=True, slots=True)
class BandPolicy:
    """Lower bounds of the score's bands; CRITICAL lies at and under the last."""

    steady_from: ScoreValue = 0.0
    """STEADY at or above."""
    soft_above: ScoreValue = -2.0
    weak_above: ScoreValue = -4.0
    failing_above: ScoreValue = -6.0


@dataclass(frozen=True, slots=True)
class ScoringPolicy:
    """How an analysis becomes a trade's score."""

    break_bars: Bars = 8
    """Newest closed M15 bars in which a structural break counts."""
    rsi_weak: RsiLevel = 45.0
    """A falling RSI under this is against a BUY; for a SELL all is mirrored at 50."""
    low_volatility_rsi_weak: RsiLevel = 40.0
    """The same in low volatility."""
    rsi_strong: RsiLevel = 50.0
    """A rising RSI over this favours a BUY."""
    volume_leaning_share: Share = 0.55
    """Over this share of volume against a trade it leans against it."""
    volume_favourable_share: ShareOrZero = 0.35
    """Under this share of volume against a trade it is with it."""
    delta_deviations: FactorOrZero = 2.0
    """Standard deviations beyond which pressure counts."""
    points: PointsPolicy = field(default_factory=PointsPolicy)
    range_weights: Weights = Weights(0.7, 1.3, 1.0, 0.8, 1.2, 1.1)
    high_volatility_weights: Weights = Weights(1.2, 0.9, 0.8, 1.0, 1.1, 0.9)
    asian_weights: Weights = Weights(0.8, 0.8, 0.8, 0.8, 0.8, 0.8)
    bands: BandPolicy = field(default_factory=BandPolicy)
