"""Servers that go down, drain, or are slow while they are called."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from client.scripted import Context, Journal, Server, Servicer, refusal
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade
from dtms_client import AsyncDtmsClient, DtmsClient, cursor, errors

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]

PATIENCE_SECONDS = 30.0
ONCE = {"grpc.enable_retries": 0}


class Slow(Servicer):
    """Registers when it is let; what it has taken in is counted."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.left = threading.Semaphore(0)
        self.calls = 0

    def RegisterTrade(self, request: Any, context: Context) -> pb.RegisterTradeResponse:  # noqa: N802
        self.calls += 1
        again = self.calls > 1
        context.add_callback(self.left.release)
        self.entered.release()
        self.may_answer.wait(PATIENCE_SECONDS)
        return pb.RegisterTradeResponse(
            trade=Trade(ticket=request.ticket), already_registered=again
        )


class Draining(Servicer):
    """Refuses with DRAINING so many times, and asks for a pause."""

    def __init__(self, times: int, retry_after_ms: int) -> None:
        self.left, self.retry_after_ms, self.calls = times, retry_after_ms, 0
        self.refused = threading.Semaphore(0)

    def _refuse(self, context: Context) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            self.refused.release()
            status = refusal(
                grpc.StatusCode.UNAVAILABLE, "DRAINING", retry_after_ms=self.retry_after_ms
            )
            context.abort_with_status(status)

    def GetStatus(self, request: Any, context: Context) -> pb.GetStatusResponse:  # noqa: N802
        self._refuse(context)
        return pb.GetStatusResponse(ready=True)

    def StreamMonitorEvents(  # noqa: N802
        self, request: Any, context: Context
    ) -> Iterator[pb.StreamMonitorEventsResponse]:
        self._refuse(context)
        yield pb.StreamMonitorEventsResponse(heartbeat=pb.Heartbeat(), resume_token="a")


# --- down


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Make a call in a thread; what comes of it is the list's one element."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(call())
        except errors.DtmsError as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


def test_a_server_that_goes_down_amid_a_call_is_asked_again_once_it_is_back(
    serve: Serve, clients: Clients
) -> None:
    slow = Slow()
    server = serve(slow)
    client = clients(server.target, timeout=PATIENCE_SECONDS)
    calling, came = in_thread(lambda: client.register_trade(7, "EURUSD", "BUY"))
    assert slow.entered.acquire(timeout=PATIENCE_SECONDS)
    slow.may_answer.set()
    server.stop()
    server.start()
    calling.join(PATIENCE_SECONDS)
    assert came[0].trade.ticket == 7


def test_a_server_that_goes_down_for_good_amid_a_call_is_unavailable(
    serve: Serve, clients: Clients
) -> None:
    slow = Slow()
    server = serve(slow)
    client = clients(server.target, options=ONCE)
    calling, came = in_thread(lambda: client.register_trade(7, "EURUSD", "BUY"))
    assert slow.entered.acquire(timeout=PATIENCE_SECONDS)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    calling.join(PATIENCE_SECONDS)
    slow.may_answer.set()
    stopping.join(PATIENCE_SECONDS)
    assert isinstance(came[0], errors.Unavailable | errors.Cancelled)
    assert came[0].is_transient


async def test_a_server_that_was_never_there_is_told_within_the_deadline(
    closed_target: str, clients: Clients
) -> None:
    with pytest.raises((errors.Unavailable, errors.DeadlineExceeded)):
        clients(closed_target, timeout=0.5).status()
    async with AsyncDtmsClient(closed_target, timeout=0.5) as client:
        with pytest.raises((errors.Unavailable, errors.DeadlineExceeded)):
            await client.status()


def test_a_call_after_the_servers_end_and_return_needs_no_new_client(
    serve: Serve, clients: Clients
) -> None:
    server = serve(Draining(0, 0))
    client = clients(server.target, timeout=PATIENCE_SECONDS)
    for _ in range(3):
        assert client.status().ready
        server.stop()
        server.start()
    assert client.status().ready


# --- draining


