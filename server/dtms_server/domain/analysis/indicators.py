"""The indicators, by TA-Lib, over whole points; each reading is of the newest closed bar."""

from dataclasses import dataclass

import numpy as np
import talib

from dtms_server.domain.bars import Bars, Floats
from dtms_server.domain.policy.analysis import IndicatorPolicy


@dataclass(frozen=True, slots=True)
class Momentum:
    """`rsi_lead` is the RSI less 50: above 0 buyers lead. `rsi_change` is how far the RSI moved
    over the bars of the policy. `histogram` holds the newest MACD histograms, oldest first, in the
    quote currency."""

    rsi_lead: float
    rsi_change: float
    histogram: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slopes:
    """How far the two EMAs moved over the bars of the policy, in the quote currency."""

    fast: float
    slow: float


def rsi_lead(close: Floats, period: int) -> Floats:
    """Return the RSI less 50, from -50 to 50.

    Taken as half of what the RSI of the market and that of its mirror differ by: the same number,
    but exactly opposite for the other side, and 0 where TA-Lib calls a flat market 0 of 100.
    """
    return (talib.RSI(close, period) - talib.RSI(-close, period)) / 2


def read_momentum(close: Floats, point: float, policy: IndicatorPolicy) -> Momentum:
    """Return RSI and MACD histogram; `close` in points."""
    lead = rsi_lead(close, policy.rsi_period)
    _, _, histogram = talib.MACD(
        close, policy.macd_fast_period, policy.macd_slow_period, policy.macd_signal_period
    )
    return Momentum(
        float(lead[-1]),
        float(lead[-1] - lead[-1 - policy.rsi_change_bars]),
        tuple(float(value) * point for value in histogram[-policy.histogram_bars :]),
    )


def read_slopes(close: Floats, point: float, policy: IndicatorPolicy) -> Slopes:
    """Return the slopes of both EMAs; `close` in points."""
    fast, slow = (
        talib.EMA(close, period) for period in (policy.ema_fast_period, policy.ema_slow_period)
    )
    bars = policy.slope_bars
    return Slopes(
        float(fast[-1] - fast[-1 - bars]) * point, float(slow[-1] - slow[-1 - bars]) * point
    )


def atr(bars: Bars, period: int) -> Floats:
    """Return the ATR, in the unit of the bars' prices."""
    return talib.ATR(bars.high, bars.low, bars.close, period)


def atr_ratio(atr_series: Floats, mean_bars: int) -> float:
    """Return the newest ATR over the mean of the last `mean_bars`; 0 where nothing moves."""
    mean = float(np.mean(atr_series[-mean_bars:]))
    return 0.0 if mean == 0 else float(atr_series[-1]) / mean


def band_width(close: Floats, period: int, deviations: float) -> float:
    """Return how far the Bollinger bands lie apart, in the unit of `close`."""
    upper, _, lower = talib.BBANDS(close[-period:], period, deviations, deviations)
    return float(upper[-1] - lower[-1])
