"""A trade is let go with its hedge closed or left, or not at all."""

import asyncio
from typing import Any

import pytest
from dtms_server.domain.actions import Answer, Order
from dtms_server.domain.claims import HedgeDisposition
from dtms_server.domain.errors import HedgeNotClosed, TerminalLost, TradeHedged
from dtms_server.domain.events import TradeReleased
from dtms_server.domain.trade import Direction, State
from dtms_server.engine.readiness import Phase
from dtms_server.terminal.simulator import control
from scripts import CRASHED, SINKING
from stages import Stage, guard, held, lots_of, ours, terms
from stepping import Steps
from witness import Witness

CLOSE, LEAVE = HedgeDisposition.CLOSE, HedgeDisposition.LEAVE


async def hedged(house: Steps, side: Direction = Direction.BUY) -> tuple[int, int]:
    """Return a trade and its hedge."""
    ticket = await guard(house, side)
    await house.step()
    return ticket, ours()[0].ticket


async def test_what_is_to_become_of_a_hedge_must_be_said(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket, hedge = await hedged(house)
        with pytest.raises(TradeHedged, match=str(hedge)):
            await house.guard.registration.release(ticket)
        assert (await house.trade(ticket)).state is State.HEDGED


@pytest.mark.parametrize("side", Direction)
async def test_a_hedge_may_be_closed_with_the_release(side: Direction, stage: Stage) -> None:
    async with stage.play(CRASHED.seen_by(side)) as house:
        ticket, hedge = await hedged(house, side)
        before = terms(ticket)
        trade = await house.guard.registration.release(ticket, CLOSE)
        assert (trade.state, trade.terms.hedge) == (State.RELEASED, None)
        assert (held(hedge), terms(ticket)) == (None, before)
        assert trade.terms.hedge_profit is not None
        assert (await house.told(ticket))[-1] == TradeReleased(None)
        await house.bars(3)
        assert len(stage.sent) == 2


async def test_a_hedge_may_be_left_and_is_nobodys_from_then_on(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket, hedge = await hedged(house)
        trade = await house.guard.registration.release(ticket, LEAVE)
        assert trade.state is State.RELEASED
        assert (await house.told(ticket))[-1] == TradeReleased(hedge)
        await house.bars(3)
    async with stage.again() as house:
        await house.bars(20)
        assert held(hedge) is not None
        assert (await house.guard.status()).orphans == ()
        control.close_position(ticket)
        await house.bars(2)
        assert held(hedge) is not None
        assert len(stage.sent) == 1


@pytest.mark.parametrize(
    ("fault", "parameters", "why"),
    [
        ("autotrading_off", {}, "NOT_ALLOWED"),
        ("retcode", {"code": 10006}, "10006"),
        ("retcode", {"code": 10018}, "10018"),
        ("timeout", {"executed": False}, "not known yet"),
        ("late_fill", {"seconds": 20.0}, "not known yet"),
    ],
)
async def test_a_hedge_that_cannot_be_closed_now_leaves_the_trade_as_it_is(
    fault: str, parameters: dict[str, Any], why: str, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket, hedge = await hedged(house)
        control.inject(fault, **parameters)
        with pytest.raises(HedgeNotClosed, match=why):
            await house.guard.registration.release(ticket, CLOSE)
        trade = await house.trade(ticket)
        assert trade.state is State.HEDGED
        assert trade.terms.hedge is not None
        assert held(hedge) is not None
        control.clear_faults()
        control.advance(300.0)
        for _ in range(4):
            await house.step()
        if held(hedge) is not None:
            await house.guard.registration.release(ticket, CLOSE)
        assert held(hedge) is None


async def test_while_paused_a_hedge_is_not_closed(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket, hedge = await hedged(house)
        await house.guard.pause("a look at it")
        with pytest.raises(HedgeNotClosed, match="PAUSED"):
            await house.guard.registration.release(ticket, CLOSE)
        assert held(hedge) is not None
        assert (await house.guard.registration.release(ticket, LEAVE)).state is State.RELEASED


async def test_while_the_terminal_is_lost_a_hedge_may_only_be_left(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket, _hedge = await hedged(house)
        control.inject("disconnect")
        with pytest.raises(TerminalLost):
            await house.guard.registration.release(ticket, CLOSE)
        await house.until(lambda: house.guard.readiness.phase is Phase.TERMINAL_LOST)
        with pytest.raises(TerminalLost):
            await house.guard.registration.release(ticket, CLOSE)
        assert (await house.trade(ticket)).state is State.HEDGED
        assert (await house.guard.registration.release(ticket, LEAVE)).state is State.RELEASED


class Slow(Witness):
    """A terminal that thinks about an order for as long as a test wants."""

    thinks: asyncio.Event
    asked: asyncio.Event

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        self.asked.set()
        await self.thinks.wait()
        return await super().send(order, comment, magic, deviation_points)


async def test_a_release_waits_for_an_order_in_flight(stage: Stage) -> None:
    async with stage.play(CRASHED, terminal=Slow) as house:
        ticket = await guard(house)
        assert isinstance(stage.terminal, Slow)
        stage.terminal.thinks, stage.terminal.asked = asyncio.Event(), asyncio.Event()
        cycle = asyncio.create_task(house.guard.monitor.cycle())
        await stage.terminal.asked.wait()
        release = asyncio.create_task(house.guard.registration.release(ticket, LEAVE))
        await asyncio.sleep(0)
        assert not release.done()
        stage.terminal.thinks.set()
        await cycle
        assert (await release).state is State.RELEASED
        assert (await house.told(ticket))[-1] == TradeReleased(ours()[0].ticket)


async def test_a_hedge_that_turns_up_after_the_release_is_surplus(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        control.inject("timeout", order="open", executed=True, seconds=50.0)
        await house.step()
        assert (await house.guard.registration.release(ticket)).state is State.RELEASED
        await house.step()
        await house.step()
        await house.step()
        assert ours() == []
        assert (await house.trade(ticket)).state is State.RELEASED
        assert held(ticket) is not None


async def test_a_trade_that_is_armed_again_is_not_halved_twice_in_a_descent(stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        ticket = await guard(house)
        await house.step()
        assert lots_of(ticket) == 0.2
        await house.guard.registration.release(ticket)
        await house.register(ticket)
        await house.bars(4)
        trade = await house.trade(ticket)
        assert trade.state is State.WARNING_L2
        assert trade.initial_volume_lots == 0.2
        assert lots_of(ticket) == 0.2
