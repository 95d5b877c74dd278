"""The HTTP listener: on the service's own loop, and hard to hold up."""

import asyncio
import math
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog

from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.telemetry.exchange import CHUNK_BYTES, exchange, linger
from dtms_server.telemetry.pages import Page, Pages, plain

MAX_CONNECTIONS: Final = 64
EXCHANGE_SECONDS: Final = 5.0
COMPLAINT_SECONDS: Final = 60.0

log = structlog.get_logger()


class HttpServer:
    """Serves pages to any number of peers, each for a few seconds; of more than the most that it
    holds the oldest has to go that is not being answered, so that idle ones keep nobody out."""

    def __init__(self, address: str, *, exchange_seconds: float = EXCHANGE_SECONDS) -> None:
        """`address` is HOST:PORT, port 0 any free one. After `exchange_seconds` a connection is
        over, whatever it was about."""
        self.address = address
        self._exchange_seconds = exchange_seconds
        self._pages: Pages | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], None] = {}  # the oldest first
        self._answering = set[asyncio.Task[None]]()  # those whose request was read
        self._turn = asyncio.Lock()
        self._complained_at = -math.inf

    async def bind(self) -> str:
        """Take the address, and drop all who come until `serve`; return it with the port that was
        really bound.

        Raises ConfigurationInvalid where the address cannot be bound.
        """
        host, _, port = self.address.rpartition(":")
        name = "127.0.0.1" if host == "localhost" else host.strip("[]")  # else two are bound
        try:
            self._server = await asyncio.start_server(
                self._admit, name, int(port), limit=CHUNK_BYTES
            )
        except OSError:
            raise ConfigurationInvalid(
                reason=f"cannot listen on {self.address}: it is in use or not an address of this "
                "computer; stop what listens there, or give another --http-listen; 0 is none"
            ) from None
        self.address = f"{host}:{self._server.sockets[0].getsockname()[1]}"
        return self.address

    def serve(self, pages: Pages) -> None:
        """Answer from now on."""
        self._pages = pages

    async def stop(self) -> None:
        """Listen no more, and drop who is still there."""
        self._pages = None
        if self._server is not None:
            self._server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._server.wait_closed()

    def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._pages is None:  # also: let in before `stop`, after which nobody would drop it
            writer.transport.abort()
            return
        task = asyncio.create_task(self._exchange(self._pages, reader, writer))
        task.add_done_callback(partial(self._drop, writer.transport))
        self._open[task] = None
        if len(self._open) > MAX_CONNECTIONS:
            goes = next(each for each in self._open if each not in self._answering)
            del self._open[goes]  # now: others may come before it has ended
            goes.cancel()

    def _drop(self, transport: asyncio.WriteTransport, task: asyncio.Task[None]) -> None:
        """End a connection; not a matter of its task, which may be cancelled before it begins."""
        transport.abort()
        self._open.pop(task, None)
        self._answering.discard(task)

    async def _exchange(
        self, pages: Pages, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        with suppress(TimeoutError, OSError):  # too slow, or gone: there is nobody to tell
            async with asyncio.timeout(self._exchange_seconds):
                await exchange(reader, writer, partial(self._answer, pages, task))
                self._answering.discard(task)
                await linger(reader)

    async def _answer(
        self, pages: Pages, task: asyncio.Task[None], method: str, target: str, accept: str
    ) -> Page:
        """Make one page a turn of the loop, however many are asked for: the guard's work and calls
        come in between."""
        self._answering.add(task)
        async with self._turn:
            page = self._page(pages, method, target, accept)
            await asyncio.sleep(0)
            return page

    def _page(self, pages: Pages, method: str, target: str, accept: str) -> Page:
        try:
            return pages.answer(method, target, accept)
        except Exception:  # nothing else stands between a fault of ours and the peer
            now = time.monotonic()
            if now - self._complained_at >= COMPLAINT_SECONDS:  # peers ask every few seconds
                self._complained_at = now
                log.exception("page failed", target=target)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of ours: see the log")
