"""Streams are so many and no more, and one that stalls is ended."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from dtms.v1 import event_pb2
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.events import Change, TerminalLost
from grpc import StatusCode
from rpc.conftest import PATIENCE_SECONDS

LATER = event_pb2.MONITOR_EVENT_TYPE_ACTION_STARTED
STALL_SECONDS = 5.0
"""Longer than a full machine keeps a reader that does not stall."""

Refusal = Callable[[grpc.RpcError], Any]


async def read_to_the_end(stream: Any) -> None:
    while True:
        await stream.read()


async def refused(stream: Any, refusal: Refusal) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        await read_to_the_end(stream)
    return refusal(error.value)


async def test_a_connection_has_32_streams_and_a_place_that_is_left_is_free(
    house: Any, stub: Any, refusal: Refusal
) -> None:
    streams = [stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest()) for _ in range(32)]
    for stream in streams:
        await stream.read()
    told = await refused(stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest()), refusal)
    assert (told.code, told.reason) == (StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS")
    streams[5].cancel()
    await a_place_is_free(stub)


async def a_place_is_free(stub: Any) -> None:
    """Return once a stream more is let in: the server hears of one that ended in its own time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest()).read()
            except grpc.aio.AioRpcError as error:
                if error.code() is not StatusCode.RESOURCE_EXHAUSTED:
                    raise
            else:
                return


async def test_all_connections_together_have_200_streams(house: Any, refusal: Refusal) -> None:
    async with AsyncExitStack() as stack:
        stubs: list[Any] = []
        for _ in range(7):
            own = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(house.address, options=own)
            stubs.append(DtmsServiceStub(await stack.enter_async_context(channel)))
        streams = [
            stubs[n % 7].StreamMonitorEvents(pb.StreamMonitorEventsRequest()) for n in range(200)
        ]
        for stream in streams:
            await stream.read()
        one_more = stubs[0].StreamMonitorEvents(pb.StreamMonitorEventsRequest())
        told = await refused(one_more, refusal)
        assert told.reason == "TOO_MANY_STREAMS"
        assert told.metadata["limit"] == "200"


async def test_a_reader_that_stalls_is_ended_and_delays_nobody(
    serve: Any, refusal: Refusal
) -> None:
    async with (
        serve(stall_seconds=STALL_SECONDS) as house,
        grpc.aio.insecure_channel(house.address) as channel,
    ):
        stub: Any = DtmsServiceStub(channel)
        none = pb.StreamMonitorEventsRequest(types=[LATER])
        others = [stub.StreamMonitorEvents(none) for _ in range(30)]
        stalled = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
        swift = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
        for stream in (*others, stalled, swift):
            await stream.read()
        much = TerminalLost("x" * 100_000)  # times 200 it is more than any window holds
        await house.guard.ledger.journal.append(*[Change(datetime.now(UTC), much)] * 200)
        for _ in range(200):
            assert (await swift.read()).WhichOneof("message") == "event"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(house.server.streams.lags) == 32:  # noqa: ASYNC110 - an end tells nobody
                await asyncio.sleep(0)
        await a_place_is_free(stub)  # the connection was full: it is that of the stalled one
        told = await refused(stalled, refusal)
        assert (told.code, told.reason) == (StatusCode.RESOURCE_EXHAUSTED, "SLOW_CONSUMER")
        assert (await stub.GetStatus(pb.GetStatusRequest())).ready
