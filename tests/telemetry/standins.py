"""Pages of a service that stands as told, and peers of all kinds; no more of DTMS is needed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice

from dtms_server.engine.readiness import Phase
from dtms_server.engine.status import Status
from dtms_server.telemetry.happenings import Happenings
from dtms_server.telemetry.pages import Pages
from dtms_server.telemetry.registry import Registry
from dtms_server.telemetry.server import HttpServer
from dtms_server.telemetry.sources import Sources
from telemetry.scraping import PATIENCE_SECONDS

HALF = b"GET /metrics HTTP/1.1\r\nHost: here\r\nX-Slow: "
HOUR, WAVE = 3600.0, 100
GUARDING = Status(
    phase=Phase.READY,
    not_ready_reason="",
    initialised=True,
    monitoring=True,
    active_trades=0,
    trades_by_state={},
    terminal_source="simulator",
    snapshot=None,
    terminal_up=True,
    uptime_seconds=60.0,
    cycles=2,
    last_cycle_seconds=0.01,
    cycle_lag_seconds=0.0,
    cycle_age_seconds=15.0,
    head_sequence=2,
    orphans=(),
    actions_paused=False,
    rails=(),
    version="1.0",
)
SOURCES = Sources(
    standing=lambda: GUARDING,
    is_ready=lambda: True,
    is_live=lambda: True,
    stream_lags=lambda: (),
    writes_waiting=lambda: 0,
)

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def pages_of(sources: Sources = SOURCES) -> Pages:
    """Pages with metrics of their own."""
    registry = Registry()
    Happenings(registry)
    return Pages(sources, registry)


@asynccontextmanager
async def listening(pages: Pages, seconds: float) -> AsyncIterator[str]:
    """A listener that is done with everybody after so many seconds."""
    server = HttpServer("127.0.0.1:0", exchange_seconds=seconds)
    try:
        address = await server.bind()
        server.serve(pages)
        yield address
    finally:
        await server.stop()


async def dial(address: str, first: bytes = b"") -> Peer:
    """Connect, send that, and stay."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(first)
    return reader, writer


@asynccontextmanager
async def crowd(address: str, count: int, first: bytes = b"") -> AsyncIterator[list[Peer]]:
    """So many peers that connect, send that, and stay."""
    peers = list[Peer]()
    while len(peers) < count:  # in waves that fit into the queue for a listener
        wave = min(WAVE, count - len(peers))
        peers += await asyncio.gather(*(dial(address, first) for _ in range(wave)))
    try:
        yield peers
    finally:
        for _, writer in peers:
            writer.transport.abort()


async def is_dropped(peer: Peer) -> None:
    """Wait until the other side has ended the connection."""
    reader, _ = peer
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            await reader.read()
        except ConnectionError:
            return


async def left(peers: list[Peer], dropped: int) -> list[Peer]:
    """Wait until so many are dropped, and return the others: which it is, is told by the order in
    which they were let in, and that may be another than theirs."""
    waits = [asyncio.create_task(is_dropped(peer)) for peer in peers]
    for done in islice(asyncio.as_completed(waits), dropped):
        await done
    stay = [peer for peer, wait in zip(peers, waits, strict=True) if not wait.done()]
    for wait in waits:
        wait.cancel()
    return stay
