"""Calls as a client without retries makes them, and health as a load balancer sees it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_client import statuses
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from processes import PATIENCE_SECONDS

READINESS: Final = ("", "dtms.v1.DtmsService", "readiness")
LIVENESS: Final = "liveness"
OK: Final = "OK"


class Caller:
    """One connection to a server."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.stub = DtmsServiceStub(channel)
        self._health: Any = HealthStub(channel)  # its stubs name no methods

    def health(self, name: str) -> str:
        """Return what Check says of a name."""
        request = HealthCheckRequest(service=name)
        return status_name(self._health.Check(request, timeout=PATIENCE_SECONDS).status)

    def readiness(self) -> str:
        """Return the one thing that is said under all names of readiness."""
        (status,) = {self.health(name) for name in READINESS}
        return status

    def status(self) -> pb.GetStatusResponse:
        """Ask how the service stands."""
        return self.stub.GetStatus(pb.GetStatusRequest(), timeout=PATIENCE_SECONDS)

    def register(self, ticket: int, symbol: str = "EURUSD") -> str:
        """Register a BUY; return OK, or the reason of the refusal."""
        buy = trade_pb2.DIRECTION_BUY
        request = pb.RegisterTradeRequest(ticket=ticket, symbol=symbol, direction=buy)
        return outcome(lambda: self.stub.RegisterTrade(request, timeout=PATIENCE_SECONDS))

    def begin_register(self, ticket: int) -> Any:
        """Register a BUY, and do not wait for the answer."""
        request = pb.RegisterTradeRequest(
            ticket=ticket, symbol="EURUSD", direction=trade_pb2.DIRECTION_BUY
        )
        return self.stub.RegisterTrade.future(request, timeout=PATIENCE_SECONDS)

    def follow(self) -> Any:
        """Open a stream, and return it once it has begun."""
        call = self.stub.StreamMonitorEvents(
            pb.StreamMonitorEventsRequest(), timeout=PATIENCE_SECONDS
        )
        next(call)
        return call

    def other_outcomes(self, ticket: int) -> dict[str, str]:
        """Call every RPC but RegisterTrade and return what came of each; the trade is released,
        if there is one."""
        update = pb.UpdateTradeRequest(ticket=ticket, update_mask=FieldMask(paths=["labels"]))
        stub = self.stub
        calls: Mapping[str, Callable[[], Any]] = {
            "GetStatus": self.status,
            "GetTrade": partial(stub.GetTrade, pb.GetTradeRequest(ticket=ticket)),
            "ListTrades": partial(stub.ListTrades, pb.ListTradesRequest()),
            "StreamMonitorEvents": lambda: self.follow().cancel(),
            "UpdateTrade": partial(stub.UpdateTrade, update),
            "ReleaseTrade": partial(stub.ReleaseTrade, pb.ReleaseTradeRequest(ticket=ticket)),
        }
        return {name: outcome(call) for name, call in calls.items()}


class HealthWatch:
    """A health Watch on one name, and all that it was told."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        self.told: list[str] = []
        self.ended_by = ""
        self._more = threading.Condition()
        stub: Any = HealthStub(channel)
        self._call = stub.Watch(HealthCheckRequest(service=name))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def await_told(self, *statuses: str) -> None:
        """Wait for as many statuses, and demand that they are these."""
        with self._more:
            self._more.wait_for(
                lambda: len(self.told) >= len(statuses) or self.ended_by, PATIENCE_SECONDS
            )
            assert self.told == list(statuses), self.ended_by

    def await_end(self) -> str:
        """Wait until the server ends the watch, and return its reason."""
        self._reader.join(PATIENCE_SECONDS)
        return self.ended_by

    def cancel(self) -> None:
        """End the watch."""
        self._call.cancel()
        self._reader.join(PATIENCE_SECONDS)

    def _read(self) -> None:
        try:
            for message in self._call:
                with self._more:
                    self.told.append(status_name(message.status))
                    self._more.notify_all()
        except grpc.RpcError as error:
            with self._more:
                self.ended_by = reason_of(error)
                self._more.notify_all()


@contextmanager
def held_open(channel: grpc.Channel) -> Iterator[None]:
    """Keep a call open, one of reflection, until the block ends: as long a drain lasts at least."""
    over = threading.Event()

    def ask() -> Iterator[ServerReflectionRequest]:
        yield ServerReflectionRequest(list_services="")
        over.wait()

    stub: Any = ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(ask())
    next(call)
    try:
        yield
    finally:
        over.set()


@contextmanager
def calling(target: str) -> Iterator[Caller]:
    """Connect; the connection ends with the block."""
    with grpc.insecure_channel(target) as channel:
        yield Caller(channel)


@contextmanager
def watching(target: str, name: str) -> Iterator[HealthWatch]:
    """Watch a name over a connection of its own."""
    with grpc.insecure_channel(target) as channel:
        watch = HealthWatch(channel, name)
        try:
            yield watch
        finally:
            watch.cancel()


def outcome(call: Callable[[], object]) -> str:
    """Return OK, or the reason for which the call was refused."""
    try:
        call()
    except grpc.RpcError as error:
        return reason_of(error)
    return OK


def reason_of(error: grpc.RpcError) -> str:
    """Return the server's reason; that UNAVAILABLE says when to come back is checked here."""
    told = statuses.from_rpc(error)
    if told.reason and told.code is grpc.StatusCode.UNAVAILABLE:
        assert told.retry_after is not None
    return told.reason or told.code.name


def status_name(status: int) -> str:
    """Return a health status by its name."""
    return str(HealthCheckResponse.ServingStatus.Name(status))
