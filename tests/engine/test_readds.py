"""What is added again once a trade has recovered is a guarded trade, with its parent named."""

from dataclasses import replace

import pytest
from dtms_server.domain.claims import Claim
from dtms_server.domain.events import ActionStarted, TradeRegistered
from dtms_server.domain.policy.defence import SymbolPolicy
from dtms_server.domain.trade import Direction, Protection, State, Trade
from dtms_server.terminal.simulator import control
from scripts import CRASHED, REBOUND, fall, flat, rise, slide
from stages import (
    Stage,
    ask,
    beyond,
    closing_price,
    guard,
    held,
    lots_of,
    ours,
    points,
    stop_of,
    target_of,
    terms,
)
from stepping import NOW, STILL, Steps

RECOVERED = 12
"""Bars after which a trade in REBOUND has recovered."""


async def added(house: Steps, parent: int) -> Trade:
    """Return the one trade that was added to another."""
    [child] = [trade for trade in await house.trades() if trade.parent_ticket == parent]
    return child


@pytest.mark.parametrize("side", Direction)
async def test_half_of_what_was_closed_is_added_again_on_the_same_terms(
    side: Direction, stage: Stage
) -> None:
    async with stage.play(REBOUND.seen_by(side)) as house:
        ticket = await guard(house, side, target=900)
        stop, target = stop_of(ticket), target_of(ticket)
        await house.bars(RECOVERED)
        child = await added(house, ticket)
        assert terms(child.ticket) == (0.1, stop, target)
        assert (child.direction, child.state) == (side, State.HEALTHY)
        assert child.initial_stop_loss == stop
        descent = (await house.trade(ticket)).defence.descent
        assert (descent.closed_lots, descent.readded) == (0.1, True)


async def test_a_re_added_trade_inherits_labels_and_protection_and_has_a_grace_of_its_own(
    stage: Stage,
) -> None:
    async with stage.play(REBOUND, STILL) as house:
        ticket = house.open(lots=0.4, stop=round(ask() - 500e-5, 5))
        labels = {"bot": "grid", "set": "7"}
        claim = Claim(ticket, "EURUSD", Direction.BUY, labels=labels)
        await house.guard.registration.register(claim)
        await house.bars(RECOVERED)
        child, now = await added(house, ticket), house.guard.now()
        assert child.terms.labels == labels
        assert child.terms.protection is Protection.PROTECT
        assert child.terms.grace_until is not None
        assert (child.terms.grace_until - now).total_seconds() == 15 * 60
        told = await house.told(child.ticket)
        assert told == [TradeRegistered(child, rearmed=False)]


async def test_a_re_added_trade_is_defended_and_adds_nothing_itself(stage: Stage) -> None:
    slow = (*flat(14), *slide(-3.5, bars=12), *flat(6))
    again = (*slow, *fall(1.5, bars=1), *flat(3), *rise(9, bars=6), *flat(6))
    async with stage.play(replace(REBOUND, future=(*REBOUND.future[:15], *again))) as house:
        ticket = await guard(house, lots=0.8, stop=2000)
        await house.bars(48)
        child = await added(house, ticket)
        assert await house.outcomes(child.ticket) == ["CLOSE_HALF DONE"]
    bands = replace(NOW.scoring.bands, failing_above=-3.5)
    nervous = replace(NOW, scoring=replace(NOW.scoring, bands=bands))
    async with stage.again(nervous) as house:
        await house.bars(10)
        child = await house.trade(child.ticket)
        assert (await house.moves(child.ticket))[-3:] == [
            State.HEDGED,
            State.RECOVERING,
            State.HEALTHY,
        ]
        assert child.defence.descent.closed_lots == 0.1
        assert "READD" not in " ".join(await house.outcomes(child.ticket))
        assert [trade.parent_ticket for trade in await house.trades()] == [None, ticket]


