"""A hedge ends with its trade, or leaves it recovering; one left alone is closed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import HedgeExit, StatePolicy, StopPolicy
from dtms_server.domain.policy.scoring import BandPolicy
from dtms_server.domain.trade import Direction, State
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import control
from scripts import CRASHED, Leg, Script, calm, crash, fall, flat, rise
from stages import Stage, bid, deals, guard, held, lots_of, ours, terms
from stepping import NOW, Steps


def _with(of_states: StatePolicy, of_stops: StopPolicy) -> Policy:
    return replace(NOW, defence=replace(NOW.defence, states=of_states, stops=of_stops))


PATIENT = _with(
    replace(NOW.defence.states, flat_minutes=6_000.0),
    replace(NOW.defence.stops, hedge_atr=12.0),
)
"""Hedges that neither their stop nor time ends."""


async def reasons(house: Steps, ticket: int) -> list[str]:
    """Return why each action was taken, in turn."""
    return [action.reason for action in await house.actions(ticket)]


async def test_without_close_by_the_larger_goes_first(stage: Stage) -> None:
    async with stage.play(CRASHED, conditions={"EURUSD": {"close_by": False}}) as house:
        ticket = await guard(house)
        await house.bars(16)
        assert await house.outcomes(ticket) == [
            "OPEN_HEDGE DONE",
            "CLOSE_TRADE DONE",
            "CLOSE_HEDGE DONE",
        ]
        assert control.positions() == ()


async def test_without_close_by_a_larger_hedge_goes_first(stage: Stage) -> None:
    async with stage.play(CRASHED, conditions={"EURUSD": {"close_by": False}}) as house:
        ticket = await guard(house)
        await house.bars(15)
        control.inject("retcode", code=c.TRADE_RETCODE_REJECT, order="close")
        control.close_position(ticket, 0.3)
        await house.step()  # to reduce it is refused
        await house.bars(1)
        assert (await house.outcomes(ticket))[-2:] == ["CLOSE_HEDGE DONE", "CLOSE_TRADE DONE"]
        assert control.positions() == ()


@pytest.mark.parametrize("side", Direction)
async def test_a_break_in_favour_closes_the_hedge_by_its_own_ticket(
    side: Direction, stage: Stage
) -> None:
    script = replace(CRASHED, future=(*flat(2), *rise(7.5, bars=9), *flat(6)))
    async with stage.play(script.seen_by(side), PATIENT) as house:
        ticket = await guard(house, side, stop=2000)
        await house.step()
        [hedge] = ours()
        await house.bars(9)
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE", "CLOSE_HEDGE DONE"]
        assert "in its favour" in (await reasons(house, ticket))[-1]
        assert lots_of(ticket) == 0.4
        assert [deal.entry for deal in deals(hedge.ticket)] == [c.DEAL_ENTRY_IN, c.DEAL_ENTRY_OUT]
        assert (await house.trade(ticket)).state is State.RECOVERING


SECOND_CRASH: Leg = (*calm(60), *crash(3), *flat(6))
"""A wave, whose trough is then broken along the trend."""


@pytest.mark.parametrize(("exit_on", "closes"), [(HedgeExit.ANY, True), (HedgeExit.CHOCH, False)])
async def test_a_break_against_a_hedged_trade_closes_both(
    exit_on: HedgeExit, closes: bool, stage: Stage
) -> None:
    patient = replace(PATIENT.defence.states, hedge_exit_on=exit_on)
    policy = _with(patient, PATIENT.defence.stops)
    async with stage.play(replace(CRASHED, future=SECOND_CRASH), policy) as house:
        ticket = await guard(house, stop=2000)
        await house.bars(64)
        assert (control.positions() == ()) is closes
        if closes:
            assert (await house.outcomes(ticket))[1:] == ["CLOSE_BY DONE", "CLOSE_TRADE DONE"]
            assert "BOS against it while hedged" in (await reasons(house, ticket))[-1]


async def test_a_change_of_character_against_a_hedged_trade_closes_both(stage: Stage) -> None:
    nervous = BandPolicy(0.0, -1.0, -2.0, -3.5)
    patient = replace(PATIENT.defence.states, hedge_exit_on=HedgeExit.CHOCH)
    policy = replace(
        _with(patient, PATIENT.defence.stops), scoring=replace(NOW.scoring, bands=nervous)
    )
    turned = (*crash(), *flat(6), *fall(0.4, bars=1), *rise(6, bars=9), *flat(24))
    script = Script(turned, (*flat(2), *fall(4, bars=6), *flat(12), *crash(3), *flat(6)))
    async with stage.play(script, policy) as house:
        ticket = await guard(house, stop=2000)
        await house.bars(12)
        assert (await house.trade(ticket)).state is State.HEDGED
        await house.bars(12)
        assert control.positions() == ()
        assert "CHOCH against it while hedged" in (await reasons(house, ticket))[-1]


async def test_a_change_of_character_against_a_recovering_trade_closes_it(stage: Stage) -> None:
    never = replace(PATIENT.defence.states, recovered_score=50.0, recovery_minutes=6_000.0)
    future = (*flat(3), *fall(0.4, bars=1), *rise(8, bars=9), *flat(12), *crash(10), *flat(6))
    policy = _with(never, PATIENT.defence.stops)
    async with stage.play(replace(CRASHED, future=future), policy) as house:
        ticket = await guard(house, stop=2000)
        await house.bars(24)
        assert (await house.trade(ticket)).state is State.RECOVERING
        await house.bars(6)
        assert held(ticket) is None
        assert "CHOCH against it while recovering" in (await reasons(house, ticket))[-1]


EndOfTrade = Callable[[int], object]


@pytest.mark.parametrize(
    "end",
    [
        control.close_position,
        lambda ticket: control.modify_position(ticket, stop_loss=round(bid() - 20e-5, 5)),
    ],
    ids=["by hand", "by its stop"],
)
async def test_a_hedge_left_alone_is_closed_at_the_first_cycle_that_can_send(
    end: EndOfTrade, stage: Stage
) -> None:
    async with stage.play(replace(CRASHED, future=(*fall(0.4, bars=6), *flat(30)))) as house:
        ticket = await guard(house)
        await house.step()
        [hedge] = ours()
        end(ticket)
        control.inject("autotrading_off")
        await house.bars(3)
        trade = await house.trade(ticket)
        assert (trade.state, trade.is_active) == (State.CLOSED, True)
        assert terms(hedge.ticket) == (0.2, hedge.sl, None)  # it keeps its stop
        assert await house.held_back(ticket) == ["CLOSE_HEDGE NOT_ALLOWED"]  # told, and once
        assert (await house.guard.status()).active_trades == 1
    async with stage.again() as house:
        await house.step()
        assert held(hedge.ticket) is not None
        control.clear_faults()
        await house.step()
        assert control.positions() == ()
        trade = await house.trade(ticket)
        assert (trade.terms.hedge, trade.is_active) == (None, False)
        assert trade.terms.hedge_profit is not None
        assert await house.moves(ticket) == [State.WARNING_L2, State.HEDGED]


async def test_a_lone_hedge_that_is_stopped_out_is_seen_to_be_gone(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        control.close_position(ticket)
        control.inject("autotrading_off")
        await house.step()
        control.jump("EURUSD", 200)
        await house.step()
        trade = await house.trade(ticket)
        assert (trade.terms.hedge, trade.is_active) == (None, False)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_close_that_is_begun_is_pursued_whatever_happens(
    restarted: bool, stage: Stage
) -> None:
    future = (*flat(17), *rise(8, bars=6), *flat(12))
    async with stage.play(replace(CRASHED, future=future)) as house:
        ticket = await guard(house, stop=2000)
        await house.bars(15)
        control.inject("retcode", code=c.TRADE_RETCODE_REJECT, count=100)
        await house.bars(1)
        assert (await house.trade(ticket)).defence.exit_reason == "hedged for too long"
        if not restarted:
            await _goes_on(stage, house, ticket)
    if restarted:
        async with stage.again() as house:
            await _goes_on(stage, house, ticket)


async def _goes_on(stage: Stage, house: Steps, ticket: int) -> None:
    """The hedge is stopped out, all is well, and the trade is closed all the same."""
    await house.bars(8)
    trade = await house.trade(ticket)
    assert (ours(), trade.terms.hedge) == ([], None)
    assert trade.state is State.HEDGED
    assert await house.moves(ticket) == [State.WARNING_L2, State.HEDGED]
    control.clear_faults()
    await house.bars(1)
    assert (await house.trade(ticket)).state is State.CLOSED
    assert "READD" not in " ".join(await house.outcomes(ticket))
    refused = [each for each in stage.sent if each.answer and each.answer.retcode == 10006]
    assert len(refused) <= 9 * 3  # a bar, every way to close once
