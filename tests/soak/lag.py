"""How long events take from their commit to a dashboard."""

import sqlite3
import threading
import time
from bisect import bisect_left
from contextlib import closing
from pathlib import Path

from processes import PATIENCE_SECONDS

LOOK_SECONDS = 0.005
"""How exact a commit's time is."""
STEADY_SECONDS = 15.0
"""A server's age from which its dashboards are all back."""


class LagWatch:
    """Notes when the journal grew, by looking at the database all the time, and when its events
    arrived; `steady` and `all_` are seconds from the one to the other."""

    def __init__(self, database: Path) -> None:
        self.steady: list[float] = []
        self.all_: list[float] = []
        self._database = database
        self._heads: list[int] = [0]
        self._grown: list[float] = [0.0]
        self._arrivals: list[tuple[int, float]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)
        self._thread.start()

    def arrived(self, sequence: int, at: float) -> None:
        """An event is at a dashboard."""
        with self._lock:
            self._arrivals.append((sequence, at))

    def settle(self, server_since: float) -> None:
        """Work out the lags of what has arrived; the server runs since then."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
            heads, grown = list(self._heads), list(self._grown)
        for sequence, at in arrivals:
            place = bisect_left(heads, sequence)
            if place >= len(heads) or place == 0:
                continue
            lag = max(0.0, at - grown[place])
            self.all_.append(lag)
            if grown[place] > server_since + STEADY_SECONDS:
                self.steady.append(lag)

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as file:
            before = -1
            while not self._stop.wait(LOOK_SECONDS):
                (version,) = file.execute("PRAGMA data_version").fetchone()
                if version == before:
                    continue
                before = version
                (head,) = file.execute("SELECT max(sequence) FROM events").fetchone()
                now = time.monotonic()
                if head is not None and head > self._heads[-1]:
                    with self._lock:
                        self._heads.append(head)
                        self._grown.append(now)
