"""Rails that stay shut once they did: losses of equity, and stops in a row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Rail
from dtms_server.domain.trade import CloseReason
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import current
from scripts import CRASHED, MORNING, Script, crash, flat, rise
from stages import Stage, guard, held, ours
from stepping import NOW, Steps


def lose(share: float) -> None:
    """Have somebody trade the account down by about that share, within the minute."""
    book = current().broker.book
    floor = book.balance * (1 - share)
    while book.balance > floor:
        position = control.open_position("EURUSD", "BUY", 10.0)
        assert position is not None
        control.close_position(position.ticket)


@pytest.mark.parametrize(
    ("share", "rails"),
    [(0.008, ()), (0.012, (Rail.EQUITY_HOUR,)), (0.03, (Rail.EQUITY_DAY, Rail.EQUITY_HOUR))],
)
async def test_a_loss_of_equity_latches(
    share: float, rails: tuple[Rail, ...], stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        ticket = await guard(house)
        lose(share)
        await house.bars(2)
        assert tuple(latch.rail for latch in (await house.guard.status()).rails) == rails
        blocked = [f"OPEN_HEDGE {rails[0]}"] if rails else []
        assert await house.held_back(ticket) == blocked
        instead = "CLOSE_HALF DONE" if rails else "OPEN_HEDGE DONE"
        assert await house.outcomes(ticket) == [instead]


async def test_a_latch_holds_through_restart_and_recovery_until_it_is_reset(
    stage: Stage,
) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        ticket = await guard(house)
        lose(0.03)
        await house.bars(1)
    control.deposit(5_000.0)
    async with stage.again() as house:
        await house.bars(2)
        status = await house.guard.status()
        assert [latch.rail for latch in status.rails] == [Rail.EQUITY_DAY, Rail.EQUITY_HOUR]
        assert ours() == []
        assert await house.held_back(ticket) == ["OPEN_HEDGE EQUITY_DAY"]
        assert await house.guard.reset_rails() == (Rail.EQUITY_DAY, Rail.EQUITY_HOUR)
        await house.step()
        assert (await house.guard.status()).rails == ()
        assert len(ours()) == 1


async def test_a_latch_is_lifted_at_the_next_server_day(stage: Stage) -> None:
    async with stage.play(Script((), flat(200))) as house:
        await guard(house, stop=2000)
        await house.step()
        lose(0.03)
        await house.bars(1)
        midnight = MORNING + timedelta(hours=14)  # at the broker
        control.set_clock(midnight - timedelta(minutes=1))
        await house.step(0.0)
        assert len((await house.guard.status()).rails) == 2
        await house.step(90.0)
        assert (await house.guard.status()).rails == ()


async def test_money_that_is_paid_out_is_no_loss(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        await guard(house)
        control.advance(1.0)
        control.deposit(-5_000.0)
        await house.bars(2)
        assert (await house.guard.status()).rails == ()
        assert len(ours()) == 1


async def test_money_that_is_paid_out_right_after_a_look_is_no_loss(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        control.deposit(-5_000.0)
        await house.bars(1)
        assert (await house.guard.status()).rails == ()


async def test_money_that_is_paid_out_and_listed_late_is_no_loss(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        control.inject("late_deals", seconds=45.0)
        control.advance(1.0)
        control.deposit(-5_000.0)
        await house.step()
        await house.bars(1)
        assert (await house.guard.status()).rails == ()


async def test_money_that_is_paid_in_hides_no_loss(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        await guard(house)
        control.advance(1.0)
        lose(0.03)
        control.deposit(5_000.0)
        await house.bars(2)
        assert len((await house.guard.status()).rails) == 2
        assert ours() == []


STOPPED = Script((), (*crash(5), *flat(12)))
"""A crash that hits near stops."""


@asynccontextmanager
async def stopped_out(stage: Stage, count: int, policy: Policy = NOW) -> AsyncIterator[Steps]:
    """So many trades were closed by their stop, at a loss."""
    async with stage.play(STOPPED, policy) as house:
        for _ in range(count):
            await guard(house, lots=0.01, stop=40)
        await house.step()
        yield house


async def test_three_trades_that_were_stopped_out_hold_hedges_back(stage: Stage) -> None:
    async with stopped_out(stage, 3) as house:
        ticket = await guard(house, stop=3000)
        await house.bars(4)
        assert [latch.rail for latch in (await house.guard.status()).rails] == [Rail.LOSING_STREAK]
        assert await house.held_back(ticket) == ["OPEN_HEDGE LOSING_STREAK"]
        assert "CLOSE_HALF DONE" in await house.outcomes(ticket)
    async with stage.again() as house:
        await house.bars(2)
        assert ours() == []
        assert await house.guard.reset_rails() == (Rail.LOSING_STREAK,)
        await house.step()
        assert len(ours()) == 1


async def test_two_are_no_streak(stage: Stage) -> None:
    async with stopped_out(stage, 2) as house:
        await guard(house, stop=3000)
        await house.bars(4)
        assert (await house.guard.status()).rails == ()
        assert len(ours()) == 1


async def test_a_close_by_hand_is_no_stop(stage: Stage) -> None:
    async with stopped_out(stage, 2) as house:
        by_hand = await guard(house, lots=0.01, stop=3000)
        await guard(house, lots=0.01, stop=400)
        await house.bars(1)
        control.close_position(by_hand)
        await house.bars(3)
        closings = [trade.closing for trade in await house.trades() if trade.closing]
        reasons = [closing.reason for closing in sorted(closings, key=lambda closing: closing.at)]
        assert reasons == [*([CloseReason.SL] * 2), CloseReason.MANUAL, CloseReason.SL]
        assert (await house.guard.status()).rails == ()


async def test_a_stop_in_profit_is_no_loss(stage: Stage) -> None:
    script = Script((), (*rise(3, bars=3), *crash(6), *flat(12)))
    async with stage.play(script) as house:
        tickets = [await guard(house, lots=0.01, stop=3000) for _ in range(3)]
        await house.bars(3)
        for ticket in tickets:
            position = held(ticket)
            assert position is not None
            control.modify_position(ticket, stop_loss=round(position.price_open + 100e-5, 5))
        await house.bars(4)
        trades = [await house.trade(ticket) for ticket in tickets]
        assert all(trade.closing and trade.closing.reason is CloseReason.SL for trade in trades)
        assert (await house.guard.status()).rails == ()
