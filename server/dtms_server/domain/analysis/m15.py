"""What the M15 bars tell by themselves: structure, momentum, EMAs, and what makes a regime."""

from dataclasses import dataclass
from math import isfinite

from dtms_server.domain.analysis.indicators import (
    Momentum,
    Slopes,
    atr,
    atr_ratio,
    band_width,
    read_momentum,
    read_slopes,
)
from dtms_server.domain.analysis.structure import Structure, read_structure
from dtms_server.domain.bars import Bars
from dtms_server.domain.policy.analysis import AnalysisPolicy


@dataclass(frozen=True, slots=True)
class M15Reading:
    """Distances are in the quote currency. `slopes` is None where there are too few bars for the
    EMAs; `atr_ratio` is the ATR over its mean."""

    structure: Structure
    momentum: Momentum
    slopes: Slopes | None
    atr: float
    atr_ratio: float
    band_width: float

    @property
    def is_whole(self) -> bool:
        """Has every indicator a value? One without would be read as one that gives no points."""
        slopes = (self.slopes.fast, self.slopes.slow) if self.slopes else ()
        numbers = (self.momentum.rsi_change, *self.momentum.histogram, *slopes, self.atr_ratio)
        return all(isfinite(number) for number in (*numbers, self.atr, self.band_width))


def read_m15(bars: Bars, point: float, policy: AnalysisPolicy) -> M15Reading:
    """Read closed bars, at least the policy's `least_m15_bars` of them."""
    numbers, scaled = policy.indicators, bars.in_points(point)
    atr_series = atr(scaled, numbers.atr_period)
    width = band_width(scaled.close, numbers.band_period, numbers.band_deviations)
    has_emas = len(bars) >= policy.least_ema_bars
    return M15Reading(
        structure=read_structure(bars, scaled, numbers.swing_wing_bars),
        momentum=read_momentum(scaled.close, point, numbers),
        slopes=read_slopes(scaled.close, point, numbers) if has_emas else None,
        atr=float(atr_series[-1]) * point,
        atr_ratio=atr_ratio(atr_series, numbers.atr_mean_bars),
        band_width=width * point,
    )
