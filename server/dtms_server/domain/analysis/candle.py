"""The newest closed bar, where it has conviction."""

from dataclasses import dataclass

from dtms_server.domain.bars import Bars
from dtms_server.domain.policy.analysis import CandlePolicy


@dataclass(frozen=True, slots=True)
class Candle:
    """`side` is 1 for a strong bar up, -1 for one down, 0 for any other; `through_vwap`: it is a
    strong one, and it opened on one side of the VWAP and closed on the other."""

    side: int
    through_vwap: bool


def read_candle(bars: Bars, atr: float | None, vwap: float | None, policy: CandlePolicy) -> Candle:
    """Return the newest bar's candle; prices, `atr` and `vwap` in one unit. Without an ATR no bar
    is strong, without a VWAP none goes through it."""
    open_, close = float(bars.open[-1]), float(bars.close[-1])
    whole, body = float(bars.high[-1] - bars.low[-1]), close - open_
    if atr is None or whole <= policy.atr_share * atr or abs(body) <= policy.body_share * whole:
        return Candle(0, False)
    side = 1 if body > 0 else -1
    through = vwap is not None and side * (open_ - vwap) <= 0 < side * (close - vwap)
    return Candle(side, through)
