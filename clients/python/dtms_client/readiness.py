"""Waiting until the server is ready, by the health service (grpc.health.v1)."""

import time
from typing import Final

import grpc

from dtms_client import wire
from dtms_client.errors import DtmsError, NotReady

METHOD: Final = "/grpc.health.v1.Health/Check"
NAME: Final = "readiness"
PAUSE_SECONDS: Final = 0.2
LONGEST_ATTEMPT_SECONDS: Final = 2.0  # a server that hangs must not use up the whole time


class Wait:
    """One wait: how long an attempt may take, what its outcome means, when the time is over."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._last = ""

    @property
    def attempt_seconds(self) -> float:
        """The deadline of the next attempt, in seconds from now."""
        return min(max(self._left(), 0.001), LONGEST_ATTEMPT_SECONDS)

    def is_over(self, answer: bytes) -> bool:
        """Does this HealthCheckResponse say SERVING?"""
        status = wire.health_status(answer)
        self._last = f"the server says that it is not serving (health status {status})"
        return status == wire.SERVING

    def failed(self, error: DtmsError) -> None:
        """Take note of a failed attempt; raise it where waiting would not help. One that the end of
        the wait cut short tells less than what was seen before."""
        if not error.is_transient:
            raise error
        if self._left() > 0 or not self._last:
            self._last = str(error)

    def pause(self) -> float:
        """Return the seconds until the next attempt; raise NotReady when the time is over."""
        if self._left() <= 0:
            message = f"not ready within {self._timeout_seconds:g} s: {self._last}"
            raise NotReady(grpc.StatusCode.UNAVAILABLE, message, "NOT_READY")
        return min(PAUSE_SECONDS, self._left())

    def _left(self) -> float:
        return self._deadline - time.monotonic()
