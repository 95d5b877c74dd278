"""What a broker does by itself: stop-out, swap, and positions that it opens again overnight."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dtms_server.domain.events import ChangeCause, TradeChanged, TradeClosed
from dtms_server.domain.trade import CloseReason, Direction, Protection, State
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from scripts import CRASHED, MORNING, Script, flat
from stages import Stage, deals, guard, ours
from stepping import Steps, stepping

TO_MIDNIGHT = 14 * 3600  # from Monday 10:00 by the server's clock
OBSERVE = Protection.OBSERVE
REOPENING = {"EURUSD": {"swap_mode": "reopen_current", "swap_long": -9.0, "swap_short": -4.0}}


@pytest.fixture
async def steps(tmp_path: Path, settings: Settings) -> AsyncIterator[Steps]:
    """DTMS on a seeded market, in steps."""
    async with stepping(tmp_path, settings) as house:
        yield house


@pytest.fixture
async def overnight(tmp_path: Path, settings: Settings) -> AsyncIterator[Steps]:
    """The same at a broker that charges swap by opening positions again."""
    async with stepping(tmp_path, replace(settings, conditions=REOPENING)) as house:
        yield house


def made(ticket: int) -> float:
    """What a position's deals have made of the balance."""
    return round(sum(d.profit + d.swap + d.commission + d.fee for d in deals(ticket)), 2)


async def closed(house: Steps, ticket: int) -> TradeClosed:
    [event] = [event for event in await house.told(ticket) if isinstance(event, TradeClosed)]
    return event


async def test_a_trade_that_is_stopped_out_is_closed_with_what_it_lost(steps: Steps) -> None:
    small = await steps.guarded(lots=2.0)
    large = await steps.guarded(lots=5.0)
    control.jump("EURUSD", -970)
    await steps.step(1)
    await steps.step(1)
    event = await closed(steps, large)
    assert event.closing.reason is CloseReason.STOP_OUT
    assert event.closing.profit == made(large) < -4000
    assert event.closing.price == deals(large)[-1].price
    assert (await steps.trade(large)).state is State.CLOSED
    assert (await steps.trade(small)).state is not State.CLOSED, "the level was restored"


