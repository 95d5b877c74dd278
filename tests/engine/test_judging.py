"""A score acts once a bar, after a trade's grace; half is closed once a descent."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, State
from dtms_server.terminal.simulator import control
from scripts import CRASHED, SAGGING, SINKING, Script, fall, flat, rise, slide
from stages import Stage, guard, lots_of, stop_of
from stepping import NOW, STILL

L1, L2, HEALTHY = State.WARNING_L1, State.WARNING_L2, State.HEALTHY
BANDS = NOW.scoring.bands
NERVOUS = replace(
    NOW, scoring=replace(NOW.scoring, bands=replace(BANDS, weak_above=-2.5, failing_above=-9.0))
)
"""The usual policy, but that what is WEAK in SAGGING is FAILING."""


def states(policy: Policy, **changes: Any) -> Policy:
    """Return the policy but for some numbers of the states."""
    kept = replace(policy.defence.states, **changes)
    return replace(policy, defence=replace(policy.defence, states=kept))


@pytest.mark.parametrize("script", [SAGGING, SINKING, CRASHED])
@pytest.mark.parametrize("side", Direction)
async def test_in_its_grace_a_trade_stays_healthy_and_gets_nothing(
    side: Direction, script: Script, stage: Stage
) -> None:
    async with stage.play(script.seen_by(side), STILL) as house:
        ticket = await guard(house, side)
        await house.bars(2)
        assert (await house.trade(ticket)).state is HEALTHY
        assert stage.sent == []
        await house.bars(1)
        assert (await house.trade(ticket)).state is not HEALTHY


@pytest.mark.parametrize(
    ("move", "out"), [(fall(2.4, 1), False), (fall(2.6, 1), True), (rise(1.2, 1), True)]
)
async def test_a_move_of_part_of_r_ends_the_grace(move: Any, out: bool, stage: Stage) -> None:
    async with stage.play(Script((), (*move, *flat(6))), STILL) as house:
        ticket = await guard(house, stop=500)  # R; the entry paid a spread of 8
        await house.bars(1)
        trade = await house.trade(ticket)
        assert trade.terms.grace_until is not None
        assert (trade.terms.grace_until <= house.guard.now()) is out


async def test_the_grace_goes_on_through_a_restart(stage: Stage) -> None:
    async with stage.play(SAGGING, STILL) as house:
        ticket = await guard(house)
        await house.bars(1)
    async with stage.again(STILL) as house:
        await house.bars(1)
        assert (await house.trade(ticket)).state is HEALTHY
        await house.bars(1)
        assert (await house.trade(ticket)).state is L1


async def test_a_score_acts_once_a_bar_through_restarts(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        await house.step()
        assert (await house.trade(ticket)).state is L1
    async with stage.again(NERVOUS) as house:
        for _ in range(5):
            await house.step()
            assert (await house.trade(ticket)).state is L1
        await house.bars()
        assert (await house.trade(ticket)).state is L2


async def test_to_climb_a_bar_must_have_closed_in_the_state(stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        ticket = await guard(house)
        await house.bars(1)
        assert (await house.trade(ticket)).state is L2
    milder = replace(BANDS, steady_from=-4.5)
    async with stage.again(replace(NOW, scoring=replace(NOW.scoring, bands=milder))) as house:
        await house.step()
        assert (await house.trade(ticket)).state is L2
        await house.bars(1)
        assert (await house.trade(ticket)).state is L1
        await house.step()
        assert (await house.trade(ticket)).state is L1
        await house.bars(1)
        assert (await house.trade(ticket)).state is HEALTHY


async def test_what_a_state_owes_lapses_when_it_is_left_upwards(stage: Stage) -> None:
    script = replace(SINKING, future=(*SINKING.future, *flat(12), *rise(3, bars=2), *flat(6)))
    async with stage.play(script) as house:
        ticket = await guard(house)
        await house.bars(42)
        assert await house.moves(ticket) == [L2, L1]
        before = stop_of(ticket)
        await house.bars(8)  # the price is past break-even now
        assert stop_of(ticket) == before
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]


DOWN_AGAIN = replace(
    SINKING,
    future=(*flat(2), *rise(4, bars=4), *flat(8), *slide(-5.5, bars=6), *flat(8)),
)
"""Up within half an hour, for an hour, and down again."""


@pytest.mark.parametrize(("descent_bars", "lots"), [(3, 0.1), (12, 0.2)])
async def test_a_descent_ends_when_a_trade_was_healthy_for_long_enough(
    descent_bars: int, lots: float, stage: Stage
) -> None:
    async with stage.play(DOWN_AGAIN, states(NOW, descent_bars=descent_bars)) as house:
        ticket = await guard(house, stop=5000)
        far = stop_of(ticket)
        for _ in range(27):
            await house.bars()
            with suppress(control.Refused):  # it is there already
                control.modify_position(ticket, stop_loss=far)  # lest it is stopped out
        moves = await house.moves(ticket)
        assert moves[0] is L2
        assert moves[-1] is L2
        assert HEALTHY in moves
        assert lots_of(ticket) == lots
