"""The streams of events: each is a cursor on the journal, none has a queue of its own."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc
from dtms.v1 import event_pb2, service_pb2

from dtms_server.domain.errors import Draining, SlowConsumer, TooManyStreams
from dtms_server.engine.guard import Guard
from dtms_server.ports import Journal
from dtms_server.rpc import translate
from dtms_server.rpc.live_scores import LiveScores
from dtms_server.rpc.requests import Following, following
from dtms_server.rpc.tokens import ResumeToken

MAX_STREAMS: Final = 200
MAX_STREAMS_A_CONNECTION: Final = 32
STALL_SECONDS: Final = 30.0

Write = Callable[[service_pb2.StreamMonitorEventsResponse], Awaitable[None]]


class EventStreams:
    """All open streams: counted, and ended when the service drains."""

    def __init__(self, guard: Guard, stall_seconds: float = STALL_SECONDS) -> None:
        self._guard = guard
        self._stall_seconds = stall_seconds
        self._open: Counter[str] = Counter()
        self._cursors: set[_Cursor] = set()

    @property
    def lags(self) -> list[int]:
        """How many events each open stream has still to look at."""
        return [cursor.lag for cursor in self._cursors]

    async def serve(
        self,
        request: service_pb2.StreamMonitorEventsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> None:
        """Stream until the reader leaves, stalls, or the service drains."""
        asked = following(request)
        self._guard.readiness.require_started()
        with self._counted(context.peer()):
            journal = self._guard.ledger.journal
            after = _start(journal, asked)
            write = self._bounded(context.write)
            cursor = _Cursor(journal, asked, after, write, self._guard)
            with self._kept(cursor):
                await self._until_drained(cursor.run())

    def _bounded(self, write: Write) -> Write:
        async def bounded(message: service_pb2.StreamMonitorEventsResponse) -> None:
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await write(message)
            except TimeoutError:
                raise SlowConsumer(seconds=self._stall_seconds) from None

        return bounded

    @contextmanager
    def _kept(self, cursor: "_Cursor") -> Iterator[None]:
        self._cursors.add(cursor)
        try:
            yield
        finally:
            self._cursors.discard(cursor)

    @contextmanager
    def _counted(self, peer: str) -> Iterator[None]:
        connection = peer if peer.startswith(("ipv4:", "ipv6:")) else ""  # others share one name
        if self._open.total() >= MAX_STREAMS:
            raise TooManyStreams(limit=MAX_STREAMS, scope="in all")
        if connection and self._open[connection] >= MAX_STREAMS_A_CONNECTION:
            raise TooManyStreams(limit=MAX_STREAMS_A_CONNECTION, scope="on one connection")
        self._open[connection] += 1
        try:
            yield
        finally:
            self._open[connection] -= 1
            self._open += Counter()  # forgets connections without streams

    async def _until_drained(self, stream: Coroutine[Any, Any, None]) -> None:
        streaming = asyncio.create_task(stream)
        draining = asyncio.create_task(self._guard.readiness.draining.wait())
        try:
            await asyncio.wait((streaming, draining), return_when=asyncio.FIRST_COMPLETED)
            if streaming.done():
                streaming.result()
            raise Draining
        finally:
            streaming.cancel()
            draining.cancel()
            await asyncio.gather(streaming, draining, return_exceptions=True)


class _Cursor:
    """Reads on through the journal, page by page, and writes what its reader asked for."""

    def __init__(
        self,
        journal: Journal,
        asked: Following,
        after: int,
        write: Write,
        guard: Guard,
    ) -> None:
        self._journal = journal
        self._wanted = asked.wanted
        self._interval_seconds = asked.heartbeat_seconds
        self._scanned = after
        self._write = write
        self._now = guard.now
        self._scores = LiveScores(guard, asked.scores_of) if asked.scores_of else None
        self._clock = asyncio.get_running_loop().time
        self._silent_since = self._clock()
        self._told_caught_up = False

    @property
    def lag(self) -> int:
        """How many events it has still to look at."""
        return self._journal.head - self._scanned

    async def run(self) -> None:
        """Stream for ever."""
        await self._beat()
        while True:
            before = self._scanned
            page = await self._journal.page(before, self._wanted)
            for recorded in page.events:
                await self._send(recorded.sequence, event=translate.event(recorded))
            self._scanned = page.scanned
            if self._scanned == before:
                if not self._told_caught_up:
                    await self._beat()
                await self._wait(*await self._send_scores())
            if self._clock() >= self._silent_since + self._interval_seconds:
                await self._beat()

    async def _send_scores(self) -> list[asyncio.Event]:
        """Tell the new scores, and return what is set when there are newer ones."""
        if self._scores is None:
            return []
        newer = self._scores.change  # taken before reading, so no change slips between
        for update in self._scores.fresh():
            await self._send(self._scanned, score=update)
        return [newer]

    async def _wait(self, *wake_ups: asyncio.Event) -> None:
        """Return when there is more to tell, or the silence has lasted long enough."""
        waits = [asyncio.create_task(self._journal.grown(self._scanned))]
        waits += [asyncio.create_task(_set(wake_up)) for wake_up in wake_ups]
        left = self._silent_since + self._interval_seconds - self._clock()
        try:
            await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _beat(self) -> None:
        head = self._journal.head
        caught_up = self._scanned >= head
        self._told_caught_up = self._told_caught_up or caught_up
        beat = service_pb2.Heartbeat(
            server_time=translate.timestamp(self._now()), caught_up=caught_up, head_sequence=head
        )
        await self._send(self._scanned, heartbeat=beat)

    async def _send(
        self,
        sequence: int,
        *,
        event: event_pb2.MonitorEvent | None = None,
        heartbeat: service_pb2.Heartbeat | None = None,
        score: service_pb2.ScoreUpdate | None = None,
    ) -> None:
        token = ResumeToken.of(self._journal, sequence).write()
        await self._write(
            service_pb2.StreamMonitorEventsResponse(
                event=event, heartbeat=heartbeat, score=score, resume_token=token
            )
        )
        self._silent_since = self._clock()


async def _set(wake_up: asyncio.Event) -> None:
    await wake_up.wait()


def _start(journal: Journal, asked: Following) -> int:
    if asked.token is not None:
        return asked.token.place_in(journal)
    return journal.compacted_through if asked.from_earliest else journal.head
