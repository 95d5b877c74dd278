"""Timers are deadlines on disk, which count the minutes of an open market, and act with care."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from dtms_server.domain.events import StateChanged
from dtms_server.domain.trade import State, Trade
from dtms_server.engine.readiness import Phase
from dtms_server.terminal.simulator import control
from scripts import CRASHED, Leg, Script, closed, flat, rise
from stages import Stage, guard, held, ours
from stepping import NOW, Steps

MEASURED = replace(
    NOW, defence=replace(NOW.defence, rails=replace(NOW.defence.rails, spread_least_bars=20))
)
"""The usual policy, to which the past of a script is enough to know a usual spread."""
MINUTE = 60.0
FLAT = 75 * MINUTE
RECOVERY = 30 * MINUTE


async def hedged(house: Steps) -> int:
    """Return a trade that has just been hedged."""
    ticket = await guard(house, stop=2000)
    await house.step(1.0)
    assert (await house.trade(ticket)).state is State.HEDGED
    return ticket


async def is_closed(house: Steps, ticket: int) -> bool:
    """Is the trade closed, and its hedge?"""
    return (await house.trade(ticket)).state is State.CLOSED and not control.positions()


async def test_a_hedged_trade_is_closed_after_75_minutes_and_not_before(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        await house.step(FLAT - 1.0)
        assert not await is_closed(house, ticket)
        await house.step(1.0)
        assert await is_closed(house, ticket)


async def test_a_recovering_trade_is_closed_after_30_minutes_and_not_before(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        control.close_position(ours()[0].ticket)
        await house.step(1.0)
        assert (await house.trade(ticket)).state is State.RECOVERING
        await house.step(RECOVERY - 1.0)
        assert not await is_closed(house, ticket)
        await house.step(1.0)
        assert await is_closed(house, ticket)


async def test_a_timer_runs_on_while_dtms_is_down(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        deadline = (await house.trade(ticket)).defence.deadline
    control.advance(FLAT - 1.0)
    async with stage.again() as house:
        assert (await house.trade(ticket)).defence.deadline == deadline
        await house.step(0.0)
        assert not await is_closed(house, ticket)
        await house.step(1.0)
        assert await is_closed(house, ticket)


def with_a_hole(minutes: float, *, shifted: float = 0.0) -> Script:
    """A market that is closed for so long after a quarter of an hour."""
    future: Leg = (*flat(3), *closed(minutes + shifted, flat(30)))
    return replace(CRASHED, future=future)


async def test_minutes_of_a_closed_market_do_not_count(stage: Stage) -> None:
    async with stage.play(with_a_hole(60)) as house:
        ticket = await hedged(house)
        await house.step(FLAT + 60 * MINUTE - 1.0)
        assert not await is_closed(house, ticket)
        await house.step(1.0)
        assert await is_closed(house, ticket)


@pytest.mark.parametrize("shifted", [0.0, 3.0])
async def test_after_a_reopening_a_timer_waits_for_a_bar_that_was_traded_since(
    shifted: float, stage: Stage
) -> None:
    """Only such a bar tells how long the market was closed."""
    async with stage.play(with_a_hole(90, shifted=shifted)) as house:
        ticket = await hedged(house)
        for _ in range(2 * 110):  # 17 minutes of an open market
            await house.step()
        assert not await is_closed(house, ticket)
        for _ in range(2 * 62):
            await house.step()
        assert await is_closed(house, ticket)


@contextmanager
def without_analysis() -> Iterator[None]:
    """Let no bars be read."""
    control.inject("none", call="copy_rates_from_pos", count=1_000)
    try:
        yield
    finally:
        control.clear_faults()


async def test_without_an_analysis_a_timer_does_not_act(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        with without_analysis():
            await house.step(FLAT)
            await house.bars(2)
            assert not await is_closed(house, ticket)
        await house.step()
        assert await is_closed(house, ticket)


async def test_after_a_restart_a_timer_waits_for_an_analysis(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
    control.advance(FLAT)
    with without_analysis():
        async with stage.again() as house:
            await house.bars(2)
            assert not await is_closed(house, ticket)
            control.clear_faults()
            await house.step()
            assert await is_closed(house, ticket)


async def test_after_a_reconnect_a_timer_waits_for_an_analysis(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        control.inject("disconnect")
        stepping = asyncio.create_task(house.step(1.0))
        await house.until(lambda: house.guard.readiness.phase is Phase.TERMINAL_LOST)
        control.clear_faults()
        await stepping
        assert house.guard.readiness.phase is Phase.READY
        with without_analysis():
            await house.step(FLAT)
            assert not await is_closed(house, ticket)
        await house.step()
        assert await is_closed(house, ticket)


async def test_a_timer_acts_on_a_fresh_tick_only(stage: Stage) -> None:
    rare = tuple(replace(stroke, ticks=4) for stroke in flat(30))
    async with stage.play(replace(CRASHED, future=rare)) as house:
        ticket = await guard(house, stop=2000)
        await house.step(70.0)
        await house.step(FLAT)  # the tick is 70 s old
        assert not await is_closed(house, ticket)
        await house.step(5.0)
        assert await is_closed(house, ticket)


@pytest.mark.parametrize(("wide_for", "waits"), [(120.0, 120.0), (900.0, 300.0)])
async def test_a_timer_waits_for_the_spread_but_not_for_long(
    wide_for: float, waits: float, stage: Stage
) -> None:
    async with stage.play(CRASHED, MEASURED) as house:
        ticket = await hedged(house)
        await house.step(FLAT - 2.0)
        control.inject("spread", symbol="EURUSD", points=9, seconds=wide_for + 2.0)
        await house.step(2.0)
        assert not await is_closed(house, ticket)
        await house.step(waits - 1.0)
        assert not await is_closed(house, ticket)
        await house.step(1.0)
        assert await is_closed(house, ticket)


async def test_a_trade_that_recovers_in_time_has_no_timer_any_more(stage: Stage) -> None:
    future = (*flat(1), *rise(8, bars=5), *flat(30))
    async with stage.play(replace(CRASHED, future=future)) as house:
        ticket = await hedged(house)
        await house.bars(30)
        trade: Trade = await house.trade(ticket)
        assert (trade.state, trade.defence.deadline) == (State.HEALTHY, None)
        assert held(ticket) is not None


async def test_each_state_has_a_timer_of_its_own(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await hedged(house)
        await house.step(FLAT - 2.0)
        control.close_position(ours()[0].ticket)
        await house.step(1.0)
        await house.step(1.0)
        moved = [e for e in await house.told(ticket) if isinstance(e, StateChanged)][-1]
        assert moved.after is State.RECOVERING
        await house.step(RECOVERY - 2.0)
        assert not await is_closed(house, ticket)
        await house.step(2.0)
        assert await is_closed(house, ticket)
