"""The blocking client."""

import threading
import time
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.event_pb2 import MonitorEvent
from dtms.v1.service_pb2_grpc import DtmsServiceStub

from dtms_client import channels, correlation, readiness, requests, statuses, wire
from dtms_client.calls import Calls, RequestT, ResponseT
from dtms_client.cursor import Cursor, event_of, whole
from dtms_client.endpoint import DEFAULT_TARGET, Endpoint, Tls
from dtms_client.errors import DtmsError
from dtms_client.event_stream import EventStream, Select
from dtms_client.requests import EventFilter

T = TypeVar("T")


class DtmsClient(Calls):
    """DTMS for threads. Any number of threads may share one; inside a running event loop it works
    but blocks the loop: use AsyncDtmsClient there.

    Every method raises a subclass of DtmsError when the call fails. `timeout` is a call's deadline
    in seconds with all its retries: a call that finds no server is tried five times within about
    5 s, with growing pauses. Calls are safe to repeat. An answer about another trade than the one
    that was asked for is Internal.

    >>> with DtmsClient(target) as dtms:
    ...     dtms.wait_until_ready(timeout=60)
    ...     dtms.register_trade(ticket, "EURUSD", "BUY").trade.symbol
    'EURUSD'
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        tls: Tls | None = None,
        timeout: float = 10.0,
        options: Mapping[str, int | str] | None = None,
    ) -> None:
        """Connects at the first call. `target` is HOST:PORT; without `tls` the connection is
        plaintext; `options` are gRPC channel arguments beside or instead of ours.

        >>> other = DtmsClient(target, timeout=30, options={"grpc.enable_retries": 0})
        >>> other.close()
        """
        self._endpoint = Endpoint(target, tls, tuple((options or {}).items()))
        self._timeout = timeout
        self._lock = threading.RLock()  # a signal's handler may close amid a call
        self._opened: tuple[grpc.Channel, DtmsServiceStub] | None = None
        self._closed = False
        self._streams: weakref.WeakSet[EventStream[Any]] = weakref.WeakSet()

    def events(
        self, *, give_up_after: float | None = None, **wanted: Unpack[EventFilter]
    ) -> EventStream[MonitorEvent]:
        """Iterate over events, through restarts of the server, each once and in order.

        The call is made at the first `next`; to miss nothing since a list, give its token as
        `since`. It goes on for ever, but for `close()`, an error that is not of the connection
        (as ResumeTokenExpired), and an outage of `give_up_after` seconds.

        >>> place = dtms.list_trades().resume_token
        >>> registered = dtms.register_trade(ticket, "EURUSD", "BUY")
        >>> with dtms.events(since=place, types=["TRADE_REGISTERED"]) as stream:
        ...     next(stream).ticket == ticket
        True
        """
        return self._stream(requests.stream_events(**wanted), give_up_after, event_of)

    def messages(
        self,
        *,
        include_scores: bool = False,
        give_up_after: float | None = None,
        **wanted: Unpack[EventFilter],
    ) -> EventStream[pb.StreamMonitorEventsResponse]:
        """As `events`, but every message whole: heartbeats, and live scores if wanted.

        >>> with dtms.messages() as stream:
        ...     next(stream).WhichOneof("message")  # one comes at once
        'heartbeat'
        """
        request = requests.stream_events(include_scores=include_scores, **wanted)
        return self._stream(request, give_up_after, whole)

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return once the server guards trades and accepts new ones; raises NotReady, with what was
        seen last, when that takes longer than `timeout` seconds.

        >>> DtmsClient("127.0.0.1:1").wait_until_ready(timeout=0.1)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        dtms_client.errors.NotReady: NOT_READY: not ready within 0.1 s: ...
        """
        wait = readiness.Wait(timeout)
        while not self._is_ready(wait):
            time.sleep(wait.pause())

    def close(self) -> None:
        """End this client's streams and give its channel back. The channel stays open for the next
        client of the same target while it is among the ten last used; see `close_channels`.
        A call in flight is answered, or Cancelled if the channel is closed; one that is made later
        raises RuntimeError.

        >>> other = DtmsClient(target)
        >>> other.close()
        >>> other.status()
        Traceback (most recent call last):
        RuntimeError: this DtmsClient is closed
        """
        channels.PROCESS.check()
        with self._lock:
            was_open, self._opened, self._closed = self._opened is not None, None, True
            for stream in list(self._streams):
                stream.close()
        if was_open:
            for channel in channels.SYNC.give_back(self._endpoint):
                channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> tuple[grpc.Channel, DtmsServiceStub]:
        channels.PROCESS.enter()  # before any lock: a fork may have copied it locked
        with self._lock:
            self._refuse_if_closed()
            if self._opened is None:
                channel = channels.SYNC.take(self._endpoint)
                self._opened = channel, DtmsServiceStub(channel)
            return self._opened

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("this DtmsClient is closed")

    def _stub(self) -> DtmsServiceStub:
        return self._open()[1]

    def _is_ready(self, wait: readiness.Wait) -> bool:
        check = self._open()[0].unary_unary(
            readiness.METHOD, request_serializer=bytes, response_deserializer=bytes
        )
        request = wire.health_request(readiness.NAME)
        try:
            return wait.is_over(self._ask(check, request, wait.attempt_seconds))
        except DtmsError as error:
            wait.failed(error)
            return False

    def _ask(
        self,
        rpc: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout: float | None,
    ) -> ResponseT:
        try:
            return rpc(
                request,
                timeout=self._timeout if timeout is None else timeout,
                metadata=correlation.metadata(),
            )
        except grpc.RpcError as error:
            raise statuses.from_rpc(error) from error
        except ValueError:  # what gRPC raises where the channel was closed meanwhile
            self._open()
            raise

    def _stream(
        self,
        request: pb.StreamMonitorEventsRequest,
        give_up_after: float | None,
        select: Select[T],
    ) -> EventStream[T]:
        channels.PROCESS.check()
        stream = EventStream(self._stub, Cursor(request, give_up_after), select)
        with self._lock:
            self._refuse_if_closed()
            self._streams.add(stream)
        return stream
