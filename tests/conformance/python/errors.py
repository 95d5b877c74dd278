"""An error of a call, as scenarios speak of it."""

from collections.abc import Mapping
from typing import Any

from conformance.python.likeness import unlike
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

DOMAIN = "dtms"
OF_DEAD_CONNECTIONS = ("DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL", "CANCELLED")
"""What gRPC's libraries tell, without an ErrorInfo, of a connection that died amid a call."""
PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class Failure(Exception):
    """A call failed with a grpc.RpcError: `code`, `reason` ("" without an ErrorInfo), `domain`,
    `metadata`, `violations` (field names), `retry` (is there a RetryInfo with a delay?), and
    `pause_seconds`: how long a follower waits after it."""

    def __init__(self, error: Any) -> None:
        self.code: str = error.code().name
        status: Status | None = rpc_status.from_call(error)
        info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
        for detail in status.details if status else ():
            for message in (info, bad, retry):
                if detail.Is(message.DESCRIPTOR):
                    detail.Unpack(message)
        self.reason, self.domain = info.reason, info.domain
        self.metadata = dict(info.metadata)
        self.violations = sorted(violation.field for violation in bad.field_violations)
        delay_seconds = retry.retry_delay.ToTimedelta().total_seconds()
        self.retry = delay_seconds > 0
        self.pause_seconds = min(delay_seconds or PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        super().__init__(f"{self.code} {self.reason}: {error.details()}")

    @property
    def passes(self) -> bool:
        """May the call do better when it is repeated?"""
        return self.code == "UNAVAILABLE" or (self.code in OF_DEAD_CONNECTIONS and not self.reason)

    @property
    def interrupts(self) -> bool:
        """Does a follower go on after it?"""
        slow = (self.code, self.reason) == ("RESOURCE_EXHAUSTED", "SLOW_CONSUMER")
        return self.code == "UNAVAILABLE" or slow or not self.reason

    def unlike(self, expected: Mapping[str, Any]) -> str | None:
        """Return how it differs from the error that was expected; None: it does not."""
        for name, value in expected.items():
            wanted = sorted(value) if name == "violations" else value
            if told := unlike(wanted, getattr(self, name), name):
                return f"{told} ({self})"
        if expected.get("reason") and self.domain != DOMAIN:
            return f"domain is {self.domain!r}, not {DOMAIN!r}"
        return None
