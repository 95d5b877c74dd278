"""Streams tell every event once, in order, from where they are asked to."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from dtms.v1 import event_pb2, trade_pb2
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.events import Change, TerminalLost
from dtms_server.rpc.tokens import ResumeToken
from dtms_server.terminal.simulator import control
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from rpc.conftest import PATIENCE_SECONDS

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND = Duration(seconds=1)
LOST = event_pb2.MONITOR_EVENT_TYPE_TERMINAL_LOST
LATER = event_pb2.MONITOR_EVENT_TYPE_ACTION_STARTED
EARLIEST = pb.START_FROM_EARLIEST

Refusal = Callable[[grpc.RpcError], Any]


async def happen(house: Any, reasons: Sequence[str]) -> None:
    """Write events to the journal, in one commit."""
    changes = [Change(NOON, TerminalLost(reason)) for reason in reasons]
    await house.guard.ledger.journal.append(*changes)


async def register(house: Any, stub: Any, symbol: str = "EURUSD") -> int:
    ticket: int = house.open_position(symbol)
    buy = trade_pb2.DIRECTION_BUY
    await stub.RegisterTrade(pb.RegisterTradeRequest(ticket=ticket, symbol=symbol, direction=buy))
    return ticket


async def next_event(stream: Any) -> Any:
    """The next event; every message, heartbeats too, must have a token."""
    async with asyncio.timeout(30):
        while True:
            message = await stream.read()
            assert message.resume_token
            if message.WhichOneof("message") == "event":
                return message


async def events_so_far(stream: Any) -> list[Any]:
    """All events that are sent until the stream has caught up."""
    events = []
    async with asyncio.timeout(30):
        await stream.read()  # the heartbeat that it begins with
        while (message := await stream.read()).WhichOneof("message") == "event":
            events.append(message.event)
    assert message.heartbeat.caught_up
    return events


async def test_the_first_message_is_a_heartbeat_that_tells_whether_all_was_sent(
    house: Any, stub: Any
) -> None:
    live = await stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest()).read()
    assert live.heartbeat.caught_up
    assert live.heartbeat.head_sequence == house.head
    assert live.heartbeat.HasField("server_time")
    behind = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(start_from=EARLIEST))
    assert not (await behind.read()).heartbeat.caught_up
    for sequence in range(1, house.head + 1):
        assert (await behind.read()).event.sequence == sequence
    assert (await behind.read()).heartbeat.caught_up


async def test_a_stream_from_now_begins_with_the_next_event(house: Any, stub: Any) -> None:
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    await stream.read()
    before = house.head
    ticket = await register(house, stub)
    event = (await next_event(stream)).event
    assert (event.sequence, event.ticket, event.symbol) == (before + 1, ticket, "EURUSD")
    assert event.trade_registered.trade.ticket == ticket


async def test_a_list_and_the_stream_from_its_token_leave_no_gap(house: Any, stub: Any) -> None:
    listed = await stub.ListTrades(pb.ListTradesRequest())
    before = house.head
    tickets = [await register(house, stub) for _ in range(3)]
    request = pb.StreamMonitorEventsRequest(resume_token=listed.resume_token)
    stream = stub.StreamMonitorEvents(request)
    missing, sequences = list(tickets), []
    while missing:
        event = (await next_event(stream)).event
        sequences.append(event.sequence)
        if event.WhichOneof("facts") == "trade_registered":
            assert event.ticket == missing.pop(0)
    assert sequences == list(range(before + 1, before + 1 + len(sequences)))


async def test_a_reader_that_comes_back_again_and_again_sees_every_event_once_in_order(
    house: Any, stub: Any
) -> None:
    await happen(house, [f"{n}" for n in range(1200)])
    seen: list[int] = []
    request = pb.StreamMonitorEventsRequest(start_from=EARLIEST)
    for messages in (1, 2, 3, 500, 1, 97, 800):
        stream = stub.StreamMonitorEvents(request)
        for _ in range(messages):
            if len(seen) == house.head:
                break
            message = await stream.read()
            request.resume_token = message.resume_token
            if message.WhichOneof("message") == "event":
                seen.append(message.event.sequence)
        stream.cancel()
    assert seen == list(range(1, house.head + 1))


async def test_what_happens_while_many_streams_read_reaches_each_of_them(
    house: Any, stub: Any
) -> None:
    streams = [stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest()) for _ in range(20)]
    for stream in streams:
        await stream.read()
    before = house.head
    await asyncio.gather(*(happen(house, [f"{n}"]) for n in range(50)))
    for stream in streams:
        events = [(await next_event(stream)).event.sequence for _ in range(50)]
        assert events == list(range(before + 1, before + 51))


async def test_filters_narrow_what_is_sent(house: Any, stub: Any) -> None:
    first = await register(house, stub)
    second = await register(house, stub, "GBPUSD")
    await happen(house, ["lost"])
    for filters, ticket in (
        ({"tickets": [first]}, first),
        ({"symbols": ["GBPUSD"]}, second),
        ({"types": [LOST, LATER]}, 0),
    ):
        asked: dict[str, Any] = filters
        request = pb.StreamMonitorEventsRequest(start_from=EARLIEST, **asked)
        stream = stub.StreamMonitorEvents(request)
        assert {event.ticket for event in await events_so_far(stream)} == {ticket}


@pytest.mark.parametrize("types", [[event_pb2.MONITOR_EVENT_TYPE_TRADE_CLOSED], [LATER]], ids=str)
async def test_a_reader_whom_nothing_concerns_moves_on_with_the_heartbeats(
    house: Any, stub: Any, types: list[Any]
) -> None:
    request = pb.StreamMonitorEventsRequest(types=types, heartbeat_interval=SECOND)
    stream = stub.StreamMonitorEvents(request)
    first = await stream.read()
    await happen(house, ["one", "two"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (second := await stream.read()).resume_token == first.resume_token:
            assert second.HasField("heartbeat")  # of a second in which nothing had happened yet
    assert second.heartbeat.caught_up
    again = stub.StreamMonitorEvents(
        pb.StreamMonitorEventsRequest(resume_token=second.resume_token)
    )
    await again.read()
    await happen(house, ["three"])
    assert (await next_event(again)).event.terminal_lost.reason == "three"


async def next_score(stream: Any, fits: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            message = await stream.read()
            if message.WhichOneof("message") == "score" and fits(message.score):
                return message.score


async def test_scores_are_streamed_to_those_who_ask_for_them(house: Any, stub: Any) -> None:
    ticket = await register(house, stub)
    wanted = pb.StreamMonitorEventsRequest(include_scores=True, tickets=[ticket])
    stream = stub.StreamMonitorEvents(wanted)
    first = await next_score(stream, lambda update: update.score.HasField("value"))
    assert first.ticket == ticket
    control.advance(300)
    bar = first.score.bar_closed_at.seconds
    later = await next_score(stream, lambda update: update.score.bar_closed_at.seconds > bar)
    assert later.score.bar_closed_at.seconds == bar + 300
    shown = (await stub.GetTrade(pb.GetTradeRequest(ticket=ticket))).trade
    assert shown.score == later.score


async def test_a_stream_that_did_not_ask_gets_no_scores(house: Any, stub: Any) -> None:
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    asking = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(include_scores=True))
    await register(house, stub)
    await next_score(asking, lambda update: update.score.HasField("value"))
    await happen(house, ["the end"])
    seen = set()
    while "the end" not in seen:
        message = await stream.read()
        seen.add(message.WhichOneof("message"))
        seen.add(message.event.terminal_lost.reason)
    assert "score" not in seen


async def read_to_the_end(stream: Any) -> None:
    while True:
        await stream.read()


async def refused(stream: Any, refusal: Refusal) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        await read_to_the_end(stream)
    return refusal(error.value)


async def test_a_token_from_the_future_is_out_of_range(
    house: Any, stub: Any, refusal: Refusal
) -> None:
    token = ResumeToken.of(house.guard.ledger.journal, house.head + 1).write()
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(resume_token=token))
    told = await refused(stream, refusal)
    assert (told.code, told.reason) == (StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_IN_FUTURE")


async def test_a_token_of_another_store_is_invalid(house: Any, stub: Any, refusal: Refusal) -> None:
    token = ResumeToken(b"another store!!!", 1).write()
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(resume_token=token))
    told = await refused(stream, refusal)
    assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID")


async def test_a_token_from_before_the_compaction_is_expired_and_earliest_is_after_it(
    serve: Any, refusal: Refusal
) -> None:
    async with (
        serve(events_streamable=3) as house,
        grpc.aio.insecure_channel(house.address) as channel,
    ):
        stub: Any = DtmsServiceStub(channel)
        await happen(house, ["one", "two", "three", "four"])
        ledger = house.guard.ledger
        await ledger.trades.clean(house.guard.now())
        earliest = ledger.journal.compacted_through + 1
        assert earliest == house.head - 2
        token = ResumeToken.of(ledger.journal, earliest - 2).write()
        stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(resume_token=token))
        told = await refused(stream, refusal)
        assert (told.code, told.reason) == (StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED")
        assert told.metadata == {"earliest_sequence": str(earliest)}
        stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest(start_from=EARLIEST))
        assert (await next_event(stream)).event.sequence == earliest
