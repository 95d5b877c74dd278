"""What callers and operators may ask of the defence, while it works and while it cannot."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from dtms.v1 import action_pb2, event_pb2, trade_pb2
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.policy.defence import DefencePolicy, StatePolicy
from dtms_server.domain.trade import State, Trade
from dtms_server.terminal.simulator import control
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode
from scripts import CRASHED

BUY = trade_pb2.DIRECTION_BUY
OPEN_HEDGE = action_pb2.ACTION_KIND_OPEN_HEDGE
NO_GRACE = DefencePolicy(states=StatePolicy(grace_minutes=0.0))
EARLIEST = pb.START_FROM_EARLIEST

Refusal = Callable[[grpc.RpcError], Any]


@pytest.fixture
async def crash(serve: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A server on a market that has crashed: a buyer is hedged in the first cycle that can."""
    market = replace(CRASHED.settings(tmp_path), login=5001)
    async with serve(market=market, defence=NO_GRACE) as house:
        yield house


@pytest.fixture
async def stub(crash: Any) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(crash.address) as channel:
        yield DtmsServiceStub(channel)


async def register(house: Any, stub: Any) -> int:
    ticket: int = house.open_position()
    await stub.RegisterTrade(pb.RegisterTradeRequest(ticket=ticket, symbol="EURUSD", direction=BUY))
    return ticket


async def hedged(house: Any, stub: Any) -> Trade:
    """A trade that DTMS has hedged."""
    ticket = await register(house, stub)
    trade: Trade = await house.comes_to(ticket, lambda trade: trade.state is State.HEDGED)
    return trade


async def events(stub: Any, enough: Callable[[Any], bool], **wanted: Any) -> list[Any]:
    """All events from the first up to one that is enough."""
    request = pb.StreamMonitorEventsRequest(start_from=EARLIEST, **wanted)
    stream, seen = stub.StreamMonitorEvents(request), list[Any]()
    while not (seen and enough(seen[-1])):
        message = await stream.read()
        if message.WhichOneof("message") == "event":
            seen.append(message.event)
    stream.cancel()
    return seen


async def refused(call: Awaitable[object], refusal: Refusal) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        await call
    return refusal(error.value)


def is_blocked(event: Any) -> bool:
    return bool(event.WhichOneof("facts") == "action_blocked")


def is_a_blocked_hedge(event: Any) -> bool:
    return is_blocked(event) and event.action_blocked.action.kind == OPEN_HEDGE


# --- the switch


async def test_while_paused_no_order_leaves_and_after_a_resume_what_is_wanted_still_does(
    crash: Any, stub: Any
) -> None:
    assert not (await stub.PauseActions(pb.PauseActionsRequest(reason="lunch"))).unsettled
    assert (await stub.GetStatus(pb.GetStatusRequest())).actions_paused
    ticket = await register(crash, stub)
    told = await events(stub, is_a_blocked_hedge, tickets=[ticket])  # of its stop it may be before
    assert {e.action_blocked.rail for e in told if is_blocked(e)} == {"PAUSED"}
    assert [position.ticket for position in control.positions()] == [ticket]
    assert not (await stub.ListActions(pb.ListActionsRequest())).actions
    await stub.ResumeActions(pb.ResumeActionsRequest(reason="back"))
    assert not (await stub.GetStatus(pb.GetStatusRequest())).actions_paused
    trade = await crash.comes_to(ticket, lambda trade: trade.state is State.HEDGED)
    assert {position.ticket for position in control.positions()} == {
        ticket,
        trade.terms.hedge.ticket,
    }


async def test_a_switch_that_is_turned_again_the_same_way_is_not_told_again(
    crash: Any, stub: Any
) -> None:
    for _ in range(2):
        await stub.PauseActions(pb.PauseActionsRequest(reason="lunch"))
    for _ in range(2):
        await stub.ResumeActions(pb.ResumeActionsRequest(reason="back"))
    types = [
        event_pb2.MONITOR_EVENT_TYPE_ACTIONS_PAUSED,
        event_pb2.MONITOR_EVENT_TYPE_ACTIONS_RESUMED,
        event_pb2.MONITOR_EVENT_TYPE_MONITORING_STARTED,
    ]
    told = await events(stub, lambda event: event.HasField("actions_resumed"), types=types)
    assert [event.WhichOneof("facts") for event in told] == [
        "monitoring_started",
        "actions_paused",
        "actions_resumed",
    ]
    assert [told[1].actions_paused.reason, told[2].actions_resumed.reason] == ["lunch", "back"]
    assert crash.head == told[2].sequence


