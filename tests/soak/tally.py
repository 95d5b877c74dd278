"""What calls came to: how many, by status, and whether the statuses are those of the table."""

import threading
from collections import Counter

from dtms_client import DtmsError
from dtms_server.rpc.errors import STATUS

TABLE = frozenset((code.name, reason) for code, reason in STATUS.values())
BARE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})
"""What gRPC itself says of a call whose server is gone or slow; no server has given a reason."""


class Tally:
    """Counts calls by what they came to; any thread may count."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Count a call that was answered."""
        self._count("OK", "")

    def failed(self, error: DtmsError) -> None:
        """Count a call that failed."""
        self._count(error.code.name, error.reason)

    @property
    def by_status(self) -> dict[str, int]:
        """How many calls, by status and reason."""
        with self._lock:
            found = sorted(self._counts.items(), key=lambda item: -item[1])
        return {f"{code} {reason}".strip(): count for (code, reason), count in found}

    @property
    def unforeseen(self) -> dict[str, int]:
        """Those whose status is not in the server's table, nor gRPC's own for a lost server."""
        with self._lock:
            items = list(self._counts.items())
        return {
            f"{code} {reason}".strip(): count
            for (code, reason), count in items
            if code != "OK" and (code, reason) not in TABLE and not (code in BARE and not reason)
        }

    def _count(self, code: str, reason: str) -> None:
        with self._lock:
            self._counts[code, reason] += 1
