"""Half is closed where the broker takes half; else it is let be, or all is closed."""

from dataclasses import replace

import pytest
from dtms_server.domain.events import ActionFailed
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import SmallVolume
from dtms_server.domain.trade import Direction, State
from scripts import SINKING, flat, rise
from stages import (
    Stage,
    guard,
    held,
    lots_of,
    points,
)
from stepping import NOW


def volumes(small_volume: SmallVolume) -> Policy:
    """Return the usual policy but for what is done with small volumes."""
    kept = replace(NOW.defence.volumes, small_volume=small_volume)
    return replace(NOW, defence=replace(NOW.defence, volumes=kept))


async def test_a_half_that_is_too_small_is_skipped_for_the_descent_and_told_once(
    stage: Stage,
) -> None:
    script = replace(SINKING, future=(*flat(6), *rise(1.2, bars=2), *flat(3)))
    async with stage.play(script) as house:
        ticket = await guard(house, lots=0.01)
        await house.bars(9)
        told = [event for event in await house.told(ticket) if isinstance(event, ActionFailed)]
        assert [event.action.message.split(":")[0] for event in told] == ["VOLUME_TOO_SMALL"]
        assert (await house.trade(ticket)).defence.descent.half_closed
        position = held(ticket)
        assert position is not None
        assert position.volume == 0.01
        assert (
            points(Direction.BUY, position.sl, position.price_open) > 0
        )  # stops are moved all the same


async def test_a_half_that_is_too_small_may_close_all(stage: Stage) -> None:
    async with stage.play(SINKING, volumes(SmallVolume.CLOSE_ALL)) as house:
        ticket = await guard(house, lots=0.01)
        await house.step()
        assert held(ticket) is None
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]
        assert (await house.trade(ticket)).state is State.CLOSED


@pytest.mark.parametrize(("lots", "left"), [(0.03, 0.02), (0.05, 0.03), (0.4, 0.2)])
async def test_a_half_is_rounded_down_to_the_step(lots: float, left: float, stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        ticket = await guard(house, lots=lots)
        await house.step()
        assert lots_of(ticket) == left
