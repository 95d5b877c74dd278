"""What a soak measures as it goes, and whether the server has grown."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from dtms_server.terminal.simulator import chronicle
from soak.evidence import Evidence
from soak.lag import LagWatch
from soak.measures import Weight, size, weigh
from soak.place import Place

FIRST_MINUTE, LAST_MINUTES = 10.0, 1.0
WINDOW_MINUTES = 0.5
JUDGED_FROM_MINUTES = 15.0
"""A shorter soak is not judged: there is no telling growth from warming up."""
SPARED_FROM_MINUTE = 2.0
"""From here on a soak that is judged does not end its server any more: a young one still warms up
at minute 10."""
ALLOWED_GROWTH = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """All that was measured at the end of one hour; a process that was not there is None."""

    minute: float
    server: Weight | None
    host: Weight | None
    supervisor: Weight | None
    soak: Weight | None
    trades: int
    open_trades: int
    events: int
    orders: int
    deals: int
    database_bytes: int
    world_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How one figure of the same process changed from minute 10 to the end; medians."""

    what: str
    early: float
    late: float

    @property
    def share(self) -> float:
        """How much more it is at the end, as a share."""
        return self.late / self.early - 1.0

    @property
    def is_too_much(self) -> bool:
        """Is it more than a soak allows?"""
        return self.late > self.early * (1.0 + ALLOWED_GROWTH)


class Gauges:
    """Samples of one soak, in order."""

    def __init__(self, soak_pid: int) -> None:
        self.samples: list[Sample] = []
        self._soak_pid = soak_pid
        self._begun = time.monotonic()

    @property
    def minute(self) -> float:
        """Minutes since the soak began."""
        return (time.monotonic() - self._begun) / 60.0

    def take(self, place: Place, found: Evidence, lag: LagWatch) -> Sample:
        """Measure all at this moment."""
        lag.settle(place.server_since)
        kept = found.kept
        sample = Sample(
            minute=self.minute,
            server=weigh(place.server.pid),
            host=weigh(place.host),
            supervisor=weigh(place.terminal.pid),
            soak=weigh(self._soak_pid),
            trades=len(kept.trades),
            open_trades=sum(trade.is_guarded for trade in kept.trades.values()),
            events=len(kept.events),
            orders=len(kept.actions),
            deals=sum(map(len, found.shown.deals.values())),
            database_bytes=sum(
                size(place.database.with_name(place.database.name + part)) for part in ("", "-wal")
            ),
            world_bytes=size(place.world) + size(chronicle.path_of(place.world)),
        )
        self.samples.append(sample)
        return sample


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """Compare the server at minute 10 with itself at the end; [] for a soak too short, or whose
    server was not the same."""
    if not samples or samples[-1].minute < JUDGED_FROM_MINUTES:
        return []
    early = [s for s in samples if abs(s.minute - FIRST_MINUTE) <= WINDOW_MINUTES]
    late = [s for s in samples if s.minute >= samples[-1].minute - LAST_MINUTES]
    begun, ended = ([s.server for s in part if s.server] for part in (early, late))
    if not begun or not ended or len({weight.pid for weight in begun + ended}) > 1:
        return []
    return [
        _growth("resident memory", [w.rss_bytes for w in begun], [w.rss_bytes for w in ended]),
        _growth("descriptors", [w.descriptors for w in begun], [w.descriptors for w in ended]),
    ]


def _growth(what: str, early: list[int], late: list[int]) -> Growth:
    return Growth(what, median(early), median(late))
