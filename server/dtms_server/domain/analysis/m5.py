"""What the M5 bars tell by themselves: VWAP, volume, and the newest candle."""

from dataclasses import dataclass

from dtms_server.domain.analysis.candle import Candle, read_candle
from dtms_server.domain.analysis.indicators import atr
from dtms_server.domain.analysis.volume import VolumeShares, session_vwap, volume_shares
from dtms_server.domain.bars import Bars
from dtms_server.domain.charts import PriceFacts
from dtms_server.domain.policy.analysis import AnalysisPolicy


@dataclass(frozen=True, slots=True)
class M5Reading:
    """Prices and distances are in the quote currency.

    `vwap` is None where the session has no volume, which is neither above nor below;
    `beyond_vwap` is how far the newest closes lie above it, oldest first, and empty without it.
    `volume` is None where the newest bars have none, `atr` where there are too few bars for it.
    """

    vwap: float | None
    beyond_vwap: tuple[float, ...]
    volume: VolumeShares | None
    candle: Candle
    atr: float | None


def read_m5(bars: Bars, facts: PriceFacts, policy: AnalysisPolicy) -> M5Reading:
    """Read closed bars, at least the policy's `least_m5_bars` of them."""
    scaled, point, period = bars.in_points(facts.point), facts.point, policy.indicators.atr_period
    vwap = session_vwap(scaled, facts.day_start(int(bars.time[-1])))
    range_mean = float(atr(scaled, period)[-1]) if len(bars) > period else None
    closes = [] if vwap is None else scaled.close[-policy.vwap.closes :].tolist()
    return M5Reading(
        vwap=None if vwap is None else float(bars.close[-1]) + vwap * point,
        beyond_vwap=tuple((close - vwap) * point for close in closes),
        volume=volume_shares(scaled.pick(slice(-policy.volume.bars, None))),
        candle=read_candle(scaled, range_mean, vwap, policy.candle),
        atr=None if range_mean is None else range_mean * point,
    )
