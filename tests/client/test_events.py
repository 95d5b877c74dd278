"""A stream of events outlives its calls: each event once, in order, whatever ends a call."""

import asyncio
import gc
import logging
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from client.scripted import Context, Journal, Server, refusal
from dtms.v1 import service_pb2 as pb
from dtms_client import AsyncDtmsClient, DtmsClient, cursor, errors
from dtms_client.cursor import Cursor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]

PATIENCE_SECONDS = 30.0


def aborted(code: grpc.StatusCode, reason: str = "") -> Callable[[Context], None]:
    """A call that ends with this status."""

    def end(context: Context) -> None:
        if reason:
            context.abort_with_status(refusal(code, reason))
        context.abort(code, "bare")

    return end


def ended_well(context: Context) -> None:
    """A call that ends without an error."""


PASSING = [
    ended_well,
    aborted(grpc.StatusCode.UNAVAILABLE),
    aborted(grpc.StatusCode.UNAVAILABLE, "DRAINING"),
    aborted(grpc.StatusCode.UNAVAILABLE, "NOT_READY"),
    aborted(grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_CONSUMER"),
    aborted(grpc.StatusCode.CANCELLED),
    aborted(grpc.StatusCode.INTERNAL),
]
CUTS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(PASSING)), max_size=6)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "FIRST_PAUSE_SECONDS", 0.01)


async def follow(client: AsyncDtmsClient, count: int, **wanted: Any) -> list[int]:
    async with client.events(**wanted) as stream:
        return [(await anext(stream)).sequence for _ in range(count)]


# --- without gap or repeat


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=CUTS)
def test_wherever_calls_end_each_event_comes_once_and_in_order(
    cuts: list[tuple[int, Callable[[Context], None]]], serve: Serve
) -> None:
    blocking, asynchronous = Journal(12), Journal(12)
    blocking.cuts, asynchronous.cuts = list(cuts), list(cuts)
    with DtmsClient(serve(blocking).target) as client, client.events(start_from="EARLIEST") as all_:
        assert [next(all_).sequence for _ in range(12)] == list(range(1, 13))
        assert all_.resume_token == "12"
    other = AsyncDtmsClient(serve(asynchronous).target)
    assert asyncio.run(follow(other, 12, start_from="EARLIEST")) == list(range(1, 13))


def test_a_stream_lives_through_restarts_of_the_server(
    serve: Serve, journal: Journal, clients: Clients
) -> None:
    server = serve(journal)
    stream = clients(server.target).events(start_from="EARLIEST")
    seen = []
    for _ in range(3):
        journal.grow(3)
        seen += [next(stream).sequence for _ in range(2)]  # one is on its way when the server goes
        server.stop()
        journal.grow(1)
        server.start()
    seen += [next(stream).sequence for _ in range(12 - len(seen))]
    assert seen == list(range(1, 13))


async def test_an_asyncio_stream_lives_through_restarts_of_the_server(
    serve: Serve, journal: Journal
) -> None:
    server = serve(journal)
    seen = []
    async with AsyncDtmsClient(server.target) as client:
        stream = client.events(start_from="EARLIEST")
        for _ in range(3):
            journal.grow(3)
            seen += [(await anext(stream)).sequence for _ in range(2)]
            await asyncio.to_thread(server.stop)
            journal.grow(1)
            await asyncio.to_thread(server.start)
        seen += [(await anext(stream)).sequence for _ in range(12 - len(seen))]
    assert seen == list(range(1, 13))


def test_a_token_that_was_kept_goes_on_where_the_other_stream_ended(
    serve: Serve, journal: Journal, clients: Clients
) -> None:
    journal.grow(4)
    client = clients(serve(journal).target)
    with client.events(start_from="EARLIEST") as first:
        assert [next(first).sequence for _ in range(2)] == [1, 2]
    with client.events(since=first.resume_token) as second:
        assert [next(second).sequence for _ in range(2)] == [3, 4]


def test_heartbeats_move_the_token_and_are_handed_out_by_messages_only(
    serve: Serve, journal: Journal, clients: Clients
) -> None:
    journal.head = 41
    client = clients(serve(journal).target)
    messages = client.messages(include_scores=True, heartbeat_interval=2.5)
    assert next(messages).HasField("heartbeat")
    assert messages.resume_token == "41"
    events = client.events()
    assert events.resume_token == ""
    journal.cuts = [(1, aborted(grpc.StatusCode.UNAVAILABLE))]  # only the heartbeat arrives
    reader = threading.Thread(target=lambda: seen.append(next(events).sequence))
    seen: list[int] = []
    reader.start()
    for _ in range(3):  # of the messages, of the cut call, of the one after it
        assert journal.begun.acquire(timeout=PATIENCE_SECONDS)
    journal.grow()
    reader.join(PATIENCE_SECONDS)
    assert seen == [42]
    asked = journal.requests
    assert [request.resume_token for request in asked] == ["", "", "41"]
    assert asked[0].include_scores
    assert asked[0].heartbeat_interval.ToMilliseconds() == 2500


