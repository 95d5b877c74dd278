"""A server that says wrong things: its caller is told, and books nothing twice."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from client.scripted import Context, Server, Servicer, refusal
from dtms.v1 import service_pb2 as pb
from dtms.v1.action_pb2 import Action
from dtms.v1.event_pb2 import MonitorEvent
from dtms.v1.trade_pb2 import Trade
from dtms_client import AsyncDtmsClient, DtmsClient, cursor, errors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]
Message = pb.StreamMonitorEventsResponse


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "FIRST_PAUSE_SECONDS", 0.01)


def event(sequence: int, token: str = "") -> Message:
    return Message(event=MonitorEvent(sequence=sequence), resume_token=token or str(sequence))


def heartbeat(token: str) -> Message:
    return Message(heartbeat=pb.Heartbeat(), resume_token=token)


class Script(Servicer):
    """Says these messages, a list a call, whatever is asked; then it is INTERNAL for ever."""

    def __init__(self, *calls: list[Message]) -> None:
        self.calls = list(calls)
        self.asked_after: list[str] = []

    def StreamMonitorEvents(self, request: Any, context: Context) -> Iterator[Message]:  # noqa: N802
        self.asked_after.append(request.resume_token)
        if not self.calls:
            context.abort_with_status(refusal(grpc.StatusCode.INTERNAL, "INTERNAL"))
        yield from self.calls.pop(0)


def told(client: DtmsClient) -> list[int]:
    """All events until the server has told its script."""
    seen = []
    with suppress(errors.Internal):
        for each in client.events():
            seen.append(each.sequence)  # noqa: PERF401  # what was seen before the error counts
    return seen


async def told_to_asyncio(client: AsyncDtmsClient) -> list[int]:
    seen = []
    with suppress(errors.Internal):
        async for each in client.events():
            seen.append(each.sequence)  # noqa: PERF401  # as above
    return seen


# --- events


@pytest.mark.parametrize(
    ("calls", "handed_out"),
    [
        ([[event(1), event(1), event(2)]], [1, 2]),
        ([[event(1), event(2), event(3)], [event(2), event(3), event(4)]], [1, 2, 3, 4]),
        ([[event(1), event(3), event(2), event(4)]], [1, 3, 4]),
        ([[event(5), event(9)], [event(10)]], [5, 9, 10]),  # filters leave gaps: no lie
        ([[event(1), event(2), heartbeat("1")], [event(2), event(3)]], [1, 2, 3]),
        ([[event(2**53), event(2**53 + 1), event(2**53)]], [2**53, 2**53 + 1]),
    ],
)
async def test_an_event_is_handed_out_once_whatever_the_server_repeats(
    calls: list[list[Message]], handed_out: list[int], serve: Serve, clients: Clients
) -> None:
    assert told(clients(serve(Script(*calls)).target)) == handed_out
    async with AsyncDtmsClient(serve(Script(*calls)).target) as client:
        assert await told_to_asyncio(client) == handed_out


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=4))
def test_no_script_makes_a_stream_go_back(calls: list[list[int]], serve: Serve) -> None:
    script = Script(*[[event(sequence) for sequence in call] for call in calls])
    with DtmsClient(serve(script).target) as client:
        seen = told(client)
    assert all(earlier < later for earlier, later in itertools.pairwise(seen))
    highest = itertools.accumulate(itertools.chain([0], *calls), max)
    assert seen == [here for before, here in itertools.pairwise(highest) if here > before]


def test_a_repeated_event_is_told_in_the_log_and_moves_no_token(
    serve: Serve, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script([event(4, "d"), event(5, "e"), event(4, "d")])
    with caplog.at_level(logging.WARNING, "dtms_client"):
        told(clients(serve(script).target))
    assert "Event 4 came after event 5 and is dropped" in caplog.messages
    assert script.asked_after == ["", "e"]


class Garbled(grpc.GenericRpcHandler):
    """Streams an event, and then bytes that are no message; then a whole event."""

    def __init__(self) -> None:
        self.asked_after: list[str] = []

    def service(self, handler_call_details: Any) -> Any:
        return grpc.unary_stream_rpc_method_handler(
            self._stream, request_deserializer=pb.StreamMonitorEventsRequest.FromString
        )

    def _stream(self, request: pb.StreamMonitorEventsRequest, context: Context) -> Iterator[bytes]:
        self.asked_after.append(request.resume_token)
        yield event(len(self.asked_after)).SerializeToString()
        yield b"\xff\xff\xff"


async def test_a_message_that_cannot_be_read_ends_its_call_and_the_stream_goes_on(
    serve: Serve, clients: Clients
) -> None:
    blocking, asynchronous = Garbled(), Garbled()
    stream = clients(serve(blocking).target).events()
    assert [next(stream).sequence for _ in range(3)] == [1, 2, 3]
    assert blocking.asked_after == ["", "1", "2"]
    async with AsyncDtmsClient(serve(asynchronous).target) as client:
        other = client.events()
        assert [(await anext(other)).sequence for _ in range(3)] == [1, 2, 3]
    assert asynchronous.asked_after[:3] == ["", "1", "2"]


async def test_a_message_with_nothing_in_it_is_no_event(serve: Serve, clients: Clients) -> None:
    script = [[Message(), event(1), Message(resume_token="x"), event(2)]]
    assert told(clients(serve(Script(*script)).target)) == [1, 2]
    async with AsyncDtmsClient(serve(Script(*script)).target) as client:
        assert await told_to_asyncio(client) == [1, 2]


# --- answers


class Circling(Servicer):
    """The pages of its lists follow each other in this circle."""

    def __init__(self, circle: str) -> None:
        self._after = dict(zip(circle, circle[1:] + circle[0], strict=True)) | {"": circle[0]}

    def ListTrades(self, request: Any, context: Context) -> pb.ListTradesResponse:  # noqa: N802
        token = self._after[request.page_token]
        return pb.ListTradesResponse(trades=[Trade(ticket=1)], next_page_token=token)

    def ListActions(self, request: Any, context: Context) -> pb.ListActionsResponse:  # noqa: N802
        token = self._after[request.page_token]
        return pb.ListActionsResponse(actions=[Action(id="a")], next_page_token=token)


@pytest.mark.parametrize("circle", ["A", "AB", "ABC"])
async def test_a_list_that_never_ends_is_an_error(
    circle: str, serve: Serve, clients: Clients
) -> None:
    target = serve(Circling(circle)).target
    blocking = clients(target)
    with pytest.raises(errors.Internal, match="circles"):
        blocking.list_trades()
    with pytest.raises(errors.Internal, match="circles"):
        blocking.list_actions()
    async with AsyncDtmsClient(target) as client:
        with pytest.raises(errors.Internal, match="circles"):
            await client.list_trades()
        with pytest.raises(errors.Internal, match="circles"):
            await client.list_actions()


class Hanging(Servicer):
    """Answers its lists' first page, and nothing after it."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def ListTrades(self, request: Any, context: Context) -> pb.ListTradesResponse:  # noqa: N802
        if request.page_token:
            self.release.wait(30)
        return pb.ListTradesResponse(trades=[Trade(ticket=1)], next_page_token="more")