async def test_a_pause_names_the_orders_whose_outcome_is_not_known(crash: Any, stub: Any) -> None:
    control.inject("timeout", order="open", executed=False)
    ticket = await register(crash, stub)
    await events(stub, lambda event: event.action_started.action.sends > 0, tickets=[ticket])
    answer = await stub.PauseActions(pb.PauseActionsRequest())
    [unsettled] = answer.unsettled
    assert (unsettled.ticket, unsettled.kind) == (ticket, OPEN_HEDGE)
    assert unsettled.state == action_pb2.ACTION_STATE_UNKNOWN
    assert unsettled.retcode == 10012
    assert not unsettled.HasField("ended_at")


async def test_a_switch_works_before_the_terminal_is_there_and_is_told_once_it_is(
    serve: Any,
) -> None:
    async with serve(started=False) as house, grpc.aio.insecure_channel(house.address) as channel:
        stub: Any = DtmsServiceStub(channel)
        await stub.PauseActions(pb.PauseActionsRequest(reason="before"))
        status = await stub.GetStatus(pb.GetStatusRequest())
        assert (status.phase, status.actions_paused) == (pb.SERVICE_PHASE_STARTING, True)
        await stub.ResumeActions(pb.ResumeActionsRequest(reason="and on"))
        await stub.PauseActions(pb.PauseActionsRequest(reason="and off"))
        await house.begin()
        told = await events(stub, lambda event: event.HasField("monitoring_started"))
        assert [event.WhichOneof("facts") for event in told] == [
            "actions_paused",
            "actions_resumed",
            "actions_paused",
            "terminal_connected",
            "monitoring_started",
        ]
        assert told[2].actions_paused.reason == "and off"
        assert (await stub.GetStatus(pb.GetStatusRequest())).actions_paused


@pytest.mark.parametrize("ready", [True, False], ids=["ready", "before it was ready"])
async def test_a_pause_holds_through_restarts_until_it_is_lifted(serve: Any, ready: bool) -> None:
    async def paused_after(turn: Callable[[Any], Awaitable[object]], started: bool) -> bool:
        async with (
            serve(started=started) as house,
            grpc.aio.insecure_channel(house.address) as channel,
        ):
            stub: Any = DtmsServiceStub(channel)
            await turn(stub)
            return bool((await stub.GetStatus(pb.GetStatusRequest())).actions_paused)

    def nothing(stub: Any) -> Awaitable[object]:
        return stub.GetStatus(pb.GetStatusRequest())  # type: ignore[no-any-return]

    assert await paused_after(lambda stub: stub.PauseActions(pb.PauseActionsRequest()), ready)
    assert await paused_after(nothing, True)
    assert not await paused_after(lambda stub: stub.ResumeActions(pb.ResumeActionsRequest()), ready)
    assert not await paused_after(nothing, True)


async def test_an_operator_s_reason_is_checked(crash: Any, stub: Any, refusal: Refusal) -> None:
    for call, request in (
        (stub.PauseActions, pb.PauseActionsRequest(reason="x" * 257)),
        (stub.ResumeActions, pb.ResumeActionsRequest(reason="x" * 257)),
    ):
        told = await refused(call(request), refusal)
        assert (told.code, told.fields) == (StatusCode.INVALID_ARGUMENT, ("reason",))
    assert not (await stub.GetStatus(pb.GetStatusRequest())).actions_paused


# --- the rails that stay shut


async def status_once(stub: Any, holds: Callable[[Any], object]) -> Any:
    """Ask until that holds: what a cycle finds out without an event nobody is told."""
    async with asyncio.timeout(30):
        while not holds(status := await stub.GetStatus(pb.GetStatusRequest())):
            pass
        return status


async def shut(stub: Any) -> Any:
    """Let the account lose 3 %, and wait until that has shut rails; return the status."""
    await status_once(stub, lambda status: status.cycles > 0)  # the equity is known
    assert control.open_position("EURUSD", "SELL", 3.0) is not None
    control.jump("EURUSD", 1_000)
    return await status_once(stub, lambda status: status.rails)


