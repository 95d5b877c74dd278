"""What happened since the process began: counted and timed as it happens."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, ParamSpec

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.events import (
    ActionAdvised,
    ActionBlocked,
    ActionDone,
    ActionFailed,
    EventType,
    Recorded,
)

CODES: Final = ("OK", "INTERNAL", "UNKNOWN")
"""How each RPC may end that is right, or a fault of ours."""
OUTCOMES: Final = ("DONE", "FAILED", "ADVISED", "BLOCKED")
RPC_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CYCLE_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
COMMIT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


P = ParamSpec("P")

log = structlog.get_logger()


def _fenced(count: Callable[P, None]) -> Callable[P, None]:
    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception:
            log.exception("not counted", happening=count.__name__)

    return counted


class Happenings:
    """Its methods are handed to the parts in which things happen; series with known labels begin
    at 0, so that the first happening shows as a rise. What cannot be counted is logged, and raises
    nothing: it must end neither a call, nor a commit, nor a loop of the guard."""

    def __init__(self, registry: CollectorRegistry, rpcs: Iterable[str] = ()) -> None:
        """`rpcs` are the names of those whose ends will be told."""
        self._rpcs = Counter(
            "dtms_rpcs",
            "Calls of DtmsService that ended, by RPC and status code; streams count at their end.",
            ("method", "code"),
            registry=registry,
        )
        self._rpc_seconds = Histogram(
            "dtms_rpc_duration_seconds",
            "Seconds from a unary call's arrival to its answer, or to its caller's hanging up.",
            ("method",),
            buckets=RPC_BUCKETS,
            registry=registry,
        )
        self._cycle_seconds = Histogram(
            "dtms_cycle_duration_seconds",
            "Seconds that each whole cycle of the monitor took.",
            buckets=CYCLE_BUCKETS,
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "dtms_writer_commit_seconds",
            "Seconds that each transaction of the writer took, fsync included.",
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )
        self._batch_size = Histogram(
            "dtms_writer_batch_size",
            "Pieces of work in each transaction of the writer; the watchdog's questions are such.",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self._events = Counter(
            "dtms_events", "Events written to the journal, by type.", ("type",), registry=registry
        )
        self._actions = Counter(
            "dtms_actions",
            "Actions by kind, and by what became of them or why they were not tried.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._begin_at_zero(rpcs)

    @_fenced
    def answered(self, method: str, code: str, seconds: float | None) -> None:
        """A call has ended; for the arguments see rpc.outcomes.Answered."""
        self._rpcs.labels(method, code).inc()
        if seconds is not None:
            self._rpc_seconds.labels(method).observe(seconds)

    @_fenced
    def cycled(self, seconds: float) -> None:
        """A cycle is done."""
        self._cycle_seconds.observe(seconds)

    @_fenced
    def committed(self, pieces: int, seconds: float) -> None:
        """A transaction of the writer is over."""
        self._batch_size.observe(pieces)
        self._commit_seconds.observe(seconds)

    @_fenced
    def recorded(self, events: Iterable[Recorded]) -> None:
        """The journal has taken these events."""
        for recorded in events:
            self._events.labels(recorded.type).inc()
            match recorded.event:
                case ActionDone(action=action):
                    self._actions.labels(action.kind, "DONE").inc()
                case ActionFailed(action=action):
                    self._actions.labels(action.kind, "FAILED").inc()
                case ActionAdvised(action=action):
                    self._actions.labels(action.kind, "ADVISED").inc()
                case ActionBlocked(action=action):
                    self._actions.labels(action.kind, "BLOCKED").inc()

    def _begin_at_zero(self, rpcs: Iterable[str]) -> None:
        for rpc in rpcs:
            for code in CODES:
                self._rpcs.labels(rpc, code)
        for kind in EventType:
            self._events.labels(kind)
        for action in ActionKind:
            for outcome in OUTCOMES:
                self._actions.labels(action, outcome)
