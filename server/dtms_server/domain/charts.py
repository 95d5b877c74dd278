"""All that an analysis reads of one symbol, and whether it can be read."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import isfinite

import numpy as np

from dtms_server.domain.bars import Bars, Floats
from dtms_server.domain.policy.analysis import AnalysisPolicy

BidChanges = tuple[int, int]
"""How often the bid went up, and down, within a bar."""


def bid_changes(bids: Floats) -> BidChanges:
    """Count the changes in a bar's bids, oldest first."""
    moves = np.diff(bids)
    return int((moves > 0).sum()), int((moves < 0).sum())


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """How a symbol's prices are written, and where its broker's day begins: the server's clock is
    `server_offset_seconds` ahead of UTC."""

    point: float
    digits: int
    server_offset_seconds: int

    def day_start(self, at: int) -> int:
        """Return the beginning of the broker's day that holds `at`; both UTC epoch seconds."""
        return at - (at + self.server_offset_seconds) % 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Charts:
    """A symbol as the terminal shows it. `bid_changes` are those within the newest closed M5 bar,
    None where there are no ticks."""

    symbol: str
    facts: PriceFacts
    m5: Bars
    m15: Bars
    bid_changes: BidChanges | None
    market_open: bool

    def closed(self, now: datetime, policy: AnalysisPolicy) -> "Charts":
        """Return the charts without the bars that had not closed by `now`, and those too old to
        matter."""
        return replace(
            self,
            m5=self.m5.closed(now, policy.m5_bars),
            m15=self.m15.closed(now, policy.m15_bars),
        )

    def unreadable(self, now: datetime, policy: AnalysisPolicy) -> str | None:
        """Return in words why closed charts cannot be read at `now`; None where they can."""
        point = self.facts.point
        if not (isfinite(point) and point > 0):
            return f"a point of {point}"
        return (
            _lack("M5", self.m5, policy.least_m5_bars)
            or _lack("M15", self.m15, policy.least_m15_bars)
            or (_stale("M5", self.m5, now, policy) if self.market_open else None)
            or (_stale("M15", self.m15, now, policy) if self.market_open else None)
        )


def _lack(name: str, bars: Bars, least: int) -> str | None:
    if len(bars) < least:
        return f"{len(bars)} of {least} closed {name} bars"
    return None if bars.is_sound else f"a price of the {name} bars is no number above 0"


def _stale(name: str, bars: Bars, now: datetime, policy: AnalysisPolicy) -> str | None:
    longest = timedelta(seconds=bars.timeframe_seconds + policy.stale_seconds)
    if now - bars.closed_at <= longest:
        return None
    return f"the newest closed {name} bar ended at {bars.closed_at:%Y-%m-%d %H:%M} UTC"
