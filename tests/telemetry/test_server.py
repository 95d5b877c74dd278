"""The listener, which Windows runs on a loop of another kind: it serves all and waits for none."""

import asyncio
import gc
import socket
from contextlib import suppress
from http import HTTPStatus

import pytest
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.telemetry import server
from dtms_server.telemetry.pages import Page, Pages, plain
from dtms_server.telemetry.registry import Registry
from dtms_server.telemetry.server import MAX_CONNECTIONS, HttpServer
from dtms_server.telemetry.sources import Sources
from telemetry.scraping import PATIENCE_SECONDS, fetch, send
from telemetry.standins import HALF, HOUR, SOURCES, crowd, is_dropped, left, listening, pages_of

END_OF_HEAD = b"\r\n\r\n"
WHOLE = b"GET /live HTTP/1.1\r\nHost: here" + END_OF_HEAD
HUGE_BYTES = 2**25
TURNS = 8
"""More turns of the loop than it takes to let a peer in."""


@pytest.mark.parametrize("host", ["localhost", "[::1]", "0.0.0.0"])
async def test_it_listens_where_it_is_told_to(host: str) -> None:
    server = HttpServer(f"{host}:0")
    name, _, port = (await server.bind()).rpartition(":")
    server.serve(pages_of())
    assert name == host
    reached = {"localhost": "127.0.0.1", "[::1]": "::1"}.get(host, "127.0.0.1")
    assert (await fetch(f"{reached}:{port}", "/live")).status == 200
    await server.stop()


async def test_an_address_in_use_is_named_with_the_remedy() -> None:
    async with listening(pages_of(), HOUR) as address:
        with pytest.raises(ConfigurationInvalid, match=f"{address}.*--http-listen"):
            await HttpServer(address).bind()


async def test_who_comes_before_there_are_pages_is_dropped_at_once() -> None:
    server = HttpServer("127.0.0.1:0", exchange_seconds=HOUR)
    async with crowd(await server.bind(), 1, WHOLE) as (early,):
        await is_dropped(early)
    await server.stop()


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


async def test_each_page_is_made_in_a_turn_of_its_own() -> None:
    turns = Turns(SOURCES)
    counting = asyncio.create_task(turns.count())
    async with listening(turns, HOUR) as http:
        await asyncio.gather(*(fetch(http, "/metrics") for _ in range(MAX_CONNECTIONS // 2)))
    counting.cancel()
    assert len(turns.made) == len(set(turns.made)) == MAX_CONNECTIONS // 2


async def test_what_follows_a_request_is_not_taken_for_another() -> None:
    async with listening(pages_of(), HOUR) as http:
        answer = await send(http, WHOLE * 3)
    assert (answer.status, answer.body) == (200, "alive\n")


@pytest.mark.parametrize(
    "first",
    [b"", HALF, WHOLE],
    ids=["mute", "slow", "clinging"],
)
async def test_one_that_takes_its_time_is_dropped(first: bytes) -> None:
    async with listening(pages_of(), 0.1) as address, crowd(address, 1, first) as (peer,):
        await is_dropped(peer)


async def test_the_oldest_makes_room_for_the_newest() -> None:
    many = 3 * MAX_CONNECTIONS
    async with listening(pages_of(), HOUR) as http, crowd(http, many, HALF) as peers:
        assert len(await left(peers, many - MAX_CONNECTIONS)) == MAX_CONNECTIONS
        assert (await fetch(http, "/live")).status == 200
        assert len(await left(peers, many - MAX_CONNECTIONS + 1)) == MAX_CONNECTIONS - 1


class Huge(Pages):
    """Pages too large for the system's buffers: who does not read them is being answered still."""

    def answer(self, method: str, target: str, accept: str) -> Page:
        return plain(HTTPStatus.OK, "x" * HUGE_BYTES)


async def test_one_that_is_being_answered_makes_room_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    async with listening(Huge(SOURCES, Registry()), HOUR) as http, crowd(http, 2, WHOLE) as busy:
        for reader, _ in busy:
            await reader.readuntil(END_OF_HEAD)
        async with crowd(http, 10, HALF) as others:
            assert len(await left(others, 9)) == 1
        async with crowd(http, 1, WHOLE) as (third,):
            await third[0].readuntil(END_OF_HEAD)
            async with crowd(http, 1, WHOLE) as (fourth,):
                await is_dropped(fourth)
            for reader, _ in (*busy, third):
                assert len(await reader.read()) == HUGE_BYTES + 1


async def turn(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(TURNS))
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_one_that_comes_while_it_ends_is_dropped(turns: int) -> None:
    lost, loop = list[object](), asyncio.get_running_loop()
    loop.set_debug(True)  # else asyncio does not tell that it has forgotten a connection itself
    loop.set_exception_handler(lambda _, fault: lost.append(fault))
    server = HttpServer("127.0.0.1:0", exchange_seconds=HOUR)
    host, _, port = (await server.bind()).rpartition(":")
    server.serve(pages_of())
    with socket.create_connection((host, int(port))) as peer:  # the loop has not turned since
        await turn(turns)
        await server.stop()
        await turn(TURNS)
        lost.clear()
        gc.collect()  # which drops what asyncio has forgotten
        peer.settimeout(PATIENCE_SECONDS)
        with suppress(ConnectionError):
            assert await asyncio.to_thread(peer.recv, 1) == b""


async def test_it_ends_though_peers_stay() -> None:
    server = HttpServer("127.0.0.1:0", exchange_seconds=HOUR)
    http = await server.bind()
    server.serve(pages_of())
    async with crowd(http, 10, HALF) as peers:
        await fetch(http, "/live")  # by now the others have been let in
        await server.stop()
        await asyncio.gather(*map(is_dropped, peers))
    with pytest.raises(ConnectionRefusedError):
        await fetch(http, "/live")
