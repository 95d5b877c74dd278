"""The calls of a scenario, on one channel, by the generated stubs and nothing else."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
from conformance.python.errors import Failure
from conformance.python.steps import Malformed, doubles
from dtms.v1 import service_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

Told = Mapping[str, Any]
OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_retries", 0),
)
STREAM = "StreamMonitorEvents"
METHODS = service_pb2.DESCRIPTOR.services_by_name["DtmsService"].methods_by_name


class Service:
    """One channel to DTMS; requests and answers are protobuf's JSON. Every method raises Failure
    where the call fails."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, OPTIONS)
        self._stub = DtmsServiceStub(self._channel)
        self._health: Any = HealthStub(self._channel)  # its stubs name no methods

    def call(
        self, method: str, request: Told, deadline_seconds: float, cancel_after: float | None
    ) -> Told:
        """Make a unary call; cancel it so many seconds after its beginning, if any."""
        if method not in METHODS or method == STREAM:
            raise Malformed(f"there is no call {method}")
        asked = request_message(method, request)
        return plain(_result(getattr(self._stub, method), asked, deadline_seconds, cancel_after))

    def health(self, name: str, deadline_seconds: float, cancel_after: float | None) -> Told:
        """Ask for the health of a name."""
        asked = health_pb2.HealthCheckRequest(service=name)
        return plain(_result(self._health.Check, asked, deadline_seconds, cancel_after))

    def stream(self, request: Told, deadline_seconds: float | None = None) -> "Stream":
        """Open StreamMonitorEvents."""
        asked: Any = request_message(STREAM, request)
        return Stream(self._stub.StreamMonitorEvents(asked, timeout=deadline_seconds))

    def close(self) -> None:
        """End the channel and all that is open on it."""
        self._channel.close()


class Stream:
    """An open stream of messages."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[Told]:
        while True:
            try:
                message = next(self._call)
            except StopIteration:
                return
            except grpc.RpcError as error:
                raise Failure(error) from error
            yield plain(message)

    def cancel(self) -> None:
        """End it."""
        self._call.cancel()


def request_message(method: str, request: Told) -> Message:
    """Make the request of a method from its JSON. Raises Malformed."""
    empty: Message = getattr(service_pb2, METHODS[method].input_type.name)()
    try:
        return ParseDict(doubles(request), empty)
    except (ParseError, TypeError, ValueError) as fault:
        raise Malformed(f"this is no request of {method}: {fault}") from fault


def plain(message: Message) -> Told:
    """Return a message as its JSON."""
    return MessageToDict(message)


def _result(
    method: Any, asked: Message, deadline_seconds: float, cancel_after: float | None
) -> Message:
    call = method.future(asked, timeout=deadline_seconds)
    if cancel_after is not None:
        time.sleep(cancel_after)
        call.cancel()
    try:
        answer: Message = call.result()
    except grpc.FutureCancelledError:
        raise Failure(call) from None
    except grpc.RpcError as error:
        raise Failure(error) from error
    return answer