async def test_a_stop_out_of_a_hedged_trade_leaves_no_hedge_behind(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await house.step()
        ticket = await guard(house)
        await house.bars(2)
        assert [position.volume for position in ours()] == [0.2]
        control.account(stop_out_level=1e6)
        await house.bars(2)
        assert (await closed(house, ticket)).closing.reason is CloseReason.STOP_OUT
        assert control.positions() == ()


async def test_swap_is_part_of_what_a_trade_brought(steps: Steps) -> None:
    control.symbol("EURUSD", swap_long=-30.0)
    ticket = await steps.guarded(lots=0.5)
    await steps.step(TO_MIDNIGHT)
    control.close_position(ticket)
    await steps.step(1)
    await steps.step(1)
    last = deals(ticket)[-1]
    assert last.swap == -15.0
    assert (await closed(steps, ticket)).closing.profit == made(ticket)


async def test_swap_that_is_charged_counts_as_a_loss_of_the_account(steps: Steps) -> None:
    control.symbol("EURUSD", swap_mode="currency_deposit", swap_long=-300.0)
    await steps.guarded(lots=1.0)
    await steps.step(TO_MIDNIGHT - 60)
    assert (await steps.guard.status()).rails == ()
    await steps.step(90)
    assert "EQUITY_HOUR" in {latch.rail for latch in (await steps.guard.status()).rails}


async def test_a_charge_is_a_loss_and_no_withdrawal(steps: Steps) -> None:
    await steps.guarded()
    await steps.step()
    control.charge(150.0)
    await steps.bars(3)  # it is no deal that explains the loss, and waited for as a late one is
    assert "EQUITY_HOUR" in {latch.rail for latch in (await steps.guard.status()).rails}


@pytest.mark.parametrize("side", list(Direction))
async def test_a_trade_goes_on_under_the_ticket_of_its_new_position(
    overnight: Steps, side: Direction
) -> None:
    ticket = await overnight.guarded(side, OBSERVE, lots=0.4)
    await overnight.step(TO_MIDNIGHT - 60)
    await overnight.step(120)
    [position] = control.positions()
    assert (position.ticket != ticket, position.identifier) == (True, ticket)
    trade = await overnight.trade(ticket)
    assert trade.state is not State.CLOSED
    assert not trade.terms.closing_unconfirmed
    assert trade.terms.position_ticket == position.ticket
    assert trade.terms.position_id == ticket
    assert trade.terms.entry_price == position.price_open
    changes = [e for e in await overnight.told(ticket) if isinstance(e, TradeChanged)]
    renamed = [e for e in changes if e.before.position_ticket != e.after.position_ticket]
    assert [e.cause for e in renamed] == [ChangeCause.OUTSIDE]


async def test_a_registration_by_a_new_ticket_is_answered_with_it_before_the_next_cycle(
    overnight: Steps,
) -> None:
    ticket = await overnight.guarded(protection=OBSERVE, lots=0.4)
    control.advance(TO_MIDNIGHT + 60)
    [position] = control.positions()
    assert position.ticket != ticket
    trade, already = await overnight.register(position.ticket)
    assert already
    assert (trade.ticket, trade.terms.position_ticket) == (ticket, position.ticket)
    assert trade.terms.entry_price == position.price_open


async def test_what_a_reopened_position_brought_is_the_sum_of_all_its_deals(
    overnight: Steps,
) -> None:
    ticket = await overnight.guarded(protection=OBSERVE, lots=0.4)
    for _ in range(3):
        await overnight.step(86_400)
    [position] = control.positions()
    control.close_position(position.ticket)
    await overnight.step(1)
    await overnight.step(1)
    event = await closed(overnight, ticket)
    assert event.closing.reason is CloseReason.MANUAL
    assert len(deals(ticket)) == 8
    assert event.closing.profit == made(ticket)


async def test_a_position_that_was_reopened_while_dtms_was_down_is_found_again(
    tmp_path: Path, settings: Settings
) -> None:
    conditions = replace(settings, conditions=REOPENING)
    async with stepping(tmp_path, conditions) as house:
        ticket = await house.guarded(protection=OBSERVE, lots=0.4)
    control.advance(2 * 86_400)
    async with stepping(tmp_path, settings) as house:
        [position] = control.positions()
        assert position.ticket != ticket
        trade = await house.trade(ticket)
        assert trade.terms.position_ticket == position.ticket
        assert trade.state is not State.CLOSED


async def test_a_broker_that_closes_at_rollover_is_named(steps: Steps) -> None:
    ticket = await steps.guarded()
    control.close_position(ticket, reason=c.DEAL_REASON_ROLLOVER)
    await steps.step(1)
    await steps.step(1)
    assert (await closed(steps, ticket)).closing.reason is CloseReason.BROKER


async def test_a_hedge_and_its_trade_are_closed_under_their_new_tickets(stage: Stage) -> None:
    long_day = Script(CRASHED.past, flat(200))
    async with stage.play(long_day, conditions=REOPENING) as house:
        await house.step()
        ticket = await guard(house)
        await house.bars(2)
        [hedge] = ours()
        assert (await house.trade(ticket)).state is State.HEDGED
        control.set_clock(MORNING + timedelta(hours=14, minutes=1))
        await house.step(1)
        await house.bars(2)
        reopened = [deal.order for deal in deals(hedge.identifier) if deal.entry == c.DEAL_ENTRY_IN]
        assert len(reopened) == 2
        changes = [e for e in await house.told(ticket) if isinstance(e, TradeChanged)]
        tickets = [e.after.hedge.ticket for e in changes if e.after.hedge]
        assert tickets[-1] == reopened[-1]
        assert control.positions() == (), "their time has run out"
        assert (await closed(house, ticket)).closing.profit == made(ticket)
