"""What is cancelled in an event loop leaves nothing behind, loses nothing, and is told."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from client.registry import PATIENCE_SECONDS, Registry, until
from client.scripted import Server
from dtms_client import AsyncDtmsClient
from dtms_client.async_client import _REGISTRATIONS

Serve = Callable[[object], Server]


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