def test_each_page_of_a_list_has_its_deadline(serve: Serve, clients: Clients) -> None:
    hanging = Hanging()
    with pytest.raises(errors.DeadlineExceeded):
        clients(serve(hanging).target).list_trades(timeout=0.3)
    hanging.release.set()


class Wordy(Servicer):
    """Answers with more than a client takes."""

    def GetTrade(self, request: Any, context: Context) -> pb.GetTradeResponse:  # noqa: N802
        return pb.GetTradeResponse(trade=Trade(symbol="x" * (17 << 20)))

    def StreamMonitorEvents(self, request: Any, context: Context) -> Iterator[Message]:  # noqa: N802
        yield Message(event=MonitorEvent(sequence=1, account="x" * (17 << 20)))


async def test_a_message_beyond_the_limit_is_refused_and_not_asked_for_again(
    serve: Serve, clients: Clients
) -> None:
    target = serve(Wordy()).target
    with pytest.raises(errors.ResourceExhausted, match="larger than max"):
        clients(target).get_trade(1)
    with pytest.raises(errors.ResourceExhausted, match="larger than max"):
        next(clients(target).events())
    async with AsyncDtmsClient(target) as client:
        with pytest.raises(errors.ResourceExhausted, match="larger than max"):
            await client.get_trade(1)
        with pytest.raises(errors.ResourceExhausted, match="larger than max"):
            await anext(client.events())
