"""The blocking stream of events: an iterator that outlives its calls."""

import queue
import threading
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1 import service_pb2_grpc

from dtms_client import channels, correlation, errors, statuses
from dtms_client.cursor import Cursor, ended

T = TypeVar("T")
Select = Callable[[pb.StreamMonitorEventsResponse], T | None]


class _Call(Protocol):
    """What is used of gRPC's call."""

    def __next__(self) -> pb.StreamMonitorEventsResponse: ...
    def cancel(self) -> bool: ...


class SilenceWatch:
    """Cancels a call that is waited on for too long. A thread of its own, because a blocking read
    knows no timeout; it holds the call only while somebody waits, and never the stream."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._waiting: tuple[_Call, float] | None = None
        self._stop: queue.SimpleQueue[None] = queue.SimpleQueue()  # safe to use from a finaliser
        self._thread: threading.Thread | None = None
        self._has_cancelled = False

    def read(self, call: _Call) -> pb.StreamMonitorEventsResponse:
        """Read the call's next message; raises TimeoutError after about the limit."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dtms-silence", daemon=True)
            self._thread.start()
        self._waiting = call, time.monotonic()
        try:
            return next(call)
        except grpc.RpcError as error:
            if self._has_cancelled:
                raise TimeoutError from error
            raise
        finally:
            self._has_cancelled = False
            self._waiting = None

    def stop(self) -> None:
        """End the thread, if there is one."""
        self._stop.put(None)

    def _run(self) -> None:
        while True:
            try:
                return self._stop.get(timeout=self._limit_seconds / 4)
            except queue.Empty:
                self._look()

    def _look(self) -> None:
        waiting = self._waiting
        if waiting is not None and time.monotonic() - waiting[1] >= self._limit_seconds:
            self._has_cancelled = True
            waiting[0].cancel()


class EventStream(Generic[T]):
    """An iterator over what `events` or `messages` asked for. It ends only by `close()`, which any
    thread may call, or by an error that a new call would meet again; use it in one thread.

    >>> with dtms.events(start_from="EARLIEST") as stream:
    ...     [next(stream).sequence for _ in range(2)]
    [1, 2]
    """

    def __init__(
        self,
        stub: Callable[[], service_pb2_grpc.DtmsServiceStub],
        cursor: Cursor,
        select: Select[T],
    ) -> None:
        self._stub = stub
        self._cursor = cursor
        self._select = select
        self._call: _Call | None = None
        self._closed = threading.Event()
        self._watch = SilenceWatch(cursor.silence_seconds)
        weakref.finalize(self, self._watch.stop).atexit = False

    @property
    def resume_token(self) -> str:
        """The place after the last message handed out; keep it to go on after a restart.

        >>> stream = dtms.events(start_from="EARLIEST")
        >>> next(stream).sequence
        1
        >>> next(dtms.events(since=stream.resume_token)).sequence
        2
        """
        return self._cursor.resume_token

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while (message := self._receive()) is not None:
            if (selected := self._select(message)) is not None:
                return selected
        raise StopIteration

    def close(self) -> None:
        """End the iteration and its call."""
        channels.PROCESS.check()
        self._closed.set()
        self._watch.stop()
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if channels.PROCESS.is_forked:
            channels.PROCESS.keep(getattr(self, "_call", None))

    def _receive(self) -> pb.StreamMonitorEventsResponse | None:
        while not self._closed.is_set():
            try:
                message = self._watch.read(self._opened())
            except StopIteration:
                self._wait_after(ended())
            except TimeoutError:
                self._wait_after(self._cursor.silent())
            except grpc.RpcError as error:
                self._wait_after(statuses.from_rpc(error))
            except (RuntimeError, ValueError):  # the client, or the channel, is closed
                if not self._closed.is_set():
                    raise
            else:
                if self._cursor.advance(message):
                    return message
        return None

    def _opened(self) -> _Call:
        channels.PROCESS.check()
        if self._call is None:
            self._call = self._stub().StreamMonitorEvents(
                self._cursor.request(), metadata=correlation.metadata()
            )
            if self._closed.is_set():  # closed meanwhile, when there was no call to cancel
                self._call.cancel()
        return self._call

    def _wait_after(self, error: errors.DtmsError) -> None:
        self._call = None  # it has ended
        if self._closed.is_set():
            return
        try:
            self._closed.wait(self._cursor.pause(error))
        except errors.DtmsError:
            self.close()
            raise
