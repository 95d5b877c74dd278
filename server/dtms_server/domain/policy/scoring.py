"""The numbers by which an analysis becomes a trade's score."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Weights:
    """What a signal's points are multiplied by."""

    structure: float = 1.0
    vwap_volume: float = 1.0
    momentum: float = 1.0
    ema_alignment: float = 1.0
    delta_pressure: float = 1.0
    candle_conviction: float = 1.0


@dataclass(frozen=True, slots=True)
class PointsPolicy:
    """The points of each signal, from the trade's side; against it they are below 0."""

    structure_break: float = 3.0
    """A break in favour; against it counts as much below 0."""
    vwap_flip: float = -2.0
    vwap_held: float = 1.0
    volume_flip: float = -1.0
    volume_leaning: float = -0.5
    volume_favourable: float = 1.0
    vwap_volume_limit: float = 2.0
    """What VWAP and volume give together, either way, at most."""
    rsi: float = 1.0
    """A favourable RSI; an unfavourable one counts as much below 0."""
    macd: float = 1.0
    """A favourable MACD histogram; an unfavourable one counts as much below 0."""
    momentum_limit: float = 2.0
    """What RSI and MACD give together, either way, at most."""
    ema_both_against: float = -1.5
    ema_fast_against: float = -1.0
    ema_both_favourable: float = 1.0
    delta: float = 1.0
    """Pressure in favour; against it counts as much below 0."""
    candle_against: float = -1.0
    candle_through_vwap: float = -2.0
    candle_favourable: float = 0.5


@dataclass(frozen=True, slots=True)
class BandPolicy:
    """Lower bounds of the score's bands; CRITICAL lies at and under the last."""

    steady_from: float = 0.0
    """STEADY at or above."""
    soft_above: float = -2.0
    weak_above: float = -4.0
    failing_above: float = -6.0


@dataclass(frozen=True, slots=True)
class ScoringPolicy:
    """How an analysis becomes a trade's score."""

    break_bars: int = 8
    """Newest closed M15 bars in which a structural break counts."""
    rsi_weak: float = 45.0
    """A falling RSI under this is against a BUY; for a SELL all is mirrored at 50."""
    low_volatility_rsi_weak: float = 40.0
    """The same in low volatility."""
    rsi_strong: float = 50.0
    """A rising RSI over this favours a BUY."""
    volume_leaning_share: float = 0.55
    """Over this share of volume against a trade it leans against it."""
    volume_favourable_share: float = 0.35
    """Under this share of volume against a trade it is with it."""
    delta_deviations: float = 2.0
    """Standard deviations beyond which pressure counts."""
    points: PointsPolicy = field(default_factory=PointsPolicy)
    range_weights: Weights = Weights(0.7, 1.3, 1.0, 0.8, 1.2, 1.1)
    high_volatility_weights: Weights = Weights(1.2, 0.9, 0.8, 1.0, 1.1, 0.9)
    asian_weights: Weights = Weights(0.8, 0.8, 0.8, 0.8, 0.8, 0.8)
    bands: BandPolicy = field(default_factory=BandPolicy)
