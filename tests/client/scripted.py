"""Scripted servers: each test writes what its server answers."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1 import service_pb2_grpc
from dtms.v1.event_pb2 import MonitorEvent
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from processes import free_address

Context = grpc.ServicerContext
if TYPE_CHECKING:
    Servicer = object  # the stubs call every method abstract
else:
    Servicer = service_pb2_grpc.DtmsServiceServicer  # what is not written is UNIMPLEMENTED


class Server:
    """A gRPC server on loopback that can be stopped and started again on its port."""

    def __init__(self, servicer: object) -> None:
        self._servicer = servicer
        self.port = int(free_address().rpartition(":")[2])  # nobody takes it between two starts
        self._server: grpc.Server | None = None
        self._others: list[Callable[[grpc.Server], None]] = []
        self.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def extend(self, add: Callable[[grpc.Server], None]) -> None:
        """Serve something beside the servicer, from now on."""
        self._others.append(add)
        self.stop()
        self.start()

    def start(self) -> None:
        options = [("grpc.so_reuseport", 0)]
        self._server = grpc.server(ThreadPoolExecutor(32), options=options)
        if isinstance(self._servicer, grpc.GenericRpcHandler):
            self._server.add_generic_rpc_handlers((self._servicer,))
        else:
            service_pb2_grpc.add_DtmsServiceServicer_to_server(self._servicer, self._server)  # type: ignore[arg-type]  # any subset of the methods
        for add in self._others:
            add(self._server)
        self._server.add_insecure_port(self.target)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None


class Journal(Servicer):
    """Streams numbered events from a list; the token is the sequence scanned. `cuts` tells how each
    call ends: after so many messages, by that hook; a call beyond the list goes on for ever."""

    def __init__(self, events: int = 0) -> None:
        self.head = events
        self.cuts: list[tuple[int, Callable[[Context], None]]] = []
        self.requests: list[pb.StreamMonitorEventsRequest] = []
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self._grown = threading.Condition()

    def grow(self, count: int = 1) -> None:
        with self._grown:
            self.head += count
            self._grown.notify_all()

    def StreamMonitorEvents(  # noqa: N802  # gRPC's name
        self, request: pb.StreamMonitorEventsRequest, context: Context
    ) -> Iterator[pb.StreamMonitorEventsResponse]:
        self.requests.append(request)
        if not context.add_callback(self.ended.release):
            self.ended.release()  # it has ended already
        limit, cut = self.cuts.pop(0) if self.cuts else (-1, None)
        messages, sent = self._messages(request, context), 0
        while context.is_active():
            if sent == limit and cut is not None:
                cut(context)
                return
            yield next(messages)
            sent += 1
            self.begun.release()

    def _messages(
        self, request: pb.StreamMonitorEventsRequest, context: Context
    ) -> Iterator[pb.StreamMonitorEventsResponse]:
        start = {pb.START_FROM_EARLIEST: 0}.get(request.start_from, self.head)
        at = int(request.resume_token or start)
        yield self.heartbeat(at)
        while True:
            self._wait_beyond(at, context)
            while at < self.head:
                at += 1
                yield pb.StreamMonitorEventsResponse(
                    event=MonitorEvent(sequence=at), resume_token=str(at)
                )

    def _wait_beyond(self, at: int, context: Context) -> None:
        with self._grown:
            while self.head <= at:
                if not context.is_active():
                    context.abort(grpc.StatusCode.CANCELLED, "the caller has gone")
                self._grown.wait(0.05)  # then look for the caller

    def heartbeat(self, at: int) -> pb.StreamMonitorEventsResponse:
        return pb.StreamMonitorEventsResponse(
            heartbeat=pb.Heartbeat(head_sequence=self.head), resume_token=str(at)
        )


def serve_health(server: Server, *, ready: bool = False) -> health.HealthServicer:
    """Put the health service beside the scripted one."""
    servicer = health.HealthServicer()
    serving = health_pb2.HealthCheckResponse
    servicer.set("readiness", serving.SERVING if ready else serving.NOT_SERVING)
    server.extend(
        lambda grpc_server: health_pb2_grpc.add_HealthServicer_to_server(servicer, grpc_server)
    )
    return servicer


def refusal(
    code: grpc.StatusCode,
    reason: str,
    *,
    domain: str = "dtms",
    retry_after_ms: int | None = None,
    violations: tuple[tuple[str, str], ...] = (),
    **metadata: str,
) -> grpc.Status:
    """A status with the details that DTMS gives."""
    details: list[Any] = [
        error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)
    ]
    if retry_after_ms is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(retry_after_ms)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if violations:
        wrong = [{"field": name, "description": why} for name, why in violations]
        details.append(error_details_pb2.BadRequest(field_violations=wrong))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return rpc_status.to_status(
        status_pb2.Status(code=code.value[0], message="in words", details=packed)
    )
