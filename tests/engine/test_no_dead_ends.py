"""Whatever does not come, or comes wrong, no trade is stuck for good, and no other one suffers."""

from dataclasses import replace

import pytest
from dtms_server.domain.claims import Claim, HedgeDisposition
from dtms_server.domain.errors import (
    PositionIsHedge,
    TerminalFailed,
    TerminalLost,
    TerminalSilent,
    TradeHedged,
)
from dtms_server.domain.market import Deal, Snapshot
from dtms_server.domain.trade import Direction, Protection, State, Trade
from dtms_server.terminal.simulator import control
from scenes import OPENING, strike
from scripts import CRASHED, REBOUND, SINKING, flat, rise
from stages import Stage, guard, held, ours, points
from stepping import Steps
from witness import Witness

BUY = Direction.BUY


class Vague(Witness):
    """A terminal that says nothing of some positions' deals, and answers errors for all others."""

    fails = False
    silent_about = 0
    never_tells_of = 0

    async def deals(self, position_id: int) -> tuple[Deal, ...]:
        if position_id == self.silent_about:
            raise TerminalSilent(call="deals", seconds="20")
        if self.fails:
            raise TerminalFailed(call="history_deals_get", code=-1, text="Call failed")
        return () if position_id == self.never_tells_of else await super().deals(position_id)


class Uncommented(Witness):
    """A terminal whose broker empties every comment."""

    async def snapshot(self) -> Snapshot:
        snapshot = await super().snapshot()
        bare = tuple(replace(position, comment="") for position in snapshot.positions)
        return replace(snapshot, positions=bare)


async def test_an_exit_that_fifo_refuses_goes_on_with_the_older_position(stage: Stage) -> None:
    fifo = {"EURUSD": {"close_by": False}}
    async with stage.play(CRASHED, conditions=fifo, rules={"fifo": True}) as house:
        ticket = await guard(house)
        await house.bars(1)
        control.close_position(ticket, 0.3)  # what is left is less than the hedge
        await house.bars(40)
        assert (await house.trade(ticket)).state is State.CLOSED
        assert control.positions() == ()


async def test_a_commission_that_is_not_told_is_not_none(stage: Stage) -> None:
    rising = replace(SINKING, future=(*flat(6), *rise(1.2, bars=2), *flat(3)))
    async with stage.play(rising, terminal=Vague) as house:
        ticket = await guard(house)
        _vague(stage).fails = True
        await house.bars(8)
        assert "BREAK_EVEN DONE" not in await house.outcomes(ticket)
        _vague(stage).fails = False
        await house.bars(2)
        position = held(ticket)
        assert position is not None
        assert points(BUY, position.sl, position.price_open) == 15  # spread, and commission twice


async def test_a_hedge_whose_trade_is_missing_unproved_is_closed_by_its_timer(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step(1.0)
        control.inject("late_deals", seconds=36_000.0)
        await house.bars(2)
        control.close_position(ticket)
        await house.bars(2)
        assert (await house.trade(ticket)).terms.closing_unconfirmed
        assert len(ours()) == 1
        await house.bars(15)
        assert ours() == []


async def test_a_position_whose_deals_hang_takes_the_guard_from_no_other(stage: Stage) -> None:
    async with stage.play(CRASHED, terminal=Vague) as house:
        gone, other = await guard(house), await guard(house)
        _vague(stage).silent_about = gone
        control.close_position(gone)
        with pytest.raises(TerminalLost):
            await house.guard.monitor.cycle()
        await house.cycles(1)  # which the loop begins by itself, at once
        await house.step()
        assert await house.outcomes(other) == ["OPEN_HEDGE DONE"]
        assert (await house.trade(gone)).terms.closing_unconfirmed


async def test_what_was_closed_is_not_added_again_hours_later(stage: Stage) -> None:
    later = replace(REBOUND, future=(*REBOUND.future, *flat(30)))
    async with stage.play(later) as house:
        ticket = await guard(house, target=900)
        await house.bars(11)
        await house.guard.pause("for hours")
        await house.bars(20)
        assert (await house.trade(ticket)).state is State.HEALTHY
        await house.guard.resume("after hours")
        await house.bars(2)
        assert "READD DONE" not in await house.outcomes(ticket)


async def test_what_was_advised_is_done_once_the_trade_is_protected(stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        ticket = await guard(house, protection=Protection.OBSERVE)
        await house.bars(1)
        assert await house.outcomes(ticket) == []
        await house.guard.registration.update(ticket, Protection.PROTECT, None)
        await house.bars(1)
        assert "CLOSE_HALF DONE" in await house.outcomes(ticket)


async def test_a_hedge_without_its_comment_is_still_no_trade(stage: Stage) -> None:
    async with stage.play(CRASHED, terminal=Uncommented) as house:
        ticket = await guard(house)
        await house.step()
        hedge = (await house.trade(ticket)).terms.hedge
        assert hedge is not None
        with pytest.raises(PositionIsHedge):
            await _register(house, hedge.ticket, Direction.SELL)


async def test_a_trade_whose_hedge_may_be_opening_is_not_armed_to_be_observed(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        strike(OPENING, "timeout", executed=True, seconds=59.0)
        await house.step(1.0)
        await house.guard.registration.release(ticket)
        with pytest.raises(TradeHedged):
            await _register(house, ticket, BUY, Protection.OBSERVE)


async def test_rails_whose_memory_cannot_be_read_begin_anew(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.guard.ledger.notes.write("rails", '{"memory": {}}')
    async with stage.again() as house:
        await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]


async def test_a_hedge_whose_end_is_never_proved_can_be_given_up(stage: Stage) -> None:
    async with stage.play(CRASHED, terminal=Vague) as house:
        ticket = await guard(house)
        await house.step(1.0)
        [hedge] = ours()
        _vague(stage).never_tells_of = hedge.identifier
        control.close_position(ticket)
        await house.bars(1)
        assert (await house.trade(ticket)).state is State.CLOSED
        assert (await house.trade(ticket)).is_active
        left = await house.guard.registration.release(ticket, HedgeDisposition.LEAVE)
        assert left.state is State.CLOSED
        assert not left.is_active


@pytest.mark.parametrize("terminal", [Witness, Uncommented])
async def test_a_released_readd_is_armed_again_as_its_parent_s(
    stage: Stage, terminal: type[Witness]
) -> None:
    async with stage.play(REBOUND, terminal=terminal) as house:
        ticket = await guard(house, target=900)
        await house.bars(12)
        [child] = [trade for trade in await house.trades() if trade.parent_ticket == ticket]
        await house.guard.registration.release(child.ticket)
        again, already = await _register(house, child.ticket, BUY)
        assert not already
        assert (again.state, again.parent_ticket) == (State.HEALTHY, ticket)


def _vague(stage: Stage) -> Vague:
    assert isinstance(stage.terminal, Vague)
    return stage.terminal


async def _register(
    house: Steps, ticket: int, side: Direction, protection: Protection = Protection.PROTECT
) -> tuple[Trade, bool]:
    claim = Claim(ticket, "EURUSD", side, protection=protection)
    return await house.guard.registration.register(claim)
