"""The virtual clock, and the server's clock beside it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from dtms_server.terminal.clock import zone


@dataclass(frozen=True, slots=True)
class ServerZone:
    """How the server's clock stands to UTC; server epochs are its wall clock read as if UTC.

    MQL5 Reference, TimeTradeServer: all times are the server's, summer time included. Brokers
    change their clocks on a Sunday, while the market is closed: the hour that is shown twice in
    autumn is stood through, and the one that spring leaves out is passed at once.
    """

    zone: tzinfo

    @classmethod
    def parse(cls, text: str) -> "ServerZone":
        """Read a time zone's name ("EET") or "+HH:MM"; ValueError where it is neither."""
        return cls(zone(text))

    def server(self, utc: float) -> float:
        """Return the server epoch of a UTC epoch."""
        offset = datetime.fromtimestamp(utc, self.zone).utcoffset()
        assert offset is not None
        return utc + offset.total_seconds()

    def utc(self, server: float) -> float:
        """Return the UTC epoch of a server epoch (the first, where the clock shows it twice)."""
        shown = datetime.fromtimestamp(server, UTC).replace(tzinfo=self.zone)
        offset = shown.utcoffset()
        assert offset is not None
        return server - offset.total_seconds()

    def servers(self, utc: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the server epochs of many UTC epochs, in whole seconds."""
        hours, where = np.unique(utc // 3600, return_inverse=True)
        offsets = [round(self.server(hour * 3600.0) - hour * 3600.0) for hour in hours.tolist()]
        return utc + np.array(offsets, dtype=np.int64)[where]


class Clock:
    """A clock that begins at `at` (UTC epoch, seconds) and runs `speed` times as fast as ours."""

    def __init__(self, at: float, speed: float) -> None:
        self.speed = float(speed)
        self._at = at
        self._since = time.monotonic()

    def now(self) -> float:
        """Return the UTC epoch in seconds."""
        return self._at + (time.monotonic() - self._since) * self.speed

    def run(self, speed: float) -> None:
        """Go on from now at another speed; 0 stands still."""
        self.set(self.now())
        self.speed = float(speed)

    def set(self, at: float) -> None:
        """Go on from another time."""
        self._at = at
        self._since = time.monotonic()
