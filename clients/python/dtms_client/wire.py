"""The few messages of google.rpc and grpc.health.v1 that the client reads, by their wire layout.

They live in a descriptor pool of their own, so that they clash with nothing the caller imports.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE: Final = "dtms_client.wire"
_TYPE: Final = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "bytes": _TYPE.TYPE_BYTES,
    "int32": _TYPE.TYPE_INT32,
    "int64": _TYPE.TYPE_INT64,
    "string": _TYPE.TYPE_STRING,
}
_LAYOUT: Final = {
    # message: (name, number, type; a leading * means repeated)
    "Status": (("code", 1, "int32"), ("message", 2, "string"), ("details", 3, "*Any")),
    "Any": (("type_url", 1, "string"), ("value", 2, "bytes")),
    "ErrorInfo": (("reason", 1, "string"), ("domain", 2, "string"), ("metadata", 3, "*Pair")),
    "Pair": (("key", 1, "string"), ("value", 2, "string")),  # an entry of a map
    "BadRequest": (("field_violations", 1, "*FieldViolation"),),
    "FieldViolation": (("field", 1, "string"), ("description", 2, "string")),
    "RetryInfo": (("retry_delay", 1, "Duration"),),
    "Duration": (("seconds", 1, "int64"), ("nanos", 2, "int32")),
    "HealthCheckRequest": (("service", 1, "string"),),
    "HealthCheckResponse": (("status", 1, "int32"),),  # an enum travels as int32
}
SERVING: Final = 1
"""HealthCheckResponse.ServingStatus.SERVING"""


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that the server refused: its path, and what is wrong with it."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Details:
    """What google.rpc.Status tells beside code and message; what it does not tell is empty."""

    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_after_seconds: float | None = None


def parse_details(payload: bytes) -> Details:
    """Read a serialised google.rpc.Status. What cannot be parsed counts as not told: an error must
    reach its caller whatever a server or proxy put beside it."""
    told: dict[str, Any] = {}
    for item in _parse("Status", payload).details:
        match item.type_url.rpartition("/")[2]:
            case "google.rpc.ErrorInfo":
                info = _parse("ErrorInfo", item.value)
                metadata = {pair.key: pair.value for pair in info.metadata}
                told |= {"reason": info.reason, "domain": info.domain, "metadata": metadata}
            case "google.rpc.BadRequest":
                wrong = _parse("BadRequest", item.value).field_violations
                told["violations"] = tuple(Violation(v.field, v.description) for v in wrong)
            case "google.rpc.RetryInfo":
                delay = _parse("RetryInfo", item.value).retry_delay
                told["retry_after_seconds"] = max(0.0, delay.seconds + delay.nanos / 1e9)
    return Details(**told)


def health_request(service: str) -> bytes:
    """Serialise a HealthCheckRequest."""
    payload: bytes = _message("HealthCheckRequest")(service=service).SerializeToString()
    return payload


def health_status(payload: bytes) -> int:
    """Read the status of a HealthCheckResponse; 0 (unknown) where it cannot be parsed."""
    return int(_parse("HealthCheckResponse", payload).status)


def _parse(name: str, payload: bytes) -> Any:
    message = _message(name)()
    try:
        message.ParseFromString(payload)
    except DecodeError:
        message.Clear()
    return message


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="dtms_client/wire.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _LAYOUT.items():
        file.message_type.add(name=name, field=[_field(*each) for each in fields])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _field(name: str, number: int, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    plain = kind.removeprefix("*")
    field_ = _TYPE(name=name, number=number)
    field_.label = _TYPE.LABEL_OPTIONAL if plain == kind else _TYPE.LABEL_REPEATED
    if plain in _SCALARS:
        field_.type = _SCALARS[plain]
    else:
        field_.type, field_.type_name = _TYPE.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
    return field_
