"""Peers that are slow, many or rude hold up neither the guard, nor callers, nor each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.telemetry.pages import Page, Pages
from dtms_server.telemetry.registry import Registry
from dtms_server.telemetry.server import MAX_CONNECTIONS, HttpServer
from dtms_server.telemetry.sources import Sources
from rpc.conftest import House
from telemetry.scraping import PATIENCE_SECONDS, fetch, scrape, send

HALF = b"GET /metrics HTTP/1.1\r\nHost: here\r\nX-Slow: "
MANY, WAVE = 1000, 100
HOUR = 3600.0

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(address: str, first: bytes = b"") -> Peer:
    """Connect, send that, and stay."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(first)
    return reader, writer


def pages_of(house: House) -> Pages:
    return Pages(house.sources, Registry())


@asynccontextmanager
async def listening(pages: Pages, seconds: float) -> AsyncIterator[str]:
    """A listener of its own that is done with everybody after so many seconds."""
    server = HttpServer("127.0.0.1:0", pages, exchange_seconds=seconds)
    try:
        yield await server.start()
    finally:
        await server.stop()


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


async def works(house: House, stub: Any, http: str) -> None:
    """Demand that calls are answered, that cycles go on, and that pages are served."""
    done = house.guard.monitor.cycles
    assert (await stub.GetStatus(pb.GetStatusRequest(), timeout=PATIENCE_SECONDS)).ready
    assert (await fetch(http, "/health")).status == 200
    async with asyncio.timeout(PATIENCE_SECONDS):
        while house.guard.monitor.cycles < done + 2:  # noqa: ASYNC110 - a cycle tells nobody
            await asyncio.sleep(0)


async def is_dropped(peer: Peer) -> None:
    """Wait until the other side has ended the connection."""
    reader, _ = peer
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            await reader.read()
        except ConnectionResetError:
            return


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return DtmsServiceStub(channel)


@pytest.mark.parametrize("first", [b"", HALF, HALF * 3], ids=["mute", "slow", "never ending"])
async def test_a_thousand_that_stay_leave_room_for_all_else(
    house: House, stub: Any, first: bytes
) -> None:
    async with listening(pages_of(house), HOUR) as http, crowd(http, MANY, first) as peers:
        await works(house, stub, http)
        await asyncio.gather(*map(is_dropped, peers[: MANY - MAX_CONNECTIONS]))
        await works(house, stub, http)


async def test_a_thousand_scrapes_at_once_are_answered_or_dropped(house: House, stub: Any) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
    async with crowd(house.http, MANY, request) as peers:
        await works(house, stub, house.http)
        await asyncio.gather(*map(is_dropped, peers))
    assert (await scrape(house.http)).value("dtms_ready") == 1


class Turns(Pages):
    """Pages that keep in which turn of the loop each was made."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources, Registry())
        self._turn = 0
        self.made = list[int]()

    async def count(self) -> None:
        while True:
            self._turn += 1
            await asyncio.sleep(0)

    def answer(self, method: str, target: str, accept: str) -> Page:
        self.made.append(self._turn)
        return super().answer(method, target, accept)


async def test_each_page_is_made_in_a_turn_of_its_own(house: House) -> None:
    turns = Turns(house.sources)
    counting = asyncio.create_task(turns.count())
    async with listening(turns, HOUR) as http:
        await asyncio.gather(*(fetch(http, "/metrics") for _ in range(MAX_CONNECTIONS // 2)))
    counting.cancel()
    assert len(turns.made) == len(set(turns.made)) == MAX_CONNECTIONS // 2


async def test_a_head_without_end_is_refused_while_it_comes(house: House, stub: Any) -> None:
    line = b"X-More: " + b"x" * 1000 + b"\r\n"
    answer = await send(house.http, b"GET / HTTP/1.1\r\nHost: here\r\n" + line * 10_000)
    assert answer.status == 431
    await works(house, stub, house.http)


async def test_what_follows_a_request_is_not_taken_for_another(house: House) -> None:
    request = b"GET /live HTTP/1.1\r\nHost: here\r\n\r\n"
    answer = await send(house.http, request * 3)
    assert (answer.status, answer.body) == (200, "alive\n")


@pytest.mark.parametrize(
    "first",
    [b"", HALF, b"GET /live HTTP/1.1\r\nHost: here\r\n\r\n"],
    ids=["mute", "slow", "clinging"],
)
async def test_one_that_takes_its_time_is_dropped(house: House, first: bytes) -> None:
    async with listening(pages_of(house), 0.1) as address, crowd(address, 1, first) as (peer,):
        await is_dropped(peer)


async def test_the_listener_ends_though_peers_stay(house: House) -> None:
    async with crowd(house.http, 10, HALF) as peers:
        await house.pages.stop()
        await asyncio.gather(*map(is_dropped, peers))
    with pytest.raises(ConnectionRefusedError):
        await fetch(house.http, "/live")