async def test_a_cancelled_wait_loses_nothing(serve: Serve, journal: Journal) -> None:
    async with AsyncDtmsClient(serve(journal).target) as client:
        stream = client.events(start_from="EARLIEST")
        waiting = asyncio.create_task(anext(stream))
        assert await asyncio.to_thread(journal.begun.acquire, timeout=PATIENCE_SECONDS)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        journal.grow(2)
        assert [(await anext(stream)).sequence for _ in range(2)] == [1, 2]


# --- what ends a stream


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", errors.ResumeTokenExpired),
        (grpc.StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_IN_FUTURE", errors.ResumeTokenInFuture),
        (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID", errors.ResumeTokenInvalid),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", errors.TooManyStreams),
        (grpc.StatusCode.INTERNAL, "INTERNAL", errors.Internal),
        (grpc.StatusCode.UNIMPLEMENTED, "", errors.Unimplemented),
    ],
)
async def test_an_error_that_would_come_again_ends_the_stream(
    code: grpc.StatusCode,
    reason: str,
    kind: type[Exception],
    serve: Serve,
    journal: Journal,
    clients: Clients,
) -> None:
    journal.cuts = [(0, aborted(code, reason))] * 2
    target = serve(journal).target
    stream = clients(target).events(since="5")
    with pytest.raises(kind):
        next(stream)
    assert list(stream) == []  # ended for good
    async with AsyncDtmsClient(target) as client:
        other = client.events(since="5")
        with pytest.raises(kind):
            await anext(other)
        assert [event async for event in other] == []


async def test_an_outage_may_be_given_up(closed_target: str, clients: Clients) -> None:
    with pytest.raises(errors.Unavailable):
        next(clients(closed_target).events(give_up_after=0.05))
    async with AsyncDtmsClient(closed_target) as client:
        with pytest.raises(errors.Unavailable):
            await anext(client.events(give_up_after=0.05))


def test_closing_from_another_thread_ends_the_iteration(
    serve: Serve, journal: Journal, clients: Clients
) -> None:
    client = clients(serve(journal).target)
    seen: list[object] = []
    reader = threading.Thread(target=lambda: seen.append(list(client.events())))
    reader.start()
    assert journal.begun.acquire(timeout=PATIENCE_SECONDS)
    client.close()  # closes its streams
    reader.join(PATIENCE_SECONDS)
    assert seen == [[]]
    assert journal.ended.acquire(timeout=PATIENCE_SECONDS)


async def test_closing_from_another_task_ends_the_iteration(serve: Serve, journal: Journal) -> None:
    client = AsyncDtmsClient(serve(journal).target)

    async def read() -> list[int]:
        return [event.sequence async for event in client.events()]

    reader = asyncio.create_task(read())
    assert await asyncio.to_thread(journal.begun.acquire, timeout=PATIENCE_SECONDS)
    await client.close()
    assert await asyncio.wait_for(reader, PATIENCE_SECONDS) == []
    assert await asyncio.to_thread(journal.ended.acquire, timeout=PATIENCE_SECONDS)


