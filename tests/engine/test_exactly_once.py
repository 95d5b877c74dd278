"""Orders of which nobody knows what became are settled before anything else, and sent once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from dtms_server.domain.actions import Answer, Order, Verdict
from dtms_server.domain.errors import TerminalSilent
from dtms_server.domain.events import ActionStarted
from dtms_server.domain.trade import State
from dtms_server.terminal.simulator import control
from scenes import (
    CLOSING,
    MOVING,
    OPENING,
    SCENES,
    Scene,
    codes,
    on_every_kind_of_order,
    sent,
    strike,
)
from scripts import CRASHED, SAGGING, SINKING, flat, rise
from stages import Stage, guard, lots_of, ours
from witness import Witness

UNKNOWN: Sequence[tuple[str, dict[str, Any]]] = (
    *(("retcode", {"code": code}) for code in (*codes(Verdict.UNKNOWN), 19999)),
    ("timeout", {}),
    *(("no_answer", {"code": code}) for code in (-10001, -10002, -10005, -1)),
)
"""What a broker, or the way to it, may say that leaves an order's outcome open."""


def whatever_is_said(first: int) -> pytest.MarkDecorator:
    """Take each of these, and a kind of order for each in turn."""
    scenes = (SCENES[first:] + SCENES[:first]) * len(UNKNOWN)
    cases = [(*said, scene) for said, scene in zip(UNKNOWN, scenes, strict=False)]
    return pytest.mark.parametrize(("name", "parameters", "scene"), cases, ids=str)


@whatever_is_said(0)
async def test_what_was_carried_out_without_a_word_is_seen_and_not_sent_again(
    name: str, parameters: dict[str, Any], scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, name, executed=True, **parameters)
        await house.step()
        assert await house.outcomes(ticket) == [f"{scene.action} DONE"]
        await house.bars(2)
        assert len(sent(stage, scene)) == 1


@whatever_is_said(1)
async def test_what_is_carried_out_within_a_minute_is_waited_for(
    name: str, parameters: dict[str, Any], scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, name, executed=True, seconds=59.0, **parameters)
        await house.step(1.0)
        await house.step(58.0)
        assert await house.outcomes(ticket) == [f"{scene.action} UNKNOWN"]
        await house.step(1.0)
        assert await house.outcomes(ticket) == [f"{scene.action} DONE"]
        await house.bars(2)
        assert len(sent(stage, scene)) == 1


@whatever_is_said(2)
async def test_what_was_not_carried_out_is_sent_again_once_two_reads_after_a_minute_tell(
    name: str, parameters: dict[str, Any], scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, name, executed=False, **parameters)
        await house.step(1.0)
        for seconds in (30.0, 30.0, 9.0):  # to a minute and nine seconds after the send
            await house.step(seconds)
            assert await house.outcomes(ticket) == [f"{scene.action} UNKNOWN"]
        assert len(sent(stage, scene)) == 1
        await house.step(1.0)
        assert await house.outcomes(ticket) == [f"{scene.action} FAILED", f"{scene.action} DONE"]
        assert len(sent(stage, scene)) == 2