async def test_rails_that_stay_shut_are_told_hold_hedges_back_and_are_lifted(
    crash: Any, stub: Any
) -> None:
    status = await shut(stub)
    assert {rail.rail for rail in status.rails} == {"EQUITY_DAY", "EQUITY_HOUR"}
    for rail in status.rails:
        assert "equity" in rail.reason
        assert rail.since == status.terminal.time
    ticket = await register(crash, stub)
    told = await events(stub, is_blocked, tickets=[ticket])
    assert told[-1].action_blocked.rail == "EQUITY_DAY"
    answer = await stub.ResetRails(pb.ResetRailsRequest())
    assert set(answer.lifted) == {"EQUITY_DAY", "EQUITY_HOUR"}
    assert not (await stub.GetStatus(pb.GetStatusRequest())).rails
    assert not (await stub.ResetRails(pb.ResetRailsRequest())).lifted
    await crash.comes_to(ticket, lambda trade: trade.terms.hedge is not None)


# --- hedges of trades that are released, or only to be observed


async def test_a_hedged_trade_is_not_released_until_it_is_said_what_becomes_of_its_hedge(
    crash: Any, stub: Any, refusal: Refusal
) -> None:
    trade = await hedged(crash, stub)
    release = pb.ReleaseTradeRequest(ticket=trade.ticket)
    told = await refused(stub.ReleaseTrade(release), refusal)
    assert (told.code, told.reason) == (StatusCode.FAILED_PRECONDITION, "TRADE_HEDGED")
    assert told.metadata == {
        "ticket": str(trade.ticket),
        "hedge": str(trade.terms.hedge and trade.terms.hedge.ticket),
    }
    shown = (await stub.GetTrade(pb.GetTradeRequest(ticket=trade.ticket))).trade
    assert shown.state == trade_pb2.TRADE_STATE_HEDGED


async def test_a_hedge_that_is_left_stays_open_and_is_named(crash: Any, stub: Any) -> None:
    trade = await hedged(crash, stub)
    assert trade.terms.hedge is not None
    leave = pb.ReleaseTradeRequest(ticket=trade.ticket, hedge=event_pb2.HEDGE_DISPOSITION_LEAVE)
    released = (await stub.ReleaseTrade(leave)).trade
    assert released.state == trade_pb2.TRADE_STATE_RELEASED
    assert not released.HasField("hedge_ticket")
    told = await events(
        stub, lambda event: event.HasField("trade_released"), tickets=[trade.ticket]
    )
    fact = told[-1].trade_released
    assert (fact.hedge, fact.hedge_left) == (
        event_pb2.HEDGE_DISPOSITION_LEAVE,
        trade.terms.hedge.ticket,
    )
    assert len(control.positions()) == 2
    assert (await stub.ReleaseTrade(leave)).trade == released
    assert not (await stub.GetStatus(pb.GetStatusRequest())).orphans


async def test_a_hedge_that_is_to_be_closed_is_closed_first(crash: Any, stub: Any) -> None:
    trade = await hedged(crash, stub)
    control.advance(1)
    close = pb.ReleaseTradeRequest(ticket=trade.ticket, hedge=event_pb2.HEDGE_DISPOSITION_CLOSE)
    released = (await stub.ReleaseTrade(close)).trade
    assert released.state == trade_pb2.TRADE_STATE_RELEASED
    assert released.HasField("hedge_profit")
    assert [position.ticket for position in control.positions()] == [trade.ticket]
    told = await events(
        stub, lambda event: event.HasField("trade_released"), tickets=[trade.ticket]
    )
    assert not told[-1].trade_released.HasField("hedge_left")
    actions = (await stub.ListActions(pb.ListActionsRequest(ticket=trade.ticket))).actions
    assert [action.kind for action in actions] == [
        action_pb2.ACTION_KIND_CLOSE_HEDGE,
        OPEN_HEDGE,
    ]


async def paused(stub: Any) -> str:
    await stub.PauseActions(pb.PauseActionsRequest())
    return "PAUSED"


async def told_closed(stub: Any) -> str:
    control.inject("market_closed")
    return "10018"


async def no_autotrading(stub: Any) -> str:
    control.inject("autotrading_off")
    return "NOT_ALLOWED"


