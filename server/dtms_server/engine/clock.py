"""The terminal's clock between two answers of the terminal."""

import time
from datetime import UTC, datetime, timedelta


class TerminalClock:
    """Tells the terminal's time: what it told last, run on at the speed it told."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._taken = 0.0
        self.speed = 1.0

    def observe(self, at: datetime, speed: float) -> None:
        """Set the clock by what the terminal has just told."""
        self._at, self._taken, self.speed = at, time.monotonic(), speed

    def now(self) -> datetime:
        """Return the terminal's time in UTC; before it was asked the computer's."""
        if self._at is None:
            return datetime.now(UTC)
        return self._at + timedelta(seconds=(time.monotonic() - self._taken) * self.speed)

    def wall_seconds(self, terminal_seconds: float) -> float:
        """Return how long `terminal_seconds` last on the wall.

        A clock that stands still is taken to run at speed 1, so that cycles go on.
        """
        return terminal_seconds / (self.speed or 1.0)
