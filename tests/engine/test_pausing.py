"""The operator's stop switch: no order leaves once it has answered, whatever happens."""

import asyncio
from dataclasses import replace

import pytest
from dtms_server.domain.actions import Answer, Order
from dtms_server.domain.events import ActionsPaused, ActionsResumed, EventType
from dtms_server.domain.trade import Direction, State
from dtms_server.engine.guard import Guard
from dtms_server.terminal.simulator import control
from scripts import CRASHED, QUIET, SAGGING, SINKING, flat, rise
from stages import Stage, beyond, closing_price, guard, held, ours, stop_of
from witness import Witness


class Slow(Witness):
    """A terminal that thinks about an order for as long as a test wants."""

    thinks: asyncio.Event | None = None
    asked: asyncio.Event | None = None

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        if self.thinks is not None and self.asked is not None:
            self.asked.set()
            await self.thinks.wait()
        return await super().send(order, comment, magic, deviation_points)


class Paused(Witness):
    """A terminal at whose first order an operator pauses DTMS."""

    guard: Guard | None = None
    pausing: asyncio.Task[object] | None = None

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        if self.guard is not None and self.pausing is None:
            self.pausing = asyncio.create_task(self.guard.pause("an order was sent"))
            while not self.guard.switch.paused:  # noqa: ASYNC110 - a switch tells nobody
                await asyncio.sleep(0)
        return await super().send(order, comment, magic, deviation_points)


async def test_nothing_leaves_after_the_answer(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        assert await house.guard.pause("a look at it") == ()
        await house.bars(6)
        assert (stage.sent, ours()) == ([], [])
        assert (await house.trade(ticket)).state is State.WARNING_L2  # monitoring goes on
        blocked = await house.held_back(ticket)
        assert blocked == ["OPEN_HEDGE PAUSED", "CLOSE_HALF PAUSED", "BREAK_EVEN PAUSED"]
        assert (await house.guard.status()).actions_paused


async def test_it_holds_through_a_restart(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.guard.pause("the night")
    async with stage.again() as house:
        assert (await house.guard.status()).actions_paused
        await house.bars(4)
        assert stage.sent == []
        await house.guard.resume("the morning")
        await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]
    async with stage.again() as house:
        assert not (await house.guard.status()).actions_paused


async def test_both_are_told_once_with_their_words(stage: Stage) -> None:
    async with stage.play(QUIET) as house:
        for _ in range(2):
            await house.guard.pause("a look at it")
        for _ in range(2):
            await house.guard.resume("all is well")
        told = [one.event for one in await house.journal()]
        switched = [e for e in told if isinstance(e, ActionsPaused | ActionsResumed)]
        assert switched == [ActionsPaused("a look at it"), ActionsResumed("all is well")]


async def test_an_order_in_flight_is_waited_for(stage: Stage) -> None:
    async with stage.play(CRASHED, terminal=Slow) as house:
        ticket = await guard(house)
        assert isinstance(stage.terminal, Slow)
        thinks, asked = asyncio.Event(), asyncio.Event()
        stage.terminal.thinks, stage.terminal.asked = thinks, asked
        cycle = asyncio.create_task(house.guard.monitor.cycle())
        await asked.wait()
        pausing = asyncio.create_task(house.guard.pause("now"))
        while not house.guard.switch.paused:  # noqa: ASYNC110 - a switch tells nobody
            await asyncio.sleep(0)
        assert not pausing.done()
        thinks.set()
        await asyncio.gather(cycle, pausing)
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]
        await house.bars(3)
        assert len(stage.sent) == 1


async def test_what_is_not_known_is_named_and_its_settlement_goes_on(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        control.inject("timeout", order="open", executed=True, seconds=40.0)
        await house.step(1.0)
        [unsettled] = await house.guard.pause("a look at it")
        assert (unsettled.ticket, unsettled.kind) == (ticket, "OPEN_HEDGE")
        await house.step(40.0)
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]
        assert (await house.trade(ticket)).state is State.HEDGED
        assert await house.guard.pause("again") == ()


@pytest.mark.parametrize("refusals", [1, 2])
async def test_an_order_that_is_refused_while_pausing_is_not_sent_again(
    refusals: int, stage: Stage
) -> None:
    async with stage.play(SAGGING, terminal=Paused) as house:
        ticket = await guard(house)
        assert isinstance(stage.terminal, Paused)
        stage.terminal.guard = house.guard
        control.inject("requote", count=refusals)
        await house.step()
        assert stage.terminal.pausing is not None
        await stage.terminal.pausing
        assert len(stage.sent) == 1
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP FAILED"]
        await house.guard.resume("all is well")
        await house.step()
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP FAILED", "TIGHTEN_STOP DONE"]


async def test_what_is_still_wanted_after_it_is_priced_anew(stage: Stage) -> None:
    async with stage.play(replace(SAGGING, future=(*flat(3), *rise(1, bars=1), *flat(8)))) as house:
        ticket = await guard(house)
        await house.guard.pause("a look at it")
        await house.bars(5)
        assert (await house.trade(ticket)).state is State.WARNING_L1
        await house.guard.resume("all is well")
        await house.step()
        stop = beyond(Direction.BUY, closing_price(Direction.BUY), -150)
        assert stop_of(ticket) == stop


async def test_what_is_not_wanted_any_more_after_it_is_not_sent(stage: Stage) -> None:
    script = replace(SAGGING, future=(*flat(24), *rise(4, bars=8), *flat(12)))
    async with stage.play(script) as house:
        ticket = await guard(house)
        await house.guard.pause("a look at it")
        await house.bars(30)
        assert await house.moves(ticket) == [State.WARNING_L1, State.HEALTHY]
        await house.guard.resume("all is well")
        await house.bars(2)
        assert stage.sent == []


async def test_a_hedge_left_alone_waits_for_it_and_is_told(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        await house.guard.pause("a look at it")
        control.close_position(ticket)
        await house.bars(2)
        assert len(ours()) == 1
        assert await house.held_back(ticket) == ["CLOSE_HEDGE PAUSED"]
        await house.guard.resume("all is well")
        await house.step()
        assert ours() == []


async def test_a_close_under_way_waits_for_it_and_is_gone_on_with(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.bars(15)
        await house.guard.pause("a look at it")
        await house.bars(4)
        assert held(ticket) is not None
        await house.guard.resume("all is well")
        await house.step()
        assert control.positions() == ()


async def test_every_trade_is_told_each_action_that_is_held_back_once(stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        tickets = [await guard(house, stop=None) for _ in range(3)]
        await house.guard.pause("a look at it")
        await house.bars(5)
        for ticket in tickets:
            assert await house.held_back(ticket) == [
                "SET_MISSING_STOP PAUSED",
                "CLOSE_HALF PAUSED",
                "BREAK_EVEN PAUSED",
            ]
        await house.guard.resume("all is well")
        await house.step()
        await house.guard.pause("another look at it")
        told = [one.type for one in await house.journal()]
        assert told.count(EventType.ACTION_DONE) == 3 * 2