@pytest.mark.parametrize("hinder", [paused, told_closed, no_autotrading])
async def test_a_hedge_that_cannot_be_closed_now_leaves_the_trade_as_it_was_and_says_why(
    crash: Any, stub: Any, refusal: Refusal, hinder: Callable[[Any], Awaitable[str]]
) -> None:
    trade = await hedged(crash, stub)
    why = await hinder(stub)
    close = pb.ReleaseTradeRequest(ticket=trade.ticket, hedge=event_pb2.HEDGE_DISPOSITION_CLOSE)
    told = await refused(stub.ReleaseTrade(close), refusal)
    assert (told.code, told.reason) == (StatusCode.FAILED_PRECONDITION, "HEDGE_NOT_CLOSED")
    assert told.metadata["ticket"] == str(trade.ticket)
    assert why in told.metadata["why"]
    shown = (await stub.GetTrade(pb.GetTradeRequest(ticket=trade.ticket))).trade
    assert shown.state == trade_pb2.TRADE_STATE_HEDGED
    assert trade.terms.hedge is not None
    assert shown.hedge_ticket == trade.terms.hedge.ticket
    assert len(control.positions()) == 2


async def test_a_hedge_cannot_be_closed_while_the_terminal_is_lost_but_left(
    crash: Any, stub: Any, refusal: Refusal
) -> None:
    trade = await hedged(crash, stub)
    control.inject("disconnect")
    await crash.until(lambda: crash.guard.readiness.phase.name != "READY")
    request = pb.ReleaseTradeRequest(ticket=trade.ticket, hedge=event_pb2.HEDGE_DISPOSITION_CLOSE)
    told = await refused(stub.ReleaseTrade(request), refusal)
    assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "TERMINAL_LOST")
    shown = (await stub.GetTrade(pb.GetTradeRequest(ticket=trade.ticket))).trade
    assert shown.state == trade_pb2.TRADE_STATE_HEDGED
    request.hedge = event_pb2.HEDGE_DISPOSITION_LEAVE
    released = (await stub.ReleaseTrade(request)).trade
    assert released.state == trade_pb2.TRADE_STATE_RELEASED


def observing(ticket: int) -> pb.UpdateTradeRequest:
    return pb.UpdateTradeRequest(
        ticket=ticket,
        protection=trade_pb2.PROTECTION_OBSERVE,
        labels={"a": "b"},
        update_mask=FieldMask(paths=["protection", "labels"]),
    )


async def test_a_trade_with_a_hedge_cannot_become_one_that_is_only_observed(
    crash: Any, stub: Any, refusal: Refusal
) -> None:
    trade = await hedged(crash, stub)
    before = crash.head
    request = observing(trade.ticket)
    told = await refused(stub.UpdateTrade(request), refusal)
    assert (told.code, told.reason) == (StatusCode.FAILED_PRECONDITION, "TRADE_HEDGED")
    assert crash.head == before, "something of it was written"
    request.protection = trade_pb2.PROTECTION_PROTECT
    assert dict((await stub.UpdateTrade(request)).trade.labels) == {"a": "b"}


async def test_a_trade_whose_hedge_may_be_open_cannot_become_one_that_is_only_observed(
    crash: Any, stub: Any, refusal: Refusal
) -> None:
    control.inject("timeout", order="open", executed=False)
    ticket = await register(crash, stub)
    told = await events(
        stub, lambda event: event.action_started.action.retcode == 10012, tickets=[ticket]
    )
    refusal_told = await refused(stub.UpdateTrade(observing(ticket)), refusal)
    assert refusal_told.reason == "TRADE_HEDGED"
    assert told[-1].action_started.action.id in refusal_told.metadata["hedge"]


async def test_an_observed_trade_is_advised_and_has_no_actions(crash: Any, stub: Any) -> None:
    await stub.PauseActions(pb.PauseActionsRequest())
    ticket = await register(crash, stub)
    trade = (await stub.UpdateTrade(observing(ticket))).trade
    assert trade.protection == trade_pb2.PROTECTION_OBSERVE
    await stub.ResumeActions(pb.ResumeActionsRequest())
    told = await events(stub, lambda event: event.HasField("action_advised"), tickets=[ticket])
    assert told[-1].action_advised.action.kind == OPEN_HEDGE
    assert told[-1].action_advised.action.asked.volume > 0
    assert not (await stub.ListActions(pb.ListActionsRequest(ticket=ticket))).actions
    assert len(control.positions()) == 1
