"""The numbers by which a symbol's bars are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dtms_server.domain.policy.ranges import (
    Bars,
    Factor,
    Period,
    Seconds,
    SecondsOrZero,
    Share,
    UtcHour,
)


@dataclass(frozen=True, slots=True)
class IndicatorPolicy:
    """What the indicators look back on, in bars."""

    rsi_period: Period = 14
    """M15 bars of the RSI."""
    rsi_change_bars: Bars = 3
    """M15 bars over which the RSI falls or rises."""
    macd_fast_period: Period = 12
    """M15 bars of the MACD's fast EMA."""
    macd_slow_period: Period = 26
    """M15 bars of the MACD's slow EMA."""
    macd_signal_period: Period = 9
    """M15 bars of the MACD's signal line."""
    histogram_bars: Bars = 2
    """M15 bars running for which the MACD histogram must lie on one side."""
    ema_fast_period: Period = 50
    """M15 bars of the fast EMA."""
    ema_slow_period: Period = 200
    """M15 bars of the slow EMA."""
    slope_bars: Bars = 10
    """M15 bars over which an EMA's slope is taken."""
    atr_period: Period = 14
    """Bars of the ATR, of M5 as of M15."""
    atr_mean_bars: Bars = 20
    """M15 bars of the mean that the ATR is held against."""
    band_period: Period = 20
    """M15 bars of the Bollinger bands."""
    band_deviations: Factor = 2.0
    """Standard deviations from the Bollinger bands' middle to either band."""
    swing_wing_bars: Bars = 5
    """M15 bars on either side that a swing must stand out from."""


@dataclass(frozen=True, slots=True)
class RegimePolicy:
    """What makes a regime; hours are UTC, and begin a session."""

    london_hour: UtcHour = 8
    overlap_hour: UtcHour = 13
    new_york_hour: UtcHour = 16
    asian_hour: UtcHour = 21
    low_atr_ratio: Factor = 0.7
    """ATR over its mean; under this the volatility is low."""
    high_atr_ratio: Factor = 1.3
    """ATR over its mean; over this the volatility is high."""
    range_width_share: Share = 0.004
    """Width of the Bollinger bands as a share of the price; under this the market is a range."""


def _vwap_shares() -> Mapping[str, float]:
    return MappingProxyType(
        {"XAUUSD": 0.0010, "BTC": 0.0020, "EURUSD": 0.0005, "GBPUSD": 0.0005, "JPY": 0.0007}
    )


@dataclass(frozen=True, slots=True)
class VwapPolicy:
    """How far beyond the VWAP a close counts: a share of the price by symbol, times the factors of
    the regime."""

    share: Share = 0.0010
    """For symbols that are not named."""
    share_by_symbol: Mapping[str, Share] = field(default_factory=_vwap_shares)
    """By base symbol, or by either currency of the pair."""
    asian_factor: Factor = 1.5
    london_factor: Factor = 1.0
    new_york_factor: Factor = 0.8
    overlap_factor: Factor = 0.7
    low_volatility_factor: Factor = 1.4
    high_volatility_factor: Factor = 0.8
    range_factor: Factor = 1.3
    greatest_factor: Factor = 1.8
    """What the factors multiply to, at most."""
    closes: Bars = 2
    """Newest M5 closes that must all lie beyond."""


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """What makes a volume flip: the share of tick volume in bars that closed against a trade."""

    bars: Bars = 10
    """Newest M5 bars that are counted."""
    flip_share: Share = 0.65
    """Over this share it is a volume flip."""
    low_volatility_flip_share: Share = 0.72
    """The same in low volatility."""


@dataclass(frozen=True, slots=True)
class CandlePolicy:
    """What makes a strong M5 bar."""

    body_share: Share = 0.65
    """Body as a share of the range; it must be over this."""
    atr_share: Factor = 0.8
    """Range as a share of the ATR; it must be over this."""


@dataclass(frozen=True, slots=True)
class AnalysisPolicy:
    """How a symbol's bars are read."""

    fresh_quote_seconds: Seconds = 600.0
    """A market whose last quote is older is taken to be closed."""

    m5_bars: Bars = 600
    """M5 bars read, at most."""
    m15_bars: Bars = 1000
    """M15 bars read, at most: fewer make EMA200 wrong."""
    least_m5_bars: Bars = 12
    """M5 bars under which there is no analysis."""
    least_m15_bars: Bars = 60
    """M15 bars under which there is no analysis."""
    least_ema_bars: Bars = 600
    """M15 bars under which the EMAs give no points."""
    stale_seconds: SecondsOrZero = 300.0
    """How much longer ago than its own timeframe the newest closed bar may have ended."""
    indicators: IndicatorPolicy = field(default_factory=IndicatorPolicy)
    regime: RegimePolicy = field(default_factory=RegimePolicy)
    vwap: VwapPolicy = field(default_factory=VwapPolicy)
    volume: VolumePolicy = field(default_factory=VolumePolicy)
    candle: CandlePolicy = field(default_factory=CandlePolicy)
