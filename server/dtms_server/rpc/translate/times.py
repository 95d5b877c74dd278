"""Moments and spans as messages."""

from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(at: datetime) -> Timestamp:
    """Return a moment to the microsecond."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def optional(at: datetime | None) -> Timestamp | None:
    """Return a moment to the microsecond, where there is one."""
    return None if at is None else timestamp(at)


def duration(seconds: float) -> Duration:
    """Return a span to the microsecond."""
    message = Duration()
    message.FromMicroseconds(round(seconds * 1e6))
    return message
