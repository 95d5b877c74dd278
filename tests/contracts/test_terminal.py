"""What every terminal must do: in this process, in a host of its own, and attached to one."""

import asyncio
from contextlib import suppress
from datetime import UTC, timedelta

import pytest
from dtms_server.domain.actions import Order, Verb, Verdict
from dtms_server.domain.errors import TerminalFailed, TerminalSilent, TerminalUnreachable
from dtms_server.domain.market import DealEntry, DealReason, MarginMode
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.trade import Direction
from dtms_server.terminal.messages import Deadlines
from hands import House
from hosts import PATIENCE_SECONDS

# A call that hangs in this process hangs the test: a terminal in a process of its own is for that.
isolated = pytest.mark.parametrize("house", ["spawned", "attached"], indirect=True)


async def test_nothing_is_answered_before_it_is_connected(house: House) -> None:
    with pytest.raises(TerminalUnreachable):
        await house.terminal.snapshot()


async def test_a_snapshot_shows_the_account_and_the_clock(connected: House) -> None:
    seen = await connected.terminal.snapshot()
    assert seen.connected
    assert seen.trade_allowed
    assert seen.account.name.endswith("@DTMS-Simulator")
    assert seen.account.currency == "USD"
    assert seen.account.margin_mode is MarginMode.HEDGING
    assert seen.account.trade_allowed
    assert seen.at.tzinfo is UTC
    assert seen.speed == 0
    assert seen.positions == ()


async def test_a_snapshot_shows_every_open_position(connected: House) -> None:
    buy = connected.hand.open("EURUSD", Direction.BUY, 0.2)
    sell = connected.hand.open("EURUSD", Direction.SELL, 0.1)
    seen = await connected.terminal.snapshot()
    assert [(p.ticket, p.direction, p.volume_lots) for p in seen.positions] == [
        (buy, Direction.BUY, 0.2),
        (sell, Direction.SELL, 0.1),
    ]
    assert all(p.stop_loss is None and p.take_profit is None for p in seen.positions)
    assert all(seen.at - p.opened_at < timedelta(minutes=2) for p in seen.positions)
    assert seen.account.margin > 0


async def test_the_terminal_s_clock_is_read_with_each_snapshot(connected: House) -> None:
    before = await connected.terminal.snapshot()
    connected.hand.advance(90)
    after = await connected.terminal.snapshot()
    assert after.at - before.at == timedelta(seconds=90)


async def test_the_clock_is_read_alone_too(connected: House) -> None:
    seen = await connected.terminal.snapshot()
    assert await connected.terminal.clock() == (seen.at, seen.speed)
    connected.hand.advance(90)
    assert await connected.terminal.clock() == (seen.at + timedelta(seconds=90), 0)


async def test_charts_hold_the_bars_that_had_closed_by_then(connected: House) -> None:
    connected.hand.advance(130)
    at = (await connected.terminal.snapshot()).at
    connected.hand.advance(600)  # what came later does not matter
    charts = await connected.terminal.charts("EURUSD", at, AnalysisPolicy())
    assert charts.market_open
    assert charts.facts.point == pytest.approx(1e-5)
    for bars in (charts.m5, charts.m15):
        assert timedelta() <= at - bars.closed_at < timedelta(seconds=bars.timeframe_seconds)
    assert len(charts.m15) >= 1000
    assert charts.bid_changes is not None


async def test_deals_tell_how_a_position_began_and_ended(connected: House) -> None:
    ticket = connected.hand.open("EURUSD", Direction.BUY, 0.2)
    connected.hand.open("EURUSD", Direction.BUY, 0.3)  # whose deals are none of ours
    connected.hand.advance(60)
    connected.hand.close(ticket, 0.1)
    connected.hand.advance(60)
    connected.hand.close(ticket)
    deals = await connected.terminal.deals(ticket)
    assert [(d.entry, d.volume_lots, d.direction) for d in deals] == [
        (DealEntry.IN, 0.2, Direction.BUY),
        (DealEntry.OUT, 0.1, Direction.SELL),
        (DealEntry.OUT, 0.1, Direction.SELL),
    ]
    assert {d.reason for d in deals} == {DealReason.CLIENT}
    assert {d.position_id for d in deals} == {ticket}
    begun, *_, ended = deals
    assert ended.at - begun.at == timedelta(seconds=120)


async def test_a_position_that_never_was_has_no_deals(connected: House) -> None:
    assert await connected.terminal.deals(987_654_321) == ()


@pytest.mark.parametrize("call", ["terminal_info", "account_info", "positions_get"])
async def test_none_is_an_error_and_never_an_empty_answer(connected: House, call: str) -> None:
    connected.hand.open("EURUSD", Direction.BUY, 0.2)
    connected.hand.fault("none", call=call, code=-10005)
    with pytest.raises(TerminalFailed) as failure:
        await connected.terminal.snapshot()
    assert failure.value.facts["call"] == call
    assert failure.value.facts["code"] == "-10005"
    assert len((await connected.terminal.snapshot()).positions) == 1


async def test_history_that_answers_none_is_an_error_too(connected: House) -> None:
    ticket = connected.hand.open("EURUSD", Direction.BUY, 0.2)
    connected.hand.fault("none", call="history_deals_get")
    with pytest.raises(TerminalFailed, match="history_deals_get"):
        await connected.terminal.deals(ticket)
    assert len(await connected.terminal.deals(ticket)) == 1


async def test_a_terminal_that_cannot_be_initialised_says_its_own_error(house: House) -> None:
    if house.kind == "spawned":  # only a host that runs already takes commands
        await house.terminal.connect(PATIENCE_SECONDS)
    house.hand.fault("none", call="initialize", code=-10003)
    with pytest.raises(TerminalFailed, match="initialize with error -10003"):
        await house.terminal.connect(PATIENCE_SECONDS)
    with pytest.raises(TerminalUnreachable):
        await house.terminal.snapshot()