async def test_a_draining_server_is_asked_again_and_then_believed(
    serve: Serve, clients: Clients
) -> None:
    passing = Draining(1, 50)
    assert clients(serve(passing).target).status().ready
    assert passing.calls == 2
    for_good = Draining(1000, 2500)
    target = serve(for_good).target
    with pytest.raises(errors.Draining) as caught:
        clients(target, options=ONCE).status()
    assert caught.value.retry_after == 2.5
    async with AsyncDtmsClient(target, options=ONCE) as client:
        with pytest.raises(errors.Draining) as told:
            await client.status()
        assert told.value.retry_after == 2.5


async def test_a_stream_goes_on_once_the_server_drains_no_more(
    serve: Serve, clients: Clients
) -> None:
    draining = Draining(2, 10)
    target = serve(draining).target
    assert next(clients(target).messages()).resume_token == "a"
    draining.left = 2
    async with AsyncDtmsClient(target) as client:
        assert (await anext(client.messages())).resume_token == "a"
    assert draining.calls == 6


def test_closing_ends_the_pause_that_a_draining_server_asked_for(
    serve: Serve, clients: Clients
) -> None:
    draining = Draining(1000, 60_000)
    client = clients(serve(draining).target)
    reading, came = in_thread(lambda: list(client.events()))
    assert draining.refused.acquire(timeout=PATIENCE_SECONDS)
    client.close()
    reading.join(PATIENCE_SECONDS)
    assert came == [[]]


async def test_closing_ends_the_pause_of_an_asyncio_stream_too(serve: Serve) -> None:
    draining = Draining(1000, 60_000)
    client = AsyncDtmsClient(serve(draining).target)

    async def read() -> list[int]:
        return [each.sequence async for each in client.events()]

    reading = asyncio.create_task(read())
    assert await asyncio.to_thread(draining.refused.acquire, timeout=PATIENCE_SECONDS)
    await client.close()
    assert await asyncio.wait_for(reading, PATIENCE_SECONDS) == []


# --- slow


async def test_what_was_answered_too_late_is_safe_to_ask_again(
    serve: Serve, clients: Clients
) -> None:
    slow = Slow()
    target = serve(slow).target
    client = clients(target)
    with pytest.raises(errors.Unimplemented):
        client.status()  # connects: what comes now arrives within its deadline
    with pytest.raises(errors.DeadlineExceeded) as caught:
        client.register_trade(7, "EURUSD", "BUY", timeout=2)
    assert (caught.value.reason, caught.value.is_transient) == ("", True)
    assert slow.calls == 1  # the deadline is no cause to ask by itself
    slow.may_answer.set()
    assert client.register_trade(7, "EURUSD", "BUY").already_registered
    async with AsyncDtmsClient(target) as other:
        slow.may_answer.clear()
        with pytest.raises(errors.DeadlineExceeded):
            await other.register_trade(7, "EURUSD", "BUY", timeout=0.3)
        slow.may_answer.set()
        assert (await other.register_trade(7, "EURUSD", "BUY")).already_registered


async def test_the_server_learns_that_its_caller_has_gone(serve: Serve) -> None:
    slow = Slow()
    async with AsyncDtmsClient(serve(slow).target) as client:
        task = asyncio.create_task(client.register_trade(7, "EURUSD", "BUY"))
        assert await asyncio.to_thread(slow.entered.acquire, timeout=PATIENCE_SECONDS)
        task.cancel()
        assert await asyncio.to_thread(slow.left.acquire, timeout=PATIENCE_SECONDS)
        slow.may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_a_stream_that_falls_mute_amid_events_goes_on_after_the_last_of_them(
    serve: Serve, journal: Journal, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clients(serve(journal).target)
    next(client.messages())  # connects: what is read now comes before the silence is too long
    journal.requests.clear()
    monkeypatch.setattr(cursor, "MISSED_HEARTBEATS", 2.0)
    mute = threading.Event()
    journal.grow(5)

    def fall_mute(context: Context) -> None:
        mute.wait(PATIENCE_SECONDS)

    journal.cuts = [(3, fall_mute)]
    stream = client.events(start_from="EARLIEST", heartbeat_interval=1)
    assert [next(stream).sequence for _ in range(5)] == [1, 2, 3, 4, 5]
    assert [request.resume_token for request in journal.requests] == ["", "2"]
    mute.set()
