"""Where a stream of events stands, and what becomes of it when its call ends. No I/O."""

import logging
import random
import time
from typing import Final

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.event_pb2 import MonitorEvent

from dtms_client.errors import DtmsError, Unavailable

logger = logging.getLogger("dtms_client")

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
LONGEST_ASKED_PAUSE_SECONDS: Final = 60.0  # whatever a server asks for
MISSED_HEARTBEATS: Final = 3


class Cursor:
    """A place in the journal that outlives calls. `resume_token` is the last message's that was
    handed out: a stream that begins there goes on after it, without gap or repeat."""

    def __init__(
        self,
        request: pb.StreamMonitorEventsRequest,
        give_up_after: float | None = None,
    ) -> None:
        interval = request.heartbeat_interval.ToNanoseconds() / 1e9
        self.silence_seconds: Final = MISSED_HEARTBEATS * min(max(interval, 1.0), 60.0)  # as kept
        self._request = request
        self._give_up_after = give_up_after
        self._failures = 0
        self._failing_since = 0.0
        self._sequence = 0  # of the last event handed out

    @property
    def resume_token(self) -> str:
        """Give it to `events(since=...)` to go on from here; empty before the first message."""
        return self._request.resume_token

    def request(self) -> pb.StreamMonitorEventsRequest:
        """What to ask for now."""
        return self._request

    def advance(self, message: pb.StreamMonitorEventsResponse) -> bool:
        """Take note of a message, and tell whether to hand it out: an event that is not after the
        last one is dropped, whatever the server says."""
        if self._failures:
            logger.info("The stream of events goes on after %d failures", self._failures)
            self._failures = 0
        if message.HasField("event"):
            if message.event.sequence <= self._sequence:
                logger.warning(
                    "Event %d came after event %d and is dropped",
                    message.event.sequence,
                    self._sequence,
                )
                return False
            self._sequence = message.event.sequence
        if message.resume_token:
            self._request.resume_token = message.resume_token
        return True

    def pause(self, error: DtmsError) -> float:
        """Return the seconds to wait before the next call; raise the error where another call
        would end as this one did, or where it has been failing for `give_up_after` seconds."""
        now = time.monotonic()
        if not self._failures:
            self._failing_since = now
        failing_for = now - self._failing_since
        if not error.is_transient or self._is_over(failing_for):
            raise error
        # an outage is told once, not at each attempt
        level = logging.DEBUG if self._failures else logging.WARNING
        logger.log(level, "The stream of events was lost and will be resumed: %s", error)
        self._failures += 1
        return max(_backoff(self._failures), _asked(error))

    def _is_over(self, failing_for: float) -> bool:
        return self._give_up_after is not None and failing_for >= self._give_up_after

    def silent(self) -> DtmsError:
        """The error of a call that has shown no sign of life for `silence_seconds`."""
        return Unavailable(
            grpc.StatusCode.UNAVAILABLE, f"no message for {self.silence_seconds:g} s"
        )


def event_of(message: pb.StreamMonitorEventsResponse) -> MonitorEvent | None:
    """The event that a message carries, if it does."""
    return message.event if message.HasField("event") else None


def whole(message: pb.StreamMonitorEventsResponse) -> pb.StreamMonitorEventsResponse:
    """The message itself."""
    return message


def ended() -> DtmsError:
    """The error of a call that the server ended without one."""
    return Unavailable(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")


def _backoff(failures: int) -> float:
    # jitter keeps the dashboards of one server from coming back all at once
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # not for secrets


def _asked(error: DtmsError) -> float:
    return min(error.retry_after or 0.0, LONGEST_ASKED_PAUSE_SECONDS)