async def test_a_broken_pipe_answers_errors_until_it_is_connected_anew(connected: House) -> None:
    connected.hand.fault("pipe")
    for _ in range(2):
        with pytest.raises(TerminalFailed, match="-10004"):
            await connected.terminal.snapshot()
    await connected.terminal.connect(PATIENCE_SECONDS)
    assert (await connected.terminal.snapshot()).connected


async def test_a_lost_broker_is_shown_not_hidden(connected: House) -> None:
    connected.hand.fault("disconnect")
    assert not (await connected.terminal.snapshot()).connected
    connected.hand.clear()
    assert (await connected.terminal.snapshot()).connected


async def test_another_login_is_shown_with_its_name(connected: House) -> None:
    before = await connected.terminal.snapshot()
    connected.hand.fault("login", login=4711, server="Elsewhere")
    assert (await connected.terminal.snapshot()).account.name == "4711@Elsewhere"
    connected.hand.clear()
    assert (await connected.terminal.snapshot()).account.name == before.account.name


async def test_an_empty_list_beside_margin_shows_no_absence(connected: House) -> None:
    connected.hand.open("EURUSD", Direction.BUY, 0.2)
    connected.hand.fault("empty")
    seen = await connected.terminal.snapshot()
    assert seen.positions == ()
    assert not seen.shows_absence


async def test_positions_outlive_the_connection(connected: House) -> None:
    ticket = connected.hand.open("EURUSD", Direction.BUY, 0.2)
    before = await connected.terminal.snapshot()
    await connected.terminal.connect(PATIENCE_SECONDS)
    after = await connected.terminal.snapshot()
    assert [p.ticket for p in after.positions] == [ticket]
    assert after.account == before.account


async def test_after_close_nothing_is_answered_and_closing_again_is_fine(connected: House) -> None:
    await connected.terminal.close()
    await connected.terminal.close()
    with pytest.raises(TerminalUnreachable):
        await connected.terminal.snapshot()


@pytest.mark.parametrize("deadlines", [Deadlines(snapshot=2.0)])
@isolated
async def test_a_call_that_hangs_is_given_up_at_its_deadline(connected: House) -> None:
    ticket = connected.hand.open("EURUSD", Direction.BUY, 0.2)
    connected.hand.fault("hang", **({} if connected.kind == "spawned" else {"seconds": 4.0}))
    with pytest.raises(TerminalSilent, match="ReadSnapshot"):
        await connected.terminal.snapshot()
    with pytest.raises(TerminalUnreachable):
        await connected.terminal.snapshot()
    await connected.terminal.connect(PATIENCE_SECONDS)
    assert [p.ticket for p in (await connected.terminal.snapshot()).positions] == [ticket]


AN_ORDER = Order(Verb.OPEN, "EURUSD", Direction.BUY, 1.0, 0.1)  # the market sets the price


async def test_an_order_is_sent_by_every_terminal(connected: House) -> None:
    answer = await connected.terminal.send(AN_ORDER, "dtms-1", 7, 20)
    assert answer.verdict is Verdict.DONE
    (opened,) = (await connected.terminal.snapshot()).positions
    assert (opened.ticket, opened.comment, opened.magic) == (answer.order, "dtms-1", 7)


@pytest.mark.parametrize("deadlines", [Deadlines(send=2.0)])  # it must arrive in time
@pytest.mark.parametrize("house", ["spawned"], indirect=True)
async def test_an_order_whose_answer_never_comes_was_sent_once(connected: House) -> None:
    connected.hand.fault("no_answer", hang="true")
    with pytest.raises(TerminalSilent, match="SendOrder"):
        await connected.terminal.send(AN_ORDER, "dtms-1", 7, 20)
    with pytest.raises(TerminalUnreachable):
        await connected.terminal.send(AN_ORDER, "dtms-2", 7, 20)
    await connected.terminal.connect(PATIENCE_SECONDS)
    connected.hand.advance(600)
    assert [p.comment for p in (await connected.terminal.snapshot()).positions] == ["dtms-1"]


@pytest.mark.parametrize("deadlines", [Deadlines(send=0.5)])
@pytest.mark.parametrize("house", ["attached"], indirect=True)
async def test_an_order_is_not_sent_after_its_deadline(connected: House) -> None:
    connected.hand.fault("hang", call="symbol_info", seconds=3.0)  # right before it would be
    with pytest.raises(TerminalSilent, match="SendOrder"):
        await connected.terminal.send(AN_ORDER, "dtms-1", 7, 20)
    await connected.terminal.connect(PATIENCE_SECONDS)
    assert (await connected.terminal.snapshot()).positions == ()


@isolated
async def test_whoever_stops_waiting_takes_nobody_else_s_answer(connected: House) -> None:
    ticket = connected.hand.open("EURUSD", Direction.BUY, 0.2)
    connected.hand.fault("hang", seconds=0.2)
    given_up = asyncio.create_task(connected.terminal.snapshot())
    queued = asyncio.create_task(connected.terminal.deals(ticket))
    await asyncio.sleep(0)  # both have asked
    given_up.cancel()
    with suppress(asyncio.CancelledError):
        await given_up
    assert [d.position_id for d in await queued] == [ticket]
    assert len((await connected.terminal.snapshot()).positions) == 1


async def test_questions_at_once_each_get_their_own_answer(connected: House) -> None:
    tickets = [connected.hand.open("EURUSD", Direction.BUY, 0.1) for _ in range(5)]
    answers = await asyncio.gather(*(connected.terminal.deals(t) for t in tickets))
    assert [deals[0].position_id for deals in answers] == tickets
