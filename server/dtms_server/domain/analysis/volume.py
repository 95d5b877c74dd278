"""What the M5 bars' tick volume tells: the session's VWAP, which side holds it, who traded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dtms_server.domain.bars import Bars
from dtms_server.domain.trade import Direction


@dataclass(frozen=True, slots=True)
class VolumeShares:
    """Shares of the tick volume that went into bars that closed down, and up, of their open."""

    fell: float
    rose: float

    def against(self, direction: Direction) -> float:
        """Return the share that went against this side."""
        return self.fell if direction is Direction.BUY else self.rose


def session_vwap(bars: Bars, day_start: int) -> float | None:
    """Return the mean typical price of the bars since `day_start` (UTC epoch seconds), weighted by
    tick volume, in the unit of the bars' prices; None where nothing was traded."""
    session = bars.pick(slice(int(np.searchsorted(bars.time, day_start)), None))
    traded = int(session.tick_volume.sum())
    if traded <= 0:
        return None
    typical = (session.high + session.low + session.close) @ session.tick_volume / 3
    return float(typical) / traded


def side_of(distances: Sequence[float], threshold: float) -> int:
    """Return 1 where all distances lie above the threshold, -1 where all lie below its negative,
    else 0, as where there are none."""
    if not distances:
        return 0
    if min(distances) > threshold:
        return 1
    return -1 if max(distances) < -threshold else 0


def volume_shares(bars: Bars) -> VolumeShares | None:
    """Return who the bars' tick volume went with; None where nothing was traded."""
    traded = int(bars.tick_volume.sum())
    if traded <= 0:
        return None
    fell, rose = (
        int(bars.tick_volume[closed].sum()) / traded
        for closed in (bars.close < bars.open, bars.close > bars.open)
    )
    return VolumeShares(fell, rose)
