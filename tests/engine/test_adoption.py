"""Positions that nobody registered, and some that nobody may: adopted, told, or left alone."""

from dataclasses import replace

import pytest
from dtms_server.domain.events import TradeAdopted, TradeRegistered
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection, State
from dtms_server.terminal.simulator import control
from scripts import CRASHED, QUIET, REBOUND, SAGGING
from stages import Stage, guard, held, ours, terms
from stepping import NOW, STILL

BOT = 4711


def adopting(*magics: int, policy: Policy = STILL) -> Policy:
    """Return the policy, with positions of these magic numbers adopted."""
    return replace(policy, defence=replace(policy.defence, adopt=magics))


async def test_nobody_is_adopted_unasked(stage: Stage) -> None:
    async with stage.play(QUIET) as house:
        house.open(magic=BOT)
        house.open()
        await house.bars(2)
        assert await house.trades() == ()


@pytest.mark.parametrize("side", Direction)
async def test_a_position_of_a_listed_magic_is_adopted(side: Direction, stage: Stage) -> None:
    async with stage.play(QUIET.seen_by(side), adopting(1, BOT)) as house:
        ticket = house.open(side, lots=0.3, magic=BOT, comment="grid")
        other = house.open(side, magic=BOT + 1)
        await house.step()
        [trade] = await house.trades()
        assert (trade.ticket, trade.direction, trade.initial_volume_lots) == (ticket, side, 0.3)
        assert (trade.state, trade.terms.protection) == (State.HEALTHY, Protection.PROTECT)
        adopted = (await house.told(ticket))[0]
        assert isinstance(adopted, TradeAdopted)
        assert (adopted.trade.ticket, adopted.magic) == (ticket, BOT)
        assert await house.told(other) == []


async def test_its_grace_counts_from_its_opening(stage: Stage) -> None:
    async with stage.play(SAGGING, adopting(BOT)) as house:
        old = house.open(lots=0.2, magic=BOT, stop=1.09)
        control.advance(16 * 60)
        young = house.open(lots=0.2, magic=BOT, stop=1.09)
        await house.step()
        assert (await house.trade(old)).state is State.WARNING_L1
        assert (await house.trade(young)).state is State.HEALTHY
        assert await house.outcomes(old) == ["TIGHTEN_STOP DONE"]


async def test_what_was_registered_is_not_adopted_too(stage: Stage) -> None:
    async with stage.play(QUIET, adopting(BOT)) as house:
        ticket = house.open(magic=BOT)
        await house.register(ticket)
        await house.bars(2)
        told = await house.told(ticket)
        assert isinstance(told[0], TradeRegistered)
        assert not any(isinstance(event, TradeAdopted) for event in told)


async def test_an_adopted_trade_is_adopted_once_through_restarts(stage: Stage) -> None:
    async with stage.play(QUIET, adopting(BOT)) as house:
        ticket = house.open(magic=BOT)
        await house.step()
    for _ in range(2):
        async with stage.again(adopting(BOT)) as house:
            await house.step()
    async with stage.again(adopting(BOT)) as house:
        told = await house.told(ticket)
        assert sum(isinstance(event, TradeAdopted) for event in told) == 1


async def test_a_position_that_opens_while_dtms_is_down_is_adopted_at_its_start(
    stage: Stage,
) -> None:
    async with stage.play(QUIET, adopting(BOT)):
        pass
    position = control.open_position("EURUSD", "BUY", 0.1, magic=BOT)
    assert position is not None
    async with stage.again(adopting(BOT)) as house:
        assert [trade.ticket for trade in await house.trades()] == [position.ticket]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_released_trade_is_not_adopted_again(restarted: bool, stage: Stage) -> None:
    async with stage.play(QUIET, adopting(BOT)) as house:
        ticket = house.open(magic=BOT)
        await house.step()
        await house.guard.registration.release(ticket)
        await house.step()
        assert (await house.trade(ticket)).state is State.RELEASED
    if restarted:
        async with stage.again(adopting(BOT)) as house:
            await house.step()
            assert (await house.trade(ticket)).state is State.RELEASED


async def test_our_own_positions_are_not_adopted(stage: Stage) -> None:
    policy = adopting(NOW.magic, policy=NOW)
    async with stage.play(REBOUND, policy) as house:
        ticket = await guard(house)
        await house.bars(12)  # it was hedged, and added to again
        trades = await house.trades()
        assert [trade.parent_ticket for trade in trades] == [None, ticket]
        told = [one.event for one in await house.journal()]
        assert not any(isinstance(event, TradeAdopted) for event in told)


@pytest.mark.parametrize("comment", ["dtms-0123456789abcdef", "dtms-", "something else"])
async def test_a_position_of_ours_that_the_store_does_not_know_is_told_and_not_touched(
    comment: str, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        orphan = house.open(magic=house.policy.magic, comment=comment)
        before = terms(orphan)
        await house.bars(3)
        assert (await house.guard.status()).orphans == (orphan,)
        assert (terms(orphan), stage.sent) == (before, [])
        control.close_position(orphan)
        await house.step()
        assert (await house.guard.status()).orphans == ()


async def test_a_hedge_and_a_re_add_are_no_orphans(stage: Stage) -> None:
    async with stage.play(REBOUND) as house:
        await guard(house)
        for _ in range(13):
            await house.bars(1)
            assert (await house.guard.status()).orphans == ()
        assert len(ours()) == 1


async def test_an_orphan_next_to_a_hedge_that_is_closed_is_left_alone(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        [hedge] = ours()
        control.close_position(ticket)
        orphan = house.open(magic=house.policy.magic, comment="dtms-ffffffffffffffff")
        await house.step()
        assert held(hedge.ticket) is None
        assert held(orphan) is not None
