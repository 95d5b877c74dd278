"""The terminal's clock between two snapshots."""

import time
from datetime import UTC, datetime, timedelta

from dtms_server.domain.market import Snapshot


class TerminalClock:
    """Tells the terminal's time: the last snapshot's, run on at that snapshot's speed."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._taken = 0.0
        self.speed = 1.0

    def observe(self, snapshot: Snapshot) -> None:
        """Set the clock by a snapshot that has just been read."""
        self._at, self._taken, self.speed = snapshot.at, time.monotonic(), snapshot.speed

    def now(self) -> datetime:
        """Return the terminal's time in UTC; before the first snapshot the computer's."""
        if self._at is None:
            return datetime.now(UTC)
        return self._at + timedelta(seconds=(time.monotonic() - self._taken) * self.speed)

    @property
    def last_seen(self) -> datetime | None:
        """The time of the last snapshot; None: there was none yet."""
        return self._at

    def wall_seconds(self, terminal_seconds: float, floor_seconds: float) -> float:
        """Return how long `terminal_seconds` last on the wall, `floor_seconds` at least.

        A clock that stands still is taken to run at speed 1, so that cycles go on.
        """
        return max(terminal_seconds / (self.speed or 1.0), floor_seconds)