def test_closing_during_an_outage_ends_the_iteration(
    closed_target: str, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    stream = clients(closed_target).events()
    waits = threading.Event()
    caplog.handler.addFilter(lambda record: waits.set() or True)  # type: ignore[func-returns-value]  # the lambda's point
    reader = threading.Thread(target=lambda: seen.append(list(stream)))
    seen: list[object] = []
    with caplog.at_level(logging.DEBUG, "dtms_client"):
        reader.start()
        assert waits.wait(PATIENCE_SECONDS)
        stream.close()
        reader.join(PATIENCE_SECONDS)
    assert seen == [[]]


def test_breaking_out_of_the_loop_ends_the_call(
    serve: Serve, journal: Journal, clients: Clients
) -> None:
    journal.grow()
    client = clients(serve(journal).target)
    for _ in client.events(start_from="EARLIEST"):
        break
    assert journal.ended.acquire(timeout=PATIENCE_SECONDS)
    for watch in [each for each in threading.enumerate() if each.name == "dtms-silence"]:
        watch.join(PATIENCE_SECONDS)
        assert not watch.is_alive()


async def test_breaking_out_of_an_asyncio_loop_ends_the_call(
    serve: Serve, journal: Journal
) -> None:
    journal.grow()
    async with AsyncDtmsClient(serve(journal).target) as client:
        async for _ in client.events(start_from="EARLIEST"):
            break
        gc.collect()
        assert await asyncio.to_thread(journal.ended.acquire, timeout=PATIENCE_SECONDS)


# --- silence


async def test_a_server_that_falls_silent_is_called_again(
    serve: Serve, journal: Journal, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "MISSED_HEARTBEATS", 0.2)
    target = serve(journal).target
    journal.grow(2)
    quiet = threading.Event()

    def hang(context: Context) -> None:
        quiet.wait(PATIENCE_SECONDS)

    journal.cuts = [(2, hang), (2, hang)]
    stream = clients(target).events(start_from="EARLIEST", heartbeat_interval=1)
    assert [next(stream).sequence for _ in range(2)] == [1, 2]
    stream.close()
    journal.cuts = [(2, hang)]
    async with AsyncDtmsClient(target) as client:
        wanted = {"start_from": "EARLIEST", "heartbeat_interval": 1.0}
        assert await follow(client, 2, **wanted) == [1, 2]
    quiet.set()


def test_a_slow_reader_is_not_taken_for_a_silent_server(
    serve: Serve, journal: Journal, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clients(serve(journal).target)
    next(client.messages())  # connects
    assert journal.ended.acquire(timeout=PATIENCE_SECONDS)
    monkeypatch.setattr(cursor, "MISSED_HEARTBEATS", 0.4)
    journal.grow(2)
    with client.events(start_from="EARLIEST", heartbeat_interval=1) as stream:
        next(stream)
        for _ in journal.requests[1:-1]:  # given up before, as the machine was slow
            assert journal.ended.acquire(timeout=PATIENCE_SECONDS)
        journal.requests.clear()
        assert not journal.ended.acquire(timeout=1.0)  # well beyond the limit
        assert next(stream).sequence == 2
    assert journal.requests == []  # it was not called again


@pytest.mark.parametrize(("asked", "kept"), [(0.001, 1), (1, 1), (10, 10), (60, 60), (900, 60)])
def test_silence_is_three_of_the_intervals_that_the_server_keeps(asked: float, kept: float) -> None:
    request = pb.StreamMonitorEventsRequest()
    request.heartbeat_interval.FromMilliseconds(round(asked * 1000))
    assert Cursor(request).silence_seconds == 3 * kept


# --- the pauses between calls


def lost(retry_after: float | None = None) -> errors.Unavailable:
    return errors.Unavailable(grpc.StatusCode.UNAVAILABLE, "lost", retry_after=retry_after)


def test_pauses_grow_with_jitter_up_to_a_limit_and_begin_anew_after_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cursor, "FIRST_PAUSE_SECONDS", 0.2)
    place = Cursor(pb.StreamMonitorEventsRequest())
    for failures in range(2000):
        longest = min(0.2 * 2 ** min(failures, 20), 10.0)
        assert longest / 2 <= place.pause(lost()) <= longest
    place.advance(pb.StreamMonitorEventsResponse(resume_token="a"))
    assert place.pause(lost()) <= 0.2


@pytest.mark.parametrize(("asked", "waited"), [(5.0, 5.0), (1e9, 60.0)])
def test_the_pause_that_the_server_asks_for_is_kept_up_to_a_minute(
    asked: float, waited: float
) -> None:
    assert Cursor(pb.StreamMonitorEventsRequest()).pause(lost(asked)) == waited


def test_a_message_without_a_token_does_not_forget_the_place() -> None:
    place = Cursor(pb.StreamMonitorEventsRequest(resume_token="a"))
    place.advance(pb.StreamMonitorEventsResponse())
    assert place.request().resume_token == "a"


def test_an_outage_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    place = Cursor(pb.StreamMonitorEventsRequest())
    with caplog.at_level(logging.INFO, "dtms_client"):
        for _ in range(5):
            place.pause(lost())
        place.advance(pb.StreamMonitorEventsResponse(resume_token="a"))
        place.advance(pb.StreamMonitorEventsResponse(resume_token="b"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


async def test_closing_a_client_ends_its_streams_in_other_loops(closed_target: str) -> None:
    client = AsyncDtmsClient(closed_target)
    seen: list[object] = []
    begun = threading.Event()

    async def read() -> None:
        stream = client.events()
        begun.set()
        seen.append([event async for event in stream])  # nobody answers: it tries again and again

    reader = threading.Thread(target=lambda: asyncio.run(read()))
    reader.start()
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    await client.close()
    await asyncio.to_thread(reader.join, PATIENCE_SECONDS)
    assert seen == [[]]
