"""Bars of one symbol and timeframe, in prices or in whole points."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars as columns of one length. `time` is when a bar opens, in UTC epoch seconds; prices are
    bids in the quote currency; `spread` is in points."""

    timeframe_seconds: int
    time: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    tick_volume: Integers
    spread: Integers

    def __len__(self) -> int:
        return len(self.time)

    @property
    def closed_at(self) -> datetime:
        """When the newest bar ends, in UTC; there must be one."""
        return datetime.fromtimestamp(int(self.time[-1]) + self.timeframe_seconds, UTC)

    def gaps(self, longer_than_seconds: float) -> tuple[tuple[datetime, datetime], ...]:
        """Return the spans, from one bar's end to the next one's beginning, that last longer."""
        between = np.diff(self.time) - self.timeframe_seconds
        return tuple(
            (
                datetime.fromtimestamp(int(self.time[at]) + self.timeframe_seconds, UTC),
                datetime.fromtimestamp(int(self.time[at + 1]), UTC),
            )
            for at in np.flatnonzero(between > longer_than_seconds)
        )

    def closed(self, now: datetime, count: int) -> "Bars":
        """Return the newest `count` bars that had ended by `now`, oldest first and each once.

        A bar still forming at `now` is left out. Of rows that repeat a bar the last one counts: a
        terminal may answer with pages that overlap.
        """
        ordered = self if (np.diff(self.time) > 0).all() else self._ordered()
        newest_open = now.timestamp() - self.timeframe_seconds
        end = int(np.searchsorted(ordered.time, newest_open, side="right"))
        return ordered.pick(slice(max(0, end - count), end))

    def pick(self, rows: slice | Integers) -> "Bars":
        """Return these rows."""
        return Bars(
            self.timeframe_seconds,
            self.time[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.tick_volume[rows],
            self.spread[rows],
        )

    def in_points(self, point: float) -> "Bars":
        """Return the bars with prices as whole points above their last close.

        Whole numbers make sums and comparisons exact, and the bars of a mirrored market are then
        these with the sign turned, so that neither side is favoured by rounding.
        """
        open_, high, low, close = np.rint(self._prices / point)
        zero = close[-1]
        return Bars(
            self.timeframe_seconds,
            self.time,
            open_ - zero,
            high - zero,
            low - zero,
            close - zero,
            self.tick_volume,
            self.spread,
        )

    @property
    def is_sound(self) -> bool:
        """Are all prices finite and above zero? What is not would be read as no movement."""
        prices = self._prices
        return bool((np.isfinite(prices) & (prices > 0)).all())

    @property
    def _prices(self) -> Floats:
        return np.stack((self.open, self.high, self.low, self.close))

    def _ordered(self) -> "Bars":
        _, from_the_end = np.unique(self.time[::-1], return_index=True)
        return self.pick(len(self) - 1 - from_the_end)
