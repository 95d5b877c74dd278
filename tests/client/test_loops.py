"""One asyncio client, any number of event loops; what is cancelled leaves nothing behind."""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from client.scripted import Context, Journal, Server
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade
from dtms_client import AsyncDtmsClient, channels, cursor, errors
from dtms_client.async_client import _REGISTRATIONS

Serve = Callable[[object], Server]

PATIENCE_SECONDS = 30.0


class Registry(Journal):
    """A journal that also registers; while it is shut, answers wait."""

    def __init__(self, events: int = 0) -> None:
        super().__init__(events)
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.gone = threading.Semaphore(0)

    def RegisterTrade(self, request: Any, context: Context) -> pb.RegisterTradeResponse:  # noqa: N802
        if not context.add_callback(self.gone.release):
            self.gone.release()
        self.entered.release()
        self.open.wait(PATIENCE_SECONDS)
        return pb.RegisterTradeResponse(trade=Trade(ticket=request.ticket))


@pytest.fixture
def registry() -> Registry:
    return Registry(6)


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


async def until(happened: threading.Semaphore) -> None:
    assert await asyncio.to_thread(happened.acquire, timeout=PATIENCE_SECONDS)


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


# --- cancelled


async def test_cancelled_tasks_leave_nothing_behind(registry: Registry, serve: Serve) -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    async with AsyncDtmsClient(serve(registry).target) as client:
        await client.register_trade(1, "EURUSD", "BUY")
        await until(registry.entered)
        await until(registry.gone)
        before = asyncio.all_tasks()
        registry.open.clear()
        stream = client.messages()
        assert (await anext(stream)).HasField("heartbeat")
        tasks = [
            asyncio.create_task(client.register_trade(7, "EURUSD", "BUY")),
            asyncio.create_task(_next(stream)),
            client.register_trade_soon(8, "EURUSD", "BUY"),
        ]
        for _ in range(2):
            await until(registry.entered)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in ended] == [asyncio.CancelledError] * 3
        for _ in range(2):  # the server's side of both calls ends while they are still held
            await until(registry.gone)
        await until(registry.ended)
        registry.open.set()
        grpcs = asyncio.gather(*asyncio.all_tasks() - before, return_exceptions=True)
        await asyncio.wait_for(grpcs, PATIENCE_SECONDS)  # they end by themselves
        assert _REGISTRATIONS == {}
        registry.grow(1)
        assert (await anext(stream)).HasField("heartbeat")  # of a new call
        assert (await anext(stream)).event.sequence == 7
    gc.collect()
    ours = [told for told in complaints if "PollerCompletionQueue" not in told["message"]]
    assert ours == []  # that one complains of the loops of other tests: grpc issue 25364


async def _next(stream: Any) -> Any:
    return await anext(stream)


async def test_a_stream_whose_reader_is_cancelled_again_and_again_misses_nothing(
    registry: Registry, serve: Serve
) -> None:
    registry.grow(34)
    seen: list[int] = []
    async with AsyncDtmsClient(serve(registry).target) as client:
        stream = client.events(start_from="EARLIEST")
        hurry = 0
        while len(seen) < 40:
            reading = asyncio.create_task(_next(stream))
            for _ in range(hurry % 7):  # turns of the loop, so that it is cut at every point
                await asyncio.sleep(0)
            if hurry % 2:
                reading.cancel()
            hurry += 1
            try:
                seen.append((await reading).sequence)
            except asyncio.CancelledError:
                continue
    assert seen == list(range(1, 41))


def test_a_loop_that_ends_with_registrations_begun_cancels_them_and_tells_so(
    registry: Registry, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = AsyncDtmsClient(serve(registry).target)
    registry.open.clear()

    async def hasty() -> None:
        client.register_trade_soon(7, "EURUSD", "BUY")
        await until(registry.entered)

    asyncio.run(hasty())  # ends, and with it what nobody waits for
    registry.open.set()
    assert "register 7 was cancelled: the trade may not be guarded" in caplog.messages
    assert _REGISTRATIONS == {}
