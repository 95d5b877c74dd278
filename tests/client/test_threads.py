"""One client, many threads: nothing is mixed up, and closing it is told to each of them."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from client.scripted import Context, Journal, Server
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade
from dtms_client import DtmsClient, channels, errors
from processes import Process

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]

PATIENCE_SECONDS = 30.0
THREADS = 12


class Registry(Journal):
    """A journal that also echoes tickets; while it is shut, answers wait."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)

    def GetTrade(self, request: Any, context: Context) -> pb.GetTradeResponse:  # noqa: N802
        self.entered.release()
        self.open.wait(PATIENCE_SECONDS)
        return pb.GetTradeResponse(trade=Trade(ticket=request.ticket))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def crew() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2 * THREADS) as pool:
        yield pool


@pytest.fixture
def no_idle_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel is closed as soon as its last client is."""
    monkeypatch.setattr(channels.SYNC, "_max_idle", 0)


def test_each_thread_gets_its_own_answers(
    registry: Registry, serve: Serve, clients: Clients, crew: ThreadPoolExecutor
) -> None:
    client = clients(serve(registry).target)
    start = threading.Barrier(THREADS)

    def ask(first: int) -> list[int]:
        start.wait(PATIENCE_SECONDS)  # the first call of all threads at once: it connects
        return [client.get_trade(first + n).ticket for n in range(20)]

    firsts = [100 * thread for thread in range(THREADS)]
    answers = list(crew.map(ask, firsts))
    assert answers == [[first + n for n in range(20)] for first in firsts]


def test_streams_of_many_threads_each_have_every_event(
    registry: Registry, serve: Serve, clients: Clients, crew: ThreadPoolExecutor
) -> None:
    registry.grow(30)
    client = clients(serve(registry).target)

    def follow(_: int) -> list[int]:
        with client.events(start_from="EARLIEST") as stream:
            return [next(stream).sequence for _ in range(30)]

    assert list(crew.map(follow, range(THREADS))) == [list(range(1, 31))] * THREADS


def in_flight(
    client: DtmsClient, registry: Registry, crew: ThreadPoolExecutor
) -> list[Future[Trade]]:
    """Begin a call in each thread, and return them once all have reached the server, which answers
    none until it is open again."""
    registry.open.clear()
    calls = [crew.submit(client.get_trade, ticket) for ticket in range(THREADS)]
    for _ in calls:
        assert registry.entered.acquire(timeout=PATIENCE_SECONDS)
    return calls


def test_calls_in_flight_are_answered_though_their_client_is_closed(
    registry: Registry, serve: Serve, clients: Clients, crew: ThreadPoolExecutor
) -> None:
    client = clients(serve(registry).target)
    calls = in_flight(client, registry, crew)
    client.close()
    registry.open.set()
    assert [call.result(PATIENCE_SECONDS).ticket for call in calls] == list(range(THREADS))


@pytest.mark.usefixtures("no_idle_channels")
def test_calls_in_flight_whose_channel_is_closed_are_cancelled(
    registry: Registry, serve: Serve, clients: Clients, crew: ThreadPoolExecutor
) -> None:
    client = clients(serve(registry).target)
    calls = in_flight(client, registry, crew)
    client.close()
    for call in calls:
        with pytest.raises(errors.Cancelled):
            call.result(PATIENCE_SECONDS)
    registry.open.set()


@pytest.mark.usefixtures("no_idle_channels")
@pytest.mark.parametrize("after", [1, 3, 20, 100])
def test_closing_amid_the_calls_of_many_threads_is_told_to_each_of_them(
    after: int, registry: Registry, serve: Serve, crew: ThreadPoolExecutor
) -> None:
    client = DtmsClient(serve(registry).target)

    def ask_until_told(ticket: int) -> str:
        try:
            while True:
                assert client.get_trade(ticket).ticket == ticket
        except RuntimeError as error:
            return str(error)
        except errors.Cancelled:
            return "cancelled"

    told = [crew.submit(ask_until_told, ticket) for ticket in range(THREADS)]
    for _ in range(after):
        assert registry.entered.acquire(timeout=PATIENCE_SECONDS)
    client.close()
    answers = {each.result(PATIENCE_SECONDS) for each in told}
    assert answers <= {"this DtmsClient is closed", "cancelled"}


@pytest.mark.parametrize("after", [0, 5, 20])
def test_closing_while_threads_open_streams_ends_all_of_them(
    after: int, registry: Registry, serve: Serve, crew: ThreadPoolExecutor
) -> None:
    client = DtmsClient(serve(registry).target)
    kept: list[object] = []

    def open_until_told(_: int) -> str:
        try:
            while True:
                stream = client.messages()
                kept.append(stream)
                next(stream, None)
        except RuntimeError as error:
            return str(error)

    told = [crew.submit(open_until_told, n) for n in range(4)]
    for _ in range(after):
        assert registry.begun.acquire(timeout=PATIENCE_SECONDS)
    client.close()
    assert {each.result(PATIENCE_SECONDS) for each in told} == {"this DtmsClient is closed"}
    for _ in range(len(registry.requests)):
        assert registry.ended.acquire(timeout=PATIENCE_SECONDS)


def test_readers_of_a_client_that_is_closed_by_many_threads_all_end(
    registry: Registry, serve: Serve, crew: ThreadPoolExecutor
) -> None:
    client = DtmsClient(serve(registry).target)
    readers = [crew.submit(list, client.events()) for _ in range(THREADS)]
    for _ in readers:
        assert registry.begun.acquire(timeout=PATIENCE_SECONDS)
    closers = [crew.submit(client.close) for _ in range(THREADS)]
    assert [each.result(PATIENCE_SECONDS) for each in closers] == [None] * THREADS
    assert [each.result(PATIENCE_SECONDS) for each in readers] == [[]] * THREADS


CLOSED_BY_A_SIGNAL = """
import signal, sys
from dtms_client import DtmsClient
client = DtmsClient(sys.argv[1])
signal.signal(signal.SIGTERM, lambda number, frame: client.close())
for message in client.messages():
    print("begun", flush=True)
print("ended")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot send signals on Windows")
def test_a_signals_handler_may_close_what_its_thread_waits_in(
    registry: Registry, serve: Serve, tmp_path: Path
) -> None:
    command = (sys.executable, "-c", CLOSED_BY_A_SIGNAL, serve(registry).target)
    with Process(command, dict(os.environ), tmp_path) as bot:
        bot.expect("begun")
        bot.signal(signal.SIGTERM)
        bot.expect("ended")
        assert bot.wait() == 0


def test_what_is_asked_of_a_closed_client_is_refused_with_its_name(clients: Clients) -> None:
    client = clients("127.0.0.1:1")
    stream = client.events()
    client.close()
    assert list(stream) == []
    for ask in (client.status, client.events, client.messages, client.wait_until_ready):
        with pytest.raises(RuntimeError, match="this DtmsClient is closed"):
            ask()
