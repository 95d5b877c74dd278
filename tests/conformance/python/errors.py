"""An error of a call, as scenarios speak of it."""

from collections.abc import Mapping
from typing import Any

from conformance.python.likeness import unlike
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

DOMAIN = "dtms"
PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
"""What a call is repeated after, where its step says `retry`."""


class Failure(Exception):
    """A call failed with a grpc.RpcError: `code`, `reason` ("" without an ErrorInfo), `domain`,
    `metadata`, `violations` (field names) and `retry` (is there a RetryInfo with a delay?)."""

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
        self.retry = retry.retry_delay.ToTimedelta().total_seconds() > 0
        super().__init__(f"{self.code} {self.reason}: {error.details()}")

    def unlike(self, expected: Mapping[str, Any]) -> str | None:
        """Return how it differs from the error that was expected; None: it does not."""
        for name, value in expected.items():
            wanted = sorted(value) if name == "violations" else value
            if told := unlike(wanted, getattr(self, name), name):
                return f"{told} ({self})"
        if expected.get("reason") and self.domain != DOMAIN:
            return f"domain is {self.domain!r}, not {DOMAIN!r}"
        return None
