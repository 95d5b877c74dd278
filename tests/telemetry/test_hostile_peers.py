"""Peers that are slow, many or rude hold up neither the guard, nor callers, nor each other."""

import asyncio
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.telemetry.server import MAX_CONNECTIONS
from rpc.conftest import House
from telemetry.scraping import PATIENCE_SECONDS, fetch, scrape, send
from telemetry.standins import HALF, HOUR, crowd, is_dropped, left, listening, pages_of

MANY = 1000


async def works(house: House, stub: Any, http: str) -> None:
    """Demand that calls are answered, that cycles go on, and that pages are served."""
    done = house.guard.monitor.cycles
    assert (await stub.GetStatus(pb.GetStatusRequest(), timeout=PATIENCE_SECONDS)).ready
    assert (await fetch(http, "/health")).status == 200
    async with asyncio.timeout(PATIENCE_SECONDS):
        while house.guard.monitor.cycles < done + 2:  # noqa: ASYNC110 - a cycle tells nobody
            await asyncio.sleep(0)


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return DtmsServiceStub(channel)


@pytest.mark.parametrize("first", [b"", HALF, HALF * 3], ids=["mute", "slow", "never ending"])
async def test_a_thousand_that_stay_leave_room_for_all_else(
    house: House, stub: Any, first: bytes
) -> None:
    async with listening(pages_of(house.sources), HOUR) as http, crowd(http, MANY, first) as peers:
        await works(house, stub, http)
        await left(peers, MANY - MAX_CONNECTIONS)
        await works(house, stub, http)


async def test_a_thousand_scrapes_at_once_are_answered_or_dropped(house: House, stub: Any) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
    async with crowd(house.http, MANY, request) as peers:
        await works(house, stub, house.http)
        await asyncio.gather(*map(is_dropped, peers))
    assert (await scrape(house.http)).value("dtms_ready") == 1


async def test_a_head_without_end_is_refused_while_it_comes(house: House, stub: Any) -> None:
    line = b"X-More: " + b"x" * 1000 + b"\r\n"
    answer = await send(house.http, b"GET / HTTP/1.1\r\nHost: here\r\n" + line * 10_000)
    assert answer.status == 431
    await works(house, stub, house.http)
