"""Each call has one name: in its caller's log, in ours, and in what it is answered."""

import asyncio
import json
import pickle
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
from dtms_client import AsyncDtmsClient, DtmsClient, DtmsError, correlated
from dtms_server.domain.errors import NotReady
from dtms_server.rpc.interceptor import Edge
from structlog import get_logger
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

KEY = "x-correlation-id"
RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.01s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class Talkative(DtmsServiceServicer):
    """A service that logs; each call fails with the next of `errors`, while there is one."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.begun = asyncio.Event()
        self.left = asyncio.Event()
        self.may_end = asyncio.Event()

    async def GetStatus(self, request: Any, context: Any) -> pb.GetStatusResponse:  # noqa: N802
        context.add_done_callback(lambda _: self.left.set())
        self.begun.set()
        await self.may_end.wait()
        get_logger().info("asked")
        self._fail()
        return pb.GetStatusResponse(version="1")

    async def StreamMonitorEvents(  # type: ignore[override] # noqa: N802
        self, request: Any, context: Any
    ) -> None:
        self._fail()
        await context.write(pb.StreamMonitorEventsResponse(resume_token="one"))
        await context.write(pb.StreamMonitorEventsResponse(resume_token="two"))
        get_logger().info("streamed")

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def service() -> Talkative:
    service = Talkative()  # type: ignore[abstract] # the other RPCs are not asked
    service.may_end.set()
    return service


@pytest.fixture
def edge() -> Edge:
    return Edge()


@pytest.fixture
async def stub(service: Talkative, edge: Edge) -> AsyncIterator[Any]:
    server = grpc.aio.server(interceptors=(edge,))
    add_DtmsServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = (("grpc.service_config", json.dumps(RETRIES)),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield DtmsServiceStub(channel)
    await server.stop(None)


def named(metadata: Any) -> Any:
    """The name in some metadata; None: it has none."""
    return dict(metadata).get(KEY)


async def asked(stub: Any, *given: tuple[str, str]) -> Any:
    """The name that the caller of a call is told."""
    call = stub.GetStatus(pb.GetStatusRequest(), metadata=given)
    await call
    name = named(await call.initial_metadata())
    assert named(await call.trailing_metadata()) == name
    return name


def begun(stub: Any, kind: str, name: str) -> Any:
    """What comes first of a call of that kind."""
    metadata = ((KEY, name),)
    if kind == "unary":
        return stub.GetStatus(pb.GetStatusRequest(), metadata=metadata)
    return stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(), metadata=metadata).read()


@pytest.mark.parametrize("name", ["x", "order 17 / bot=grid", "~" * 128])
async def test_a_name_of_the_callers_is_kept(stub: Any, name: str) -> None:
    with capture_logs([merge_contextvars]) as logs:
        assert await asked(stub, (KEY, name)) == name
    assert [line["correlation_id"] for line in logs] == [name]


@pytest.mark.parametrize("name", ["", "x" * 129])
async def test_a_name_that_will_not_do_is_replaced(stub: Any, name: str) -> None:
    told = await asked(stub, (KEY, name))
    assert is_new(told)


async def test_a_call_without_a_name_gets_one_of_its_own(stub: Any) -> None:
    names = {await asked(stub) for _ in range(3)}
    assert len(names) == 3
    assert all(map(is_new, names))


async def test_a_stream_is_named_with_its_first_message(stub: Any) -> None:
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(), metadata=((KEY, "s"),))
    with capture_logs([merge_contextvars]) as logs:
        assert [message.resume_token async for message in stream] == ["one", "two"]
    assert named(await stream.initial_metadata()) == "s"
    assert named(await stream.trailing_metadata()) == "s"
    assert [line["correlation_id"] for line in logs] == ["s"]


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_an_error_is_named_and_so_is_what_the_log_tells_of_it(
    stub: Any, service: Talkative, refusal: Callable[[grpc.RpcError], Any], kind: str
) -> None:
    service.errors = [ValueError("unforeseen")]
    with capture_logs([merge_contextvars]) as logs, pytest.raises(grpc.aio.AioRpcError) as raised:
        await begun(stub, kind, "e")
    assert named(raised.value.trailing_metadata()) == "e"
    fault = logs[-1]
    assert fault["correlation_id"] == "e"
    assert fault["error_id"] == refusal(raised.value).metadata["error_id"]


@pytest.mark.parametrize("error", [None, ValueError("unforeseen")], ids=["done", "failed"])
async def test_what_goes_on_after_the_caller_has_gone_bears_the_name_of_its_call(
    stub: Any, service: Talkative, edge: Edge, error: Exception | None
) -> None:
    service.may_end.clear()
    service.errors = [error] if error else []
    call = stub.GetStatus(pb.GetStatusRequest(), metadata=((KEY, "gone"),))
    await service.begun.wait()
    call.cancel()
    await service.left.wait()
    with capture_logs([merge_contextvars]) as logs:
        service.may_end.set()
        async with asyncio.timeout(30):
            await edge.finished()
    assert [line["correlation_id"] for line in logs] == ["gone"] * (2 if error else 1)


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_a_refusal_is_still_repeated_by_the_callers_own_retries(
    stub: Any, service: Talkative, kind: str
) -> None:
    service.errors = [NotReady(reason="starting"), NotReady(reason="starting")]
    assert await begun(stub, kind, "again")
    assert not service.errors


async def test_other_services_are_left_alone(channel: grpc.aio.Channel) -> None:
    check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
    call = check(b"", metadata=((KEY, "h"),))
    await call
    assert named(await call.initial_metadata()) is None


async def test_a_real_service_names_its_calls(house: Any, channel: grpc.aio.Channel) -> None:
    stub: Any = DtmsServiceStub(channel)
    assert await asked(stub, (KEY, "real")) == "real"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetTrade(pb.GetTradeRequest(ticket=7), metadata=((KEY, "nobody"),))
    assert named(refused.value.trailing_metadata()) == "nobody"
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    await stream.read()
    assert is_new(named(await stream.initial_metadata()))


async def test_the_clients_give_a_name_and_tell_the_servers(house: Any) -> None:
    async with AsyncDtmsClient(house.address) as client:
        with correlated("a bot's own"), pytest.raises(DtmsError) as refused:
            await client.get_trade(7)
        assert refused.value.correlation_id == "a bot's own"
        with pytest.raises(DtmsError) as unnamed:
            await client.get_trade(7)
        assert is_new(unnamed.value.correlation_id)
    assert pickle.loads(pickle.dumps(refused.value)).correlation_id == "a bot's own"
    with correlated("blocking"):
        assert await asyncio.to_thread(blocking, house.address) == ["blocking"] * 2


def blocking(target: str) -> list[str]:
    """What the blocking client is told of a call and of a stream that are refused."""
    with DtmsClient(target) as client:
        with pytest.raises(DtmsError) as call:
            client.get_trade(7)
        with pytest.raises(DtmsError) as stream:
            next(client.events(since="no token"))
    return [call.value.correlation_id, stream.value.correlation_id]


@pytest.mark.parametrize("name", ["", " x", "x" * 129, "tab\there", "é"])
def test_a_client_refuses_a_name_that_will_not_do(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a call"), correlated(name):
        pass


def test_where_no_server_answers_there_is_no_name() -> None:
    with (
        DtmsClient("127.0.0.1:1", options={"grpc.enable_retries": 0}) as client,
        pytest.raises(DtmsError) as unreachable,
    ):
        client.status()
    assert unreachable.value.correlation_id == ""


def is_new(name: str) -> bool:
    return len(name) == 32 and int(name, 16) >= 0
