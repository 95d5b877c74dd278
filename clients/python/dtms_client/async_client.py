"""The asyncio client."""

# ruff: noqa: ASYNC109  # `timeout` is gRPC's deadline, which the server is told too

import asyncio
import logging
import threading
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, SupportsIndex, TypeVar, Unpack

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.event_pb2 import MonitorEvent
from dtms.v1.service_pb2_grpc import DtmsServiceStub

from dtms_client import channels, correlation, errors, readiness, requests, statuses, wire
from dtms_client.async_calls import AsyncCalls
from dtms_client.async_event_stream import AsyncEventStream
from dtms_client.calls import RequestT, ResponseT
from dtms_client.cursor import Cursor, event_of, whole
from dtms_client.endpoint import DEFAULT_TARGET, Endpoint, Tls
from dtms_client.event_stream import Select
from dtms_client.requests import Claims, EventFilter

if TYPE_CHECKING:
    from dtms.v1.service_pb2_grpc import DtmsServiceAsyncStub

logger = logging.getLogger("dtms_client")

T = TypeVar("T")

Registration = asyncio.Task[pb.RegisterTradeResponse]
_Opened = tuple[grpc.aio.Channel, "DtmsServiceAsyncStub"]
# Event loops know their tasks by weak references only: these are the strong ones.
_REGISTRATIONS: Final[dict[Registration, "AsyncDtmsClient"]] = {}


class AsyncDtmsClient(AsyncCalls):
    """DTMS for asyncio: DtmsClient's methods, to be awaited. One client works in any number of
    event loops, one after another or in several threads: each loop has a channel of its own, which
    ends with it. A call that is cancelled may have been done by the server or not.

    >>> async def bot():
    ...     async with AsyncDtmsClient(target) as dtms:
    ...         await dtms.wait_until_ready()
    ...         return (await dtms.register_trade(ticket, "EURUSD", "BUY")).trade.symbol
    >>> asyncio.run(bot())
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
        """See DtmsClient."""
        self._endpoint = Endpoint(target, tls, tuple((options or {}).items()))
        self._timeout = timeout
        self._lock = threading.RLock()
        self._opened: dict[asyncio.AbstractEventLoop, _Opened] = {}
        self._closed = False
        self._streams: weakref.WeakSet[AsyncEventStream[Any]] = weakref.WeakSet()

    def register_trade_soon(
        self,
        ticket: SupportsIndex,
        symbol: str,
        direction: str | int,
        *,
        timeout: float | None = None,
        **claims: Unpack[Claims],
    ) -> Registration:
        """Register from code that cannot await, inside a running loop. The task may be kept or
        dropped; a failure is logged once, and raised too where the task is awaited.

        Raises RuntimeError without a running loop, ValueError for an unknown enum name.

        >>> async def bot():
        ...     async with AsyncDtmsClient(target) as dtms:  # which waits for what was begun
        ...         dtms.register_trade_soon(ticket, "EURUSD", "BUY")
        >>> asyncio.run(bot())
        >>> dtms.get_trade(ticket).symbol
        'EURUSD'
        """
        channels.PROCESS.check()
        loop = asyncio.get_running_loop()
        request = requests.register_trade(ticket, symbol, direction, **claims)
        task = loop.create_task(
            self._ask_of_trade(self._stub().RegisterTrade, request, timeout),
            name=f"register {ticket}",
        )
        _REGISTRATIONS[task] = self
        task.add_done_callback(_settle)
        return task

    def events(
        self, *, give_up_after: float | None = None, **wanted: Unpack[EventFilter]
    ) -> AsyncEventStream[MonitorEvent]:
        """See DtmsClient.events; for `async for`.

        >>> async def first():
        ...     async with AsyncDtmsClient(target) as dtms:
        ...         async for event in dtms.events(start_from="EARLIEST"):
        ...             return event.sequence
        >>> asyncio.run(first())
        1
        """
        return self._stream(requests.stream_events(**wanted), give_up_after, event_of)

    def messages(
        self,
        *,
        include_scores: bool = False,
        give_up_after: float | None = None,
        **wanted: Unpack[EventFilter],
    ) -> AsyncEventStream[pb.StreamMonitorEventsResponse]:
        """See DtmsClient.messages; for `async for`."""
        request = requests.stream_events(include_scores=include_scores, **wanted)
        return self._stream(request, give_up_after, whole)

    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        """See DtmsClient.wait_until_ready."""
        wait = readiness.Wait(timeout)
        while True:
            if await self._is_ready(wait):
                return
            await asyncio.sleep(wait.pause())

    async def close(self) -> None:
        """Wait for what `register_trade_soon` began in this loop, end this client's streams, and
        give the running loop's channel back; those of other loops end with them."""
        channels.PROCESS.check()
        loop = asyncio.get_running_loop()
        mine = [task for task, client in list(_REGISTRATIONS.items()) if client is self]
        await asyncio.gather(
            *(task for task in mine if task.get_loop() is loop), return_exceptions=True
        )
        with self._lock:
            was_open, self._closed = self._opened.pop(loop, None) is not None, True
            for stream in list(self._streams):
                stream.end()
        if was_open:
            for channel in channels.of_loop(loop).give_back(self._endpoint):
                await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    def _open(self) -> _Opened:
        channels.PROCESS.enter()  # before any lock: a fork may have copied it locked
        loop = asyncio.get_running_loop()
        with self._lock:
            self._refuse_if_closed()
            if loop not in self._opened:
                for ended in [each for each in self._opened if each.is_closed()]:
                    del self._opened[ended]
                channel = channels.of_loop(loop).take(self._endpoint)
                self._opened[loop] = channel, DtmsServiceStub(channel)
            return self._opened[loop]

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("this AsyncDtmsClient is closed")

    def _stub(self) -> "DtmsServiceAsyncStub":
        return self._open()[1]

    async def _is_ready(self, wait: readiness.Wait) -> bool:
        check = self._open()[0].unary_unary(
            readiness.METHOD, request_serializer=bytes, response_deserializer=bytes
        )
        request = wire.health_request(readiness.NAME)
        try:
            return wait.is_over(await self._ask(check, request, wait.attempt_seconds))
        except errors.DtmsError as error:
            wait.failed(error)
            return False

    async def _ask(
        self,
        rpc: "grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout: float | None,
    ) -> ResponseT:
        try:
            response = await rpc(
                request,
                timeout=self._timeout if timeout is None else timeout,
                metadata=correlation.metadata(),
            )
        except grpc.aio.AioRpcError as error:
            raise statuses.from_rpc(error) from error
        except asyncio.CancelledError:
            if not self._closed or _is_cancelled():
                raise
            raise errors.Cancelled(grpc.StatusCode.CANCELLED, "the client was closed") from None
        if response is None:  # what grpc.aio makes of bytes that cannot be parsed
            raise errors.Internal(grpc.StatusCode.INTERNAL, "the answer cannot be read")
        return response

    def _stream(
        self,
        request: pb.StreamMonitorEventsRequest,
        give_up_after: float | None,
        select: Select[T],
    ) -> AsyncEventStream[T]:
        channels.PROCESS.check()
        stream = AsyncEventStream(self._stub, Cursor(request, give_up_after), select)
        with self._lock:
            self._refuse_if_closed()
            self._streams.add(stream)
        return stream


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _settle(task: Registration) -> None:
    del _REGISTRATIONS[task]
    if task.cancelled():
        logger.error("%s was cancelled: the trade may not be guarded", task.get_name())
    elif (error := task.exception()) is not None:  # asking marks it as seen
        logger.error("%s failed, the trade may not be guarded: %s", task.get_name(), error)
