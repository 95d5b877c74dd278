"""Each metric moves when what it tells of happens."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server import __version__
from dtms_server.domain.events import Change, TerminalLost
from dtms_server.domain.policy import Policy
from dtms_server.rpc import outcomes
from dtms_server.terminal.simulator import control
from rpc.conftest import House, Serve
from telemetry.scraping import PATIENCE_SECONDS, fetch, scrape, scraped

BUY = trade_pb2.DIRECTION_BUY
LATE_SECONDS = 0.2
DEADLINE_SECONDS = 5.0
"""Within which a call comes to the server also on a full machine."""


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return DtmsServiceStub(channel)


@pytest.fixture
async def still(serve: Serve) -> AsyncIterator[House]:
    """A server whose monitor has not begun: nothing is written but what the test asks for."""
    async with serve(started=False) as house:
        yield house


@pytest.fixture
async def its_stub(still: House) -> AsyncIterator[Any]:
    """A stub of the server whose monitor has not begun."""
    async with grpc.aio.insecure_channel(still.address) as channel:
        yield DtmsServiceStub(channel)


def registering(house: House) -> pb.RegisterTradeRequest:
    return pb.RegisterTradeRequest(ticket=house.open_position(), symbol="EURUSD", direction=BUY)


@asynccontextmanager
async def held(house: House) -> AsyncIterator[None]:
    """Hold the writing thread, as a disk does that hangs."""
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        entered.set()
        go_on.wait(60)

    holding = asyncio.create_task(house.store.writer.write(hold))
    await asyncio.to_thread(entered.wait)
    try:
        yield
    finally:
        go_on.set()
        await holding


async def test_calls_are_counted_by_method_and_code_and_timed(house: House, stub: Any) -> None:
    await stub.GetStatus(pb.GetStatusRequest())
    for ticket in (0, 424_242):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.GetTrade(pb.GetTradeRequest(ticket=ticket))
    count = "dtms_rpc_duration_seconds_count"
    # a refusal is counted once it is sent: its caller may have it before
    metrics = await scraped(house.http, lambda now: now.value(count, method="GetTrade") == 2)
    assert metrics.value("dtms_rpcs_total", method="GetStatus", code="OK") == 1
    assert metrics.value("dtms_rpcs_total", method="GetTrade", code="NOT_FOUND") == 1
    assert metrics.value("dtms_rpcs_total", method="GetTrade", code="INVALID_ARGUMENT") == 1
    assert metrics.value("dtms_rpc_duration_seconds_sum", method="GetTrade") > 0


async def test_names_that_are_no_rpc_make_no_series(house: House, channel: Any) -> None:
    before = (await scrape(house.http)).families["dtms_rpcs"].samples
    for name in ("/dtms.v1.DtmsService/GetNothing", "/some.Service/GetStatus"):
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(name)(b"")
    assert (await scrape(house.http)).families["dtms_rpcs"].samples == before


async def test_a_call_that_is_given_up_says_by_whom(
    still: House, its_stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "SLACK_SECONDS", DEADLINE_SECONDS)
    await its_stub.GetStatus(pb.GetStatusRequest())  # lest the deadline is spent on connecting
    async with held(still):
        with pytest.raises(grpc.aio.AioRpcError):
            await its_stub.PauseActions(pb.PauseActionsRequest(), timeout=DEADLINE_SECONDS)
        late = {"method": "PauseActions", "code": "DEADLINE_EXCEEDED"}
        await scraped(still.http, lambda now: now.value("dtms_rpcs_total", **late) == 1)
        call = its_stub.PauseActions(pb.PauseActionsRequest())
        await scraped(still.http, lambda now: now.value("dtms_writes_waiting") == 2)
        call.cancel()
        left = {"method": "PauseActions", "code": "CANCELLED"}
        await scraped(still.http, lambda now: now.value("dtms_rpcs_total", **left) == 1)


async def test_streams_are_counted_while_open_and_when_they_end(house: House, stub: Any) -> None:
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    await stream.read()
    metrics = await scrape(house.http)
    assert metrics.value("dtms_streams_open") == 1
    assert metrics.value("dtms_rpcs_total", method="StreamMonitorEvents", code="CANCELLED") == 0
    stream.cancel()
    metrics = await scraped(house.http, lambda now: now.value("dtms_streams_open") == 0)
    assert metrics.value("dtms_rpcs_total", method="StreamMonitorEvents", code="CANCELLED") == 1
    assert metrics.value("dtms_rpc_duration_seconds_count", method="StreamMonitorEvents") == 0


async def test_the_lag_of_streams_is_that_of_the_hindmost(house: House, stub: Any) -> None:
    everything = pb.StreamMonitorEventsRequest()
    swift, mute = (stub.StreamMonitorEvents(everything) for _ in range(2))
    await swift.read()
    await mute.read()
    assert (await scrape(house.http)).value("dtms_stream_lag_events") == 0
    much = TerminalLost("x" * 100_000)  # times 200 it is more than any window holds
    await house.guard.ledger.journal.append(*[Change(datetime.now(UTC), much)] * 200)
    for _ in range(200):
        await swift.read()
    metrics = await scrape(house.http)
    assert 0 < metrics.value("dtms_stream_lag_events") <= 200
    assert metrics.value("dtms_streams_open") == 2
    mute.cancel()
    await scraped(house.http, lambda now: now.value("dtms_stream_lag_events") == 0)


async def test_the_journal_is_counted_by_type_and_its_head_is_shown(
    house: House, stub: Any
) -> None:
    before = await scrape(house.http)
    assert before.value("dtms_events_total", type="MONITORING_STARTED") == 1
    await stub.PauseActions(pb.PauseActionsRequest(reason="news"))
    after = await scrape(house.http)
    assert after.value("dtms_events_total", type="ACTIONS_PAUSED") == 1
    assert after.value("dtms_journal_head") == house.head
    assert after.value("dtms_journal_head") == before.value("dtms_journal_head") + 1


async def test_the_stop_switch_shows(house: House, stub: Any) -> None:
    assert (await scrape(house.http)).value("dtms_actions_paused") == 0
    await stub.PauseActions(pb.PauseActionsRequest())
    assert (await scrape(house.http)).value("dtms_actions_paused") == 1
    await stub.ResumeActions(pb.ResumeActionsRequest())
    assert (await scrape(house.http)).value("dtms_actions_paused") == 0


async def test_trades_are_shown_by_state_and_leave_when_released(house: House, stub: Any) -> None:
    request = registering(house)
    await stub.RegisterTrade(request)
    metrics = await scrape(house.http)
    assert metrics.value("dtms_trades", state="HEALTHY") == 1
    assert sum(sample.value for sample in metrics.families["dtms_trades"].samples) == 1
    assert (await fetch(house.http, "/health")).facts["active_trades"] == 1
    await stub.ReleaseTrade(pb.ReleaseTradeRequest(ticket=request.ticket))
    assert (await scrape(house.http)).value("dtms_trades", state="HEALTHY") == 0


async def test_cycles_are_timed(house: House) -> None:
    count = "dtms_cycle_duration_seconds_count"
    before = (await scrape(house.http)).value(count)
    metrics = await scraped(house.http, lambda now: now.value(count) > before + 1)
    assert metrics.value("dtms_cycle_duration_seconds_sum") > 0
    assert 0 <= metrics.value("dtms_cycle_age_seconds") < metrics.value("dtms_uptime_seconds")
    assert metrics.value("dtms_cycle_lag_seconds") >= 0


async def test_a_cycle_that_comes_late_says_by_how_much(house: House) -> None:
    lag = "dtms_cycle_lag_seconds"
    await scraped(house.http, lambda now: now.value(lag) < LATE_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await scrape(house.http)).value(lag) <= LATE_SECONDS:  # the next may be on time
            time.sleep(2 * LATE_SECONDS)  # noqa: ASYNC251 - this is what makes it late


async def test_a_lost_terminal_shows_and_its_cycles_grow_old(house: House) -> None:
    assert (await scrape(house.http)).value("dtms_terminal_up") == 1
    control.inject("disconnect")
    lost = await scraped(house.http, lambda now: now.value("dtms_terminal_up") == 0)
    older = await scraped(
        house.http,
        lambda now: (
            now.value("dtms_events_total", type="TERMINAL_LOST") == 1
            and now.value("dtms_cycle_age_seconds") > lost.value("dtms_cycle_age_seconds")
        ),
    )
    assert older.value("dtms_ready") == 1, "within its grace"
    control.clear_faults()
    await scraped(house.http, lambda now: now.value("dtms_terminal_up") == 1)


async def test_what_waits_for_the_writer_shows_while_it_hangs(still: House, its_stub: Any) -> None:
    async with held(still):
        call = its_stub.PauseActions(pb.PauseActionsRequest())
        metrics = await scraped(still.http, lambda now: now.value("dtms_writes_waiting") == 1)
        assert (await fetch(still.http, "/live")).status == 200
    await call
    after = await scrape(still.http)
    assert after.value("dtms_writes_waiting") == 0
    for count in ("dtms_writer_batch_size_count", "dtms_writer_commit_seconds_count"):
        assert after.value(count) == metrics.value(count) + 2


async def test_a_batch_is_as_large_as_what_was_committed_at_once(still: House) -> None:
    async with held(still):
        pings = [asyncio.create_task(still.store.ping()) for _ in range(7)]
        before = await scraped(still.http, lambda now: now.value("dtms_writes_waiting") == 7)
    await asyncio.gather(*pings)
    after = await scrape(still.http)
    larger = after.value("dtms_writer_batch_size_bucket", le="8.0")
    smaller = after.value("dtms_writer_batch_size_bucket", le="4.0")
    assert larger == smaller + 1
    assert after.value("dtms_writer_batch_size_sum") == (
        before.value("dtms_writer_batch_size_sum") + 1 + 7
    )


async def test_an_orphan_shows(house: House) -> None:
    control.open_position("EURUSD", "BUY", 0.1, magic=Policy().magic)
    await scraped(house.http, lambda now: now.value("dtms_orphans") == 1)


async def test_this_server_is_named_and_times_itself(house: House) -> None:
    metrics = await scrape(house.http)
    assert metrics.value("dtms_build_info", version=__version__) == 1
    assert metrics.value("dtms_live") == 1
    assert metrics.value("dtms_uptime_seconds") > 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="the library reads the process from /proc")
async def test_the_process_shows_itself(house: House) -> None:
    metrics = await scrape(house.http)
    assert metrics.value("process_resident_memory_bytes") > 0
    assert metrics.value("process_open_fds") > 0