@on_every_kind_of_order
@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("seconds", [0.0, 40.0])
async def test_what_is_not_known_is_settled_after_a_restart(
    scene: Scene, executed: bool, seconds: float, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        control.inject("late_deals", count=3)  # lest it is seen before the restart
        strike(scene, "timeout", executed=executed, seconds=seconds)
        await house.step(1.0)
    async with stage.again() as house:
        await house.step()
        await house.step()
        await house.step(10.0)
        outcomes = await house.outcomes(ticket)
        assert outcomes[-1] == f"{scene.action} DONE"
        assert len(outcomes) == (1 if executed else 2)
        assert len(sent(stage, scene)) == len(outcomes)


class Silent(Witness):
    """A terminal that gives no answer to its first order in time, and is then gone."""

    executes: bool | None = None

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        executes, self.executes = self.executes, None
        if executes is None:
            return await super().send(order, comment, magic, deviation_points)
        if executes:
            await super().send(order, comment, magic, deviation_points)
        await self.close()
        raise TerminalSilent(call="order_send", seconds=30)


@on_every_kind_of_order
@pytest.mark.parametrize("executed", [True, False])
async def test_an_order_that_a_terminal_is_lost_over_is_settled_when_it_is_back(
    executed: bool, scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script, terminal=Silent) as house:
        ticket = await guard(house)
        assert isinstance(stage.terminal, Silent)
        stage.terminal.executes = executed
        await house.step(1.0)
        before = "DONE" if executed else "UNKNOWN"
        assert await house.outcomes(ticket) == [f"{scene.action} {before}"]
        for seconds in (30.0, 30.0, 10.0):
            await house.step(seconds)
        assert (await house.outcomes(ticket))[-1] == f"{scene.action} DONE"
        assert len(sent(stage, scene)) == 1


async def test_an_order_that_the_broker_placed_is_waited_for_as_long_as_it_waits(
    stage: Stage,
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        strike(OPENING, "late_fill", seconds=200.0)
        await house.step(1.0)
        for _ in range(6):
            await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE UNKNOWN"]
        await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]
        assert len(sent(stage, OPENING)) == 1


@pytest.mark.parametrize("scene", [OPENING, CLOSING], ids=str)
async def test_an_order_whose_deals_are_late_is_not_sent_again(scene: Scene, stage: Stage) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        control.inject("late_deals", seconds=100.0)
        await house.step(1.0)
        for _ in range(3):
            await house.step()
            assert await house.outcomes(ticket) == [f"{scene.action} UNKNOWN"]
        await house.step()
        assert await house.outcomes(ticket) == [f"{scene.action} DONE"]
        assert len(sent(stage, scene)) == 1


async def test_a_half_that_was_filled_in_part_is_the_half_of_its_descent(stage: Stage) -> None:
    only_ioc = {"EURUSD": {"filling_mode": 2}}
    async with stage.play(SINKING, conditions=only_ioc) as house:
        ticket = await guard(house)
        strike(CLOSING, "partial", share=0.5)
        await house.bars(3)
        descent = (await house.trade(ticket)).defence.descent
        assert (descent.half_closed, descent.closed_lots) == (True, 0.1)
        assert lots_of(ticket) == 0.3
        assert len(sent(stage, CLOSING)) == 1


async def test_a_hedge_that_was_filled_in_part_is_as_large_as_it_is(stage: Stage) -> None:
    only_ioc = {"EURUSD": {"filling_mode": 2}}
    async with stage.play(CRASHED, conditions=only_ioc) as house:
        ticket = await guard(house)
        strike(OPENING, "partial", share=0.5)
        await house.bars(3)
        hedge = (await house.trade(ticket)).terms.hedge
        assert hedge is not None
        assert (hedge.volume_lots, [each.volume for each in ours()]) == (0.1, [0.1])


async def test_while_a_hedge_is_not_known_scores_do_not_move_the_trade(stage: Stage) -> None:
    script = replace(CRASHED, future=(*flat(1), *rise(8, bars=6), *flat(12)))
    async with stage.play(script) as house:
        ticket = await guard(house, stop=2000)
        strike(OPENING, "late_fill", seconds=2400.0)
        await house.bars(7)
        assert (await house.trade(ticket)).state is State.WARNING_L2
        assert await house.outcomes(ticket) == ["OPEN_HEDGE UNKNOWN"]


async def test_nothing_else_is_sent_for_a_trade_before_its_last_order_is_settled(
    stage: Stage,
) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house, stop=None)
        strike(MOVING, "timeout", executed=False)
        await house.step()
        await house.step()
        assert await house.outcomes(ticket) == ["SET_MISSING_STOP UNKNOWN"]
        await house.step()
        await house.step()
        assert await house.outcomes(ticket) == [
            "SET_MISSING_STOP FAILED",
            "SET_MISSING_STOP DONE",
            "TIGHTEN_STOP DONE",
        ]


async def test_a_trade_whose_order_is_not_known_holds_no_other_up(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        first, second = await guard(house), await guard(house)
        strike(MOVING, "timeout", executed=False)
        await house.step()
        assert await house.outcomes(first) == ["TIGHTEN_STOP UNKNOWN"]
        assert await house.outcomes(second) == ["TIGHTEN_STOP DONE"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_surplus_hedge_that_turns_up_later_is_closed_and_told(
    restarted: bool, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        strike(OPENING, "timeout", executed=True, seconds=100.0)
        for _ in range(4):
            await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE FAILED", "OPEN_HEDGE DONE"]
        first = sent(stage, OPENING)[0].comment
    async with stage.again() as house:
        if not restarted:
            await house.step(1.0)
        await house.step()
        [hedge] = ours()
        assert hedge.comment != first
        assert (await house.trade(ticket)).terms.hedge is not None
        assert await house.outcomes(ticket) == [
            "OPEN_HEDGE FAILED",
            "OPEN_HEDGE DONE",
            "CLOSE_HEDGE DONE",
        ]
        told = await house.told(ticket)
        reasons = [e.action.reason for e in told if isinstance(e, ActionStarted)]
        assert "surplus" in reasons[-1]
