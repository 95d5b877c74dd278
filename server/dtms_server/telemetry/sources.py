"""What the pages read of the service, at the moment they are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dtms_server.engine.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Each answers at once and from memory, so that pages work while disk or terminal hang."""

    standing: Callable[[], Status]
    is_ready: Callable[[], bool]
    """What gRPC health says of readiness: the one source of both."""
    is_live: Callable[[], bool]
    """What gRPC health says of liveness."""
    stream_lags: Callable[[], Sequence[int]]
    """For each open stream the events that it has still to look at."""
    writes_waiting: Callable[[], int]