async def test_a_parent_whose_stop_is_near_gives_way_to_a_stop_of_its_own(stage: Stage) -> None:
    async with stage.play(REBOUND) as house:
        ticket = await guard(house)
        await house.bars(RECOVERED - 1)
        control.advance(299.0)
        near = beyond(Direction.BUY, closing_price(Direction.BUY), -30)
        control.modify_position(ticket, stop_loss=near)
        await house.step(1.0)
        child = held((await added(house, ticket)).ticket)
        assert child is not None
        reading = house.guard.scores.reading("EURUSD")
        assert reading is not None
        away = 1.5 * reading.analysis.m15.atr / 1e-5  # type: ignore[union-attr]
        assert away <= points(Direction.BUY, child.price_open, child.sl) < away + 1


async def test_a_family_never_holds_more_than_its_root_did(stage: Stage) -> None:
    async with stage.play(REBOUND) as house:
        ticket = await guard(house)
        await house.bars(1)
        assert lots_of(ticket) == 0.2
    all_of_it = replace(NOW.defence.volumes, readd_share=1.0)
    policy = replace(NOW, defence=replace(NOW.defence, volumes=all_of_it))
    async with stage.again(policy) as house:
        await house.bars(RECOVERED - 1)
        assert (await added(house, ticket)).terms.volume_lots == 0.2
        assert sum(position.volume for position in control.positions()) == 0.4


async def test_a_symbol_may_be_without_re_adds(stage: Stage) -> None:
    own = replace(NOW.defence, symbols={"EURUSD": SymbolPolicy(readd=False)})
    async with stage.play(REBOUND, replace(NOW, defence=own)) as house:
        ticket = await guard(house)
        await house.bars(RECOVERED + 2)
        assert (await house.trade(ticket)).state is State.HEALTHY
        assert ours() == []


async def test_a_trade_of_which_nothing_was_closed_is_not_added_to(stage: Stage) -> None:
    future = (*flat(1), *rise(8, bars=5), *flat(6))
    async with stage.play(replace(CRASHED, future=future)) as house:
        ticket = await guard(house)
        await house.bars(9)
        moves = await house.moves(ticket)
        assert moves[-2:] == [State.RECOVERING, State.HEALTHY]
        assert "READD" not in " ".join(await house.outcomes(ticket))


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_surplus_re_add_that_turns_up_later_is_closed_and_told(
    restarted: bool, stage: Stage
) -> None:
    async with stage.play(REBOUND) as house:
        ticket = await guard(house)
        await house.bars(RECOVERED - 1)
        control.inject("timeout", order="open", executed=True, seconds=100.0)
        await house.bars(1)
        for _ in range(3):
            await house.step()
        tried = [each for each in await house.outcomes(ticket) if each.startswith("READD")]
        assert tried == ["READD FAILED", "READD DONE"]
        child = await added(house, ticket)
        if not restarted:
            await _ends(house, ticket, child)
    if restarted:
        async with stage.again() as house:
            await _ends(house, ticket, child)


async def _ends(house: Steps, ticket: int, child: Trade) -> None:
    await house.step()
    assert [position.ticket for position in ours()] == [child.ticket]
    assert (await house.outcomes(ticket))[-1] == "CLOSE_HEDGE DONE"
    told = [event for event in await house.told(ticket) if isinstance(event, ActionStarted)]
    assert "surplus" in told[-1].action.reason
    assert len(await house.trades()) == 2


async def test_a_re_add_that_is_seen_after_a_restart_is_guarded(stage: Stage) -> None:
    async with stage.play(REBOUND) as house:
        ticket = await guard(house)
        await house.bars(RECOVERED - 1)
        control.inject("timeout", order="open", executed=True, seconds=20.0)
        await house.bars(1)
        assert len(await house.trades()) == 1
    async with stage.again() as house:
        await house.step()
        child = await added(house, ticket)
        assert [position.ticket for position in ours()] == [child.ticket]
        assert (await house.outcomes(ticket)).count("READD DONE") == 1
