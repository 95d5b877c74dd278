"""The analysis of a symbol: one reading a closed bar, which takes no side."""

from dataclasses import dataclass
from datetime import datetime

from dtms_server.domain.analysis.m5 import M5Reading, read_m5
from dtms_server.domain.analysis.m15 import M15Reading, read_m15
from dtms_server.domain.analysis.pressure import pressure
from dtms_server.domain.analysis.regime import (
    Regime,
    Volatility,
    session_at,
    shape_of,
    volatility_of,
    vwap_threshold,
)
from dtms_server.domain.analysis.volume import VolumeShares, side_of
from dtms_server.domain.charts import Charts
from dtms_server.domain.policy.analysis import AnalysisPolicy, VolumePolicy
from dtms_server.domain.trade import Direction


@dataclass(frozen=True, slots=True)
class NoAnalysis:
    """There is nothing to score by, which is not a score of 0; `reason` in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """A symbol's market at `bar_closed_at`, the end of its newest closed M5 bar (UTC). Prices and
    distances are in the quote currency.

    `vwap_side` is 1 where the newest closes all lie above the VWAP by more than `vwap_distance`, -1
    where all lie below, else 0. `volume_flips` are the sides that the volume has flipped against.
    `pressure` is in standard deviations, above 0 upwards. `closings` are the spans between bars in
    which the market was closed, oldest first, as far back as the M5 bars go.
    """

    symbol: str
    digits: int
    bar_closed_at: datetime
    reference_price: float
    regime: Regime
    m5: M5Reading
    m15: M15Reading
    vwap_distance: float
    vwap_side: int
    volume_flips: frozenset[Direction]
    pressure: float
    closings: tuple[tuple[datetime, datetime], ...] = ()

    def vwap_flip(self, direction: Direction) -> bool:
        """Has the VWAP flipped against this side?"""
        return self.vwap_side == -direction.sign

    def volume_flip(self, direction: Direction) -> bool:
        """Has the volume flipped against this side?"""
        return direction in self.volume_flips


def analyse(
    charts: Charts,
    now: datetime,
    policy: AnalysisPolicy,
    reference_price: float | None = None,
    m15_reading: M15Reading | None = None,
) -> Analysis | NoAnalysis:
    """Read the bars that had closed by `now`; those still forming, or later, do not matter.

    Shares of the price are taken of `reference_price`, by default the newest M5 close. Whoever
    steps through history passes as `m15_reading` what read_m15 gave for the same closed M15 bars.
    """
    charts = charts.closed(now, policy)
    if reason := charts.unreadable(now, policy):
        return NoAnalysis(reason)
    m15 = m15_reading or read_m15(charts.m15, charts.facts.point, policy)
    if not m15.is_whole:
        return NoAnalysis(f"an indicator has no value on {len(charts.m15)} M15 bars")
    reference = float(charts.m5.close[-1]) if reference_price is None else reference_price
    return _combined(charts, m15, reference, policy)


def _combined(
    charts: Charts, m15: M15Reading, reference: float, policy: AnalysisPolicy
) -> Analysis:
    m5 = read_m5(charts.m5, charts.facts, policy)
    regime = Regime(
        session_at(charts.m5.closed_at, policy.regime),
        volatility_of(m15.atr_ratio, policy.regime),
        shape_of(m15.band_width, reference, policy.regime),
    )
    vwap_distance = vwap_threshold(charts.symbol, regime, policy.vwap) * reference
    return Analysis(
        symbol=charts.symbol,
        digits=charts.facts.digits,
        bar_closed_at=charts.m5.closed_at,
        reference_price=reference,
        regime=regime,
        m5=m5,
        m15=m15,
        vwap_distance=vwap_distance,
        vwap_side=side_of(m5.beyond_vwap, vwap_distance),
        volume_flips=_volume_flips(m5.volume, regime, policy.volume),
        pressure=pressure(charts.bid_changes),
        closings=charts.m5.gaps(policy.fresh_quote_seconds),
    )


def _volume_flips(
    volume: VolumeShares | None, regime: Regime, policy: VolumePolicy
) -> frozenset[Direction]:
    if volume is None:
        return frozenset()
    quiet = regime.volatility is Volatility.LOW
    bound = policy.low_volatility_flip_share if quiet else policy.flip_share
    return frozenset(side for side in Direction if volume.against(side) > bound)
