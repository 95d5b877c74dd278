"""What brokers and other hands do between two looks of DTMS leaves nothing unguarded."""

from dataclasses import replace

import pytest
from dtms_server.domain.actions import Verb
from dtms_server.domain.trade import Direction, State
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import control
from scripts import CRASHED, SINKING
from stages import Stage, deals, guard, held, lots_of, ours
from stepping import NOW, Steps

FLAT_SECONDS = 75 * 60.0


async def hedged(house: Steps, side: Direction = Direction.BUY) -> int:
    """Return a trade that has just been hedged."""
    ticket = await guard(house, side)
    await house.step(1.0)
    assert (await house.trade(ticket)).state is State.HEDGED
    return ticket


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_hedge_that_opens_after_its_trade_was_closed_is_closed_at_once(
    restarted: bool, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        control.inject("timeout", order="open", executed=True, seconds=40.0)
        await house.step(1.0)
        control.close_position(ticket)
        await house.step(10.0)
        assert (await house.trade(ticket)).state is State.CLOSED
        if not restarted:
            await _hedge_is_closed(house, ticket)
    if restarted:
        async with stage.again() as house:
            await _hedge_is_closed(house, ticket)


async def _hedge_is_closed(house: Steps, ticket: int) -> None:
    await house.step()
    assert ours() == []
    assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE", "CLOSE_HEDGE DONE"]
    trade = await house.trade(ticket)
    assert (trade.state, trade.terms.hedge) == (State.CLOSED, None)


async def test_a_hedge_that_is_stopped_out_before_it_is_seen_counts_as_gone(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        control.inject("timeout", order="open", executed=True, seconds=5.0)
        await house.step(1.0)
        control.advance(10.0)
        control.jump("EURUSD", 100)
        control.jump("EURUSD", -100)
        assert ours() == []
        await house.step()
        assert await house.moves(ticket) == [State.WARNING_L2, State.HEDGED, State.RECOVERING]
        assert (await house.trade(ticket)).terms.hedge_profit is not None


async def test_a_close_that_is_filled_in_part_is_gone_on_with(stage: Stage) -> None:
    only_ioc = {"EURUSD": {"filling_mode": 2}}
    async with stage.play(CRASHED, conditions=only_ioc) as house:
        ticket = await hedged(house)
        control.inject("partial", order="close", share=0.5)
        await house.step(FLAT_SECONDS)
        assert control.positions() == ()
        assert (await house.outcomes(ticket)).count("CLOSE_TRADE DONE") == 2


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_trade_that_somebody_halves_just_before_it_is_closed_is_closed(
    allowed: bool, stage: Stage
) -> None:
    async with stage.play(CRASHED, conditions={"EURUSD": {"close_by": allowed}}) as house:
        ticket = await hedged(house)
        control.inject("hand", order="close", does="halve")
        await house.step(FLAT_SECONDS)
        assert control.positions() == ()
        assert (await house.trade(ticket)).state is State.CLOSED


@pytest.mark.parametrize("order", ["close_by", "close"])
async def test_a_position_that_somebody_closes_just_before_it_is_closed_leaves_no_hedge(
    order: str, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        control.inject("hand", order=order, does="close")
        await house.step(FLAT_SECONDS)
        await house.step()
        assert control.positions() == ()
        trade = await house.trade(ticket)
        assert (trade.state, trade.terms.hedge) == (State.CLOSED, None)


async def test_where_close_by_is_refused_the_two_are_closed_one_by_one(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        control.inject("retcode", order="close_by", code=c.TRADE_RETCODE_REJECT, count=100)
        await house.step(FLAT_SECONDS)
        assert control.positions() == ()
        assert (await house.outcomes(ticket))[1:] == [
            "CLOSE_BY FAILED",
            "CLOSE_TRADE DONE",
            "CLOSE_HEDGE DONE",
        ]


async def test_a_hedge_waits_for_its_larger_trade_to_be_closed(stage: Stage) -> None:
    async with stage.play(CRASHED, conditions={"EURUSD": {"close_by": False}}) as house:
        ticket = await hedged(house)
        control.inject("retcode", order="close", code=c.TRADE_RETCODE_REJECT)
        await house.step(FLAT_SECONDS)
        await house.step()
        assert len(control.positions()) == 2
        await house.bars()
        assert control.positions() == ()
        assert await house.outcomes(ticket) == [
            "OPEN_HEDGE DONE",
            "CLOSE_TRADE FAILED",
            "CLOSE_TRADE DONE",
            "CLOSE_HEDGE DONE",
        ]


async def test_a_hedge_that_cannot_be_closed_after_its_trade_is_pursued(stage: Stage) -> None:
    async with stage.play(CRASHED, conditions={"EURUSD": {"close_by": False}}) as house:
        ticket = await hedged(house)
        await house.step(FLAT_SECONDS - 1.0)
        [hedge] = ours()
        control.inject("hand", order="close", does="close")  # the trade
        control.inject("retcode", order="close", code=c.TRADE_RETCODE_REJECT)
        await house.step(1.0)
        await house.step()
        assert (held(ticket), held(hedge.ticket) is None) == (None, False)
        assert (await house.trade(ticket)).is_active
        await house.bars(2)
        assert ours() == []


async def test_each_hedge_is_that_of_its_own_trade(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        first, second = await guard(house, lots=0.2), await guard(house, lots=0.6)
        await house.step(1.0)
        hedges = {
            ticket: hedge
            for ticket in (first, second)
            if (hedge := (await house.trade(ticket)).terms.hedge)
        }
        assert [hedge.volume_lots for hedge in hedges.values()] == [0.1, 0.3]
        control.close_position(first)
        await house.step()
        assert [position.ticket for position in ours()] == [hedges[second].ticket]
        assert (await house.trade(second)).state is State.HEDGED
        await house.step(FLAT_SECONDS)
        assert control.positions() == ()


async def test_trades_of_both_sides_are_defended_beside_each_other(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        buyer, seller = await guard(house), await guard(house, Direction.SELL)
        await house.bars(3)
        assert (await house.trade(buyer)).state is State.HEDGED
        assert (await house.trade(seller)).state is State.HEALTHY
        assert [each.order.verb for each in stage.sent] == [Verb.OPEN]


async def test_a_half_that_somebody_else_has_closed_is_closed_of_what_is_left(
    stage: Stage,
) -> None:
    grace = replace(NOW.defence.states, grace_minutes=15.0)
    policy = replace(NOW, defence=replace(NOW.defence, states=grace))
    async with stage.play(SINKING, policy) as house:
        ticket = await guard(house)
        control.close_position(ticket, 0.2)
        await house.bars(4)
        assert lots_of(ticket) == 0.1
        assert [deal.volume for deal in deals(ticket)] == [0.4, 0.2, 0.1]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("order", ["close_by", "close"])
@pytest.mark.parametrize(("executed", "seconds"), [(True, 0.0), (True, 45.0), (False, 0.0)])
async def test_a_trade_is_closed_with_its_hedge_whatever_is_answered(
    executed: bool, seconds: float, order: str, restarted: bool, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step(1.0)
        control.inject("timeout", order=order, executed=executed, seconds=seconds)
        await house.step(FLAT_SECONDS)
        if not restarted:
            await _closes(house, ticket)
    if restarted:
        async with stage.again() as house:
            await _closes(house, ticket)
    orders = [each.order.verb for each in stage.sent]
    assert orders.count(Verb.CLOSE_BY) == (1 if executed or order == "close" else 2)
    assert orders.count(Verb.CLOSE) == (1 if executed or order == "close_by" else 2)


async def _closes(house: Steps, ticket: int) -> None:
    for seconds in (30.0, 30.0, 10.0):
        await house.step(seconds)
    assert control.positions() == ()
    trade = await house.trade(ticket)
    assert (trade.state, trade.terms.hedge) == (State.CLOSED, None)
    assert (await house.outcomes(ticket))[-1] == "CLOSE_TRADE DONE"


async def test_a_close_whose_deals_are_late_is_told_when_they_prove_it(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step(1.0)
        control.inject("late_deals", seconds=70.0)
        await house.step(FLAT_SECONDS)
        assert (await house.trade(ticket)).state is State.HEDGED
        for _ in range(6):
            await house.step()
        assert control.positions() == ()
        assert (await house.trade(ticket)).state is State.CLOSED
        assert [each.order.verb for each in stage.sent] == [Verb.OPEN, Verb.CLOSE_BY, Verb.CLOSE]
