"""The asyncio stream of events: an async iterator that outlives its calls."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import grpc
from dtms.v1 import service_pb2 as pb

from dtms_client import channels, correlation, errors, statuses
from dtms_client.cursor import Cursor, ended
from dtms_client.event_stream import Select

if TYPE_CHECKING:
    from dtms.v1.service_pb2_grpc import DtmsServiceAsyncStub

    _Call = grpc.aio.UnaryStreamCall[pb.StreamMonitorEventsRequest, pb.StreamMonitorEventsResponse]

T = TypeVar("T")


class AsyncEventStream(Generic[T]):
    """An async iterator over what `events` or `messages` asked for. It ends only by `aclose()`,
    which any task, of any loop, may await, or by an error that a new call would meet again. A
    cancelled `anext` loses nothing: the next one resumes by token, in another loop as well.

    >>> stream = AsyncDtmsClient(target).events(start_from="EARLIEST")
    >>> async def following():
    ...     return (await anext(stream)).sequence
    >>> asyncio.run(following()), asyncio.run(following())
    (1, 2)
    """

    def __init__(
        self,
        stub: "Callable[[], DtmsServiceAsyncStub]",
        cursor: Cursor,
        select: Select[T],
    ) -> None:
        self._stub = stub
        self._cursor = cursor
        self._select = select
        self._call: _Call | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ended = False
        self._woken = asyncio.Event()  # of that loop: ends a pause

    @property
    def resume_token(self) -> str:
        """The place after the last message handed out; keep it to go on after a restart."""
        return self._cursor.resume_token

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        self._enter(asyncio.get_running_loop())
        while (message := await self._receive()) is not None:
            if (selected := self._select(message)) is not None:
                return selected
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the iteration and its call, in whichever loop it runs."""
        channels.PROCESS.check()
        self.end()

    def end(self) -> None:
        """What `aclose` does, to be called inside of any loop."""
        self._is_ended = True
        if self._loop is asyncio.get_running_loop():
            self._wake()
        else:
            self._tell_loop(self._wake)

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            if self._call is not None:
                self._tell_loop(self._call.cancel)
                self._call = None
            self._loop, self._woken = loop, asyncio.Event()

    def _wake(self) -> None:
        self._woken.set()
        if self._call is not None:
            self._call.cancel()

    def _tell_loop(self, what: Callable[[], object]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # that loop is closed, and its calls with it
                self._loop.call_soon_threadsafe(what)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # gRPC keeps a call that nobody cancels; the last reference may go in any thread
        call = getattr(self, "_call", None)
        if channels.PROCESS.is_forked:
            channels.PROCESS.keep(call)
        elif call is not None:
            self._tell_loop(call.cancel)

    async def _receive(self) -> pb.StreamMonitorEventsResponse | None:
        while not self._is_ended:
            try:
                async with asyncio.timeout(self._cursor.silence_seconds):
                    message = await self._opened().read()
            except TimeoutError:
                await self._wait_after(self._cursor.silent())
            except grpc.aio.AioRpcError as error:
                await self._wait_after(statuses.from_rpc(error))
            except asyncio.CancelledError:
                self._drop_call()  # gRPC does so only where it was reading already
                if not self._was_ended_only():
                    raise
            except RuntimeError:  # the client is closed
                if not self._is_ended:
                    raise
            else:
                if isinstance(message, pb.StreamMonitorEventsResponse):
                    if self._cursor.advance(message):
                        return message
                    continue
                await self._wait_after(ended())
        return None

    def _opened(self) -> "_Call":
        channels.PROCESS.check()
        if self._call is None:
            self._call = self._stub().StreamMonitorEvents(
                self._cursor.request(), metadata=correlation.metadata()
            )
        return self._call

    def _drop_call(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _was_ended_only(self) -> bool:
        """Does the cancellation come from `aclose` in another task, and not from ours?"""
        task = asyncio.current_task()
        return self._is_ended and task is not None and not task.cancelling()

    async def _wait_after(self, error: errors.DtmsError) -> None:
        self._drop_call()  # one that sent what cannot be parsed goes on
        if self._is_ended:
            return
        try:
            async with asyncio.timeout(self._cursor.pause(error)):
                await self._woken.wait()
        except TimeoutError:
            return
        except errors.DtmsError:
            await self.aclose()
            raise
