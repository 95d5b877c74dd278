"""A call is parsed, shielded and told once; what goes wrong inside stays inside."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import (
    DtmsServiceServicer,
    DtmsServiceStub,
    add_DtmsServiceServicer_to_server,
)
from dtms_server.domain.errors import UnknownTrade
from dtms_server.rpc.interceptor import Edge
from grpc import StatusCode
from structlog.testing import capture_logs

Refusal = Callable[[grpc.RpcError], Any]
SECRET = "the password is swordfish"


class Slow(DtmsServiceServicer):
    """A service whose one call ends when, and as, the test says."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.left = asyncio.Event()
        self.may_end = asyncio.Event()
        self.error: Exception | None = None
        self.ended = False

    async def GetStatus(self, request: Any, context: Any) -> pb.GetStatusResponse:  # noqa: N802
        context.add_done_callback(lambda _: self.left.set())
        self.begun.set()
        await self.may_end.wait()
        self.ended = True
        if self.error is not None:
            raise self.error
        return pb.GetStatusResponse(version="1")

    async def StreamMonitorEvents(  # type: ignore[override] # noqa: N802
        self, request: Any, context: Any
    ) -> None:
        await context.write(pb.StreamMonitorEventsResponse(resume_token="one"))
        if self.error is not None:
            raise self.error


@pytest.fixture
def slow() -> Slow:
    return Slow()  # type: ignore[abstract] # the other RPCs are not asked


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
async def stub(slow: Slow, edge: Edge) -> AsyncIterator[Any]:
    server = grpc.aio.server(interceptors=(edge,))
    add_DtmsServiceServicer_to_server(slow, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield DtmsServiceStub(channel)
    await server.stop(None)


async def hang_up(stub: Any, slow: Slow) -> None:
    call = stub.GetStatus(pb.GetStatusRequest())
    await slow.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await slow.left.wait()  # now the server knows it too


async def test_a_call_goes_through(stub: Any, slow: Slow) -> None:
    slow.may_end.set()
    assert (await stub.GetStatus(pb.GetStatusRequest())).version == "1"


async def test_a_call_that_has_begun_is_finished_though_its_caller_hung_up(
    stub: Any, slow: Slow, edge: Edge
) -> None:
    await hang_up(stub, slow)
    finished = asyncio.create_task(edge.finished())
    assert not slow.ended
    slow.may_end.set()
    async with asyncio.timeout(30):
        await finished
    assert slow.ended


@pytest.mark.parametrize(
    ("error", "level"),
    [(UnknownTrade(ticket=7, account="1@Demo"), "warning"), (ValueError(SECRET), "error")],
    ids=["refused", "failed"],
)
async def test_a_failure_after_the_caller_has_gone_is_logged_once(
    stub: Any, slow: Slow, edge: Edge, error: Exception, level: str
) -> None:
    slow.error = error
    await hang_up(stub, slow)
    with capture_logs() as logs:
        slow.may_end.set()
        async with asyncio.timeout(30):
            await edge.finished()
    assert [entry["log_level"] for entry in logs] == [level]


async def test_an_unforeseen_error_tells_its_id_and_nothing_else(
    stub: Any, slow: Slow, refusal: Refusal
) -> None:
    slow.error = ValueError(SECRET)
    slow.may_end.set()
    with capture_logs() as logs, pytest.raises(grpc.RpcError) as raised:
        await stub.GetStatus(pb.GetStatusRequest())
    told = refusal(raised.value)
    assert (told.code, told.reason) == (StatusCode.INTERNAL, "INTERNAL")
    assert SECRET not in repr(raised.value)
    assert [entry["error_id"] for entry in logs] == [told.metadata["error_id"]]
    assert logs[0]["exc_info"] is slow.error


async def test_an_error_of_a_stream_comes_after_what_was_written(
    stub: Any, slow: Slow, refusal: Refusal
) -> None:
    slow.error = UnknownTrade(ticket=7, account="1@Demo")
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    assert (await stream.read()).resume_token == "one"
    with pytest.raises(grpc.RpcError) as raised:
        await stream.read()
    assert refusal(raised.value).reason == "TRADE_NOT_FOUND"


async def test_a_fault_of_the_store_is_internal_and_its_text_stays_inside(
    house: Any, channel: grpc.aio.Channel, refusal: Refusal
) -> None:
    await house.store.close()
    with pytest.raises(grpc.RpcError) as raised:
        await DtmsServiceStub(channel).GetTrade(pb.GetTradeRequest(ticket=7))
    told = refusal(raised.value)
    assert (told.code, told.reason) == (StatusCode.INTERNAL, "INTERNAL")
    assert "closed" not in repr(raised.value)
