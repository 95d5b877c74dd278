"""One asyncio client, any number of event loops: one after another, at once, closed by another."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from client.registry import PATIENCE_SECONDS, Registry, until
from client.scripted import Server
from dtms_client import AsyncDtmsClient, channels, cursor, errors

Serve = Callable[[object], Server]


def in_thread(main: Callable[[], Coroutine[Any, Any, Any]]) -> "ThreadWithLoop":
    return ThreadWithLoop(main)


class ThreadWithLoop:
    """A coroutine in an event loop of its own, in a thread of its own."""

    def __init__(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._result = self._pool.submit(lambda: asyncio.run(main()))

    def result(self) -> Any:
        try:
            return self._result.result(PATIENCE_SECONDS)
        finally:
            self._pool.shutdown(wait=False)


# --- one after another, and at once


def test_a_client_serves_one_loop_after_another(registry: Registry, serve: Serve) -> None:
    client = AsyncDtmsClient(serve(registry).target)

    async def register(ticket: int) -> int:
        return (await client.register_trade(ticket, "EURUSD", "BUY")).trade.ticket

    assert [asyncio.run(register(ticket)) for ticket in (1, 2, 3)] == [1, 2, 3]
    asyncio.run(client.close())
    with pytest.raises(RuntimeError, match="AsyncDtmsClient is closed"):
        asyncio.run(register(4))
    assert channels._BY_LOOP == {}


def test_a_client_serves_loops_in_many_threads_at_once(registry: Registry, serve: Serve) -> None:
    client = AsyncDtmsClient(serve(registry).target)

    async def register(first: int) -> list[int]:
        calls = (client.register_trade(first + n, "EURUSD", "BUY") for n in range(10))
        answers = await asyncio.gather(*calls)
        stream = client.events(start_from="EARLIEST")
        events = [(await anext(stream)).sequence for _ in range(6)]
        await stream.aclose()
        return [answer.trade.ticket for answer in answers] + events

    threads = [in_thread(lambda first=first: register(first)) for first in (100, 200, 300)]  # type: ignore[misc]  # a lambda's default
    for first, thread in zip((100, 200, 300), threads, strict=True):
        assert thread.result() == [*range(first, first + 10), 1, 2, 3, 4, 5, 6]


def test_a_stream_goes_on_in_another_loop(registry: Registry, serve: Serve) -> None:
    stream = AsyncDtmsClient(serve(registry).target).events(start_from="EARLIEST")

    async def read(count: int) -> list[int]:
        return [(await anext(stream)).sequence for _ in range(count)]

    assert asyncio.run(read(2)) == [1, 2]
    assert asyncio.run(read(3)) == [3, 4, 5]
    assert in_thread(lambda: read(1)).result() == [6]


def test_a_stream_that_waited_out_a_pause_goes_on_in_another_loop(
    registry: Registry, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "FIRST_PAUSE_SECONDS", 0.01)
    server = serve(registry)
    stream = AsyncDtmsClient(server.target).events(start_from="EARLIEST")

    async def read() -> int:
        return (await anext(stream)).sequence

    for sequence in (1, 2, 3):
        server.stop()
        starting = threading.Timer(0.2, server.start)
        starting.start()
        assert asyncio.run(read()) == sequence
        starting.join()


# --- closing from another loop


def test_closing_in_one_loop_ends_the_streams_of_the_others(
    registry: Registry, serve: Serve
) -> None:
    client = AsyncDtmsClient(serve(registry).target)

    async def read() -> list[int]:
        return [each.sequence async for each in client.events()]

    readers = [in_thread(read) for _ in range(3)]
    for _ in readers:
        assert registry.begun.acquire(timeout=PATIENCE_SECONDS)
    asyncio.run(client.close())
    assert [reader.result() for reader in readers] == [[]] * 3
    for _ in readers:
        assert registry.ended.acquire(timeout=PATIENCE_SECONDS)


def test_closing_in_one_loop_leaves_the_calls_of_the_others_their_answers(
    registry: Registry, serve: Serve
) -> None:
    client = AsyncDtmsClient(serve(registry).target)
    registry.open.clear()

    async def register() -> tuple[int, str]:
        soon = client.register_trade_soon(8, "EURUSD", "BUY")
        answer = await client.register_trade(7, "EURUSD", "BUY")
        await soon
        try:
            await client.status()
        except RuntimeError as error:
            return answer.trade.ticket, str(error)
        return 0, ""

    thread = in_thread(register)
    for _ in range(2):
        assert registry.entered.acquire(timeout=PATIENCE_SECONDS)
    asyncio.run(client.close())
    registry.open.set()
    assert thread.result() == (7, "this AsyncDtmsClient is closed")


async def test_a_call_whose_channel_is_closed_is_told_so_and_not_cancelled(
    registry: Registry, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels.of_loop(asyncio.get_running_loop()), "_max_idle", 0)
    client = AsyncDtmsClient(serve(registry).target)
    registry.open.clear()
    call = asyncio.create_task(client.register_trade(7, "EURUSD", "BUY"))
    await until(registry.entered)
    await client.close()
    registry.open.set()
    with pytest.raises(errors.Cancelled, match="the client was closed"):
        await call
