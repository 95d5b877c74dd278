"""Every answer of a broker: what is sent again, when, and what is not."""

import pytest
from dtms_server.domain.actions import Verdict
from dtms_server.domain.trade import Direction, State
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import control
from scenes import (
    CLOSING,
    MOVING,
    OPENING,
    SCENES,
    Scene,
    codes,
    failures,
    in_turn,
    on_every_kind_of_order,
    retcodes,
    sent,
    strike,
)
from scripts import CRASHED, SAGGING, SINKING
from stages import Stage, bid, guard, lots_of, ours, points, stop_of


@in_turn(Verdict.DONE)
async def test_what_is_done_is_read_back(code: int, scene: Scene, stage: Stage) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code, executed=True)
        await house.step()
        assert await house.outcomes(ticket) == [f"{scene.action} DONE"]
        await house.bars(2)
        assert len(sent(stage, scene)) == 1


@in_turn(Verdict.DONE, scenes=[*SCENES[1:], SCENES[0]])
async def test_a_brokers_word_for_it_is_not_enough(code: int, scene: Scene, stage: Stage) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code, executed=False)
        await house.step(1.0)
        await house.step(60.0)
        assert await house.outcomes(ticket) == [f"{scene.action} UNKNOWN"]
        await house.step(10.0)
        assert await house.outcomes(ticket) == [f"{scene.action} FAILED", f"{scene.action} DONE"]


@in_turn(Verdict.FRESH_PRICE, Verdict.RECOMPUTE)
async def test_an_outdated_number_is_sent_again_at_once_with_a_fresh_one(
    code: int, scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code)
        await house.step()
        assert await house.outcomes(ticket) == [f"{scene.action} DONE"]
        by_filling = code == c.TRADE_RETCODE_INVALID_FILL and scene is not MOVING
        assert len(sent(stage, scene)) == (1 if by_filling else 2)
        assert len({each.comment for each in sent(stage, scene)}) == 1


@in_turn(Verdict.FRESH_PRICE, Verdict.RECOMPUTE, scenes=[*SCENES[1:], SCENES[0]])
async def test_an_outdated_number_is_sent_three_times_a_cycle_and_in_the_next_anew(
    code: int, scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code, count=7)
        await house.step()
        assert len(sent(stage, scene)) == 3
        assert (await house.outcomes(ticket))[0] == f"{scene.action} FAILED"
        before = await failures(house, ticket)
        assert before == 1
        for _ in range(2):
            await house.step()
        done = [each for each in await house.outcomes(ticket) if each == f"{scene.action} DONE"]
        assert len(done) == 1


@in_turn(Verdict.BACK_OFF, Verdict.GONE)
async def test_what_is_refused_for_a_moment_is_sent_again_in_the_next_cycle(
    code: int, scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code)
        await house.step()
        assert await house.outcomes(ticket) == [f"{scene.action} FAILED"]
        assert len(sent(stage, scene)) == 1
        await house.step()
        assert await house.outcomes(ticket) == [f"{scene.action} FAILED", f"{scene.action} DONE"]
        assert len(sent(stage, scene)) == 2


@in_turn(Verdict.PARKED)
async def test_what_the_broker_does_not_take_now_is_sent_again_at_the_next_bar(
    code: int, scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code)
        for _ in range(3):
            await house.step()
        assert len(sent(stage, scene)) == 1
        assert await failures(house, ticket) == 1
        await house.bars()
        assert len(sent(stage, scene)) == 2
        assert f"{scene.action} DONE" in await house.outcomes(ticket)


@in_turn(Verdict.FINAL, Verdict.FAULT, scenes=[CLOSING, MOVING])
async def test_a_close_or_a_stop_that_is_refused_is_sent_again_at_the_next_bar(
    code: int, scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=code, count=2)
        for _ in range(3):
            await house.step()
        assert (len(sent(stage, scene)), await failures(house, ticket)) == (1, 1)
        for _ in range(12):
            await house.step()
        assert (len(sent(stage, scene)), await failures(house, ticket)) == (2, 2)
        await house.bars()
        assert f"{scene.action} DONE" in await house.outcomes(ticket)
        assert len(sent(stage, scene)) == 3


@pytest.mark.parametrize("code", codes(Verdict.FINAL, Verdict.FAULT, Verdict.NO_HEDGING))
async def test_a_hedge_that_is_refused_for_good_is_not_sent_again_and_half_is_closed_instead(
    code: int, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        strike(OPENING, "retcode", code=code)
        await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE FAILED", "CLOSE_HALF DONE"]
        await house.bars(6)
        assert len(sent(stage, OPENING)) == 1
        assert lots_of(ticket) == 0.2


async def test_a_hedge_that_cannot_be_paid_holds_nothing_up(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        strike(OPENING, "retcode", code=c.TRADE_RETCODE_NO_MONEY)
        await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE FAILED", "CLOSE_HALF DONE"]
        await house.bars()
        assert (await house.trade(ticket)).state is State.HEDGED
        assert [hedge.volume for hedge in ours()] == [0.1]  # half of what is left


@on_every_kind_of_order
async def test_a_closed_market_is_asked_again_at_the_first_fresh_quote(
    scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "retcode", code=c.TRADE_RETCODE_MARKET_CLOSED)
        await house.step(1.0)
        await house.step(1.0)  # no tick since
        assert len(sent(stage, scene)) == 1
        assert await house.held_back(ticket) != []
        await house.step()
        assert len(sent(stage, scene)) == 2
        assert f"{scene.action} DONE" in await house.outcomes(ticket)


async def test_an_account_that_closes_oldest_first_has_the_older_position_waited_for(
    stage: Stage,
) -> None:
    async with stage.play(SINKING, rules={"fifo": True}) as house:
        older = house.open(lots=0.1)
        control.advance(60)
        ticket = await guard(house)
        await house.step()
        assert retcodes(stage, CLOSING) == [c.TRADE_RETCODE_FIFO_CLOSE]
        await house.bars(4)
        assert len(sent(stage, CLOSING)) == 1
        control.close_position(older)
        await house.step()
        assert await house.outcomes(ticket) == ["CLOSE_HALF FAILED", "CLOSE_HALF DONE"]


async def test_an_account_that_prohibits_hedges_is_treated_as_a_netting_one(stage: Stage) -> None:
    async with stage.play(CRASHED, rules={"hedge_prohibited": True}) as house:
        ticket = await guard(house)
        await house.step()
        assert retcodes(stage, OPENING) == [10046]
        assert await house.outcomes(ticket) == ["OPEN_HEDGE FAILED", "CLOSE_HALF DONE"]
        await house.bars(4)
        assert len(sent(stage, OPENING)) == 1


@pytest.mark.parametrize("scene", [CLOSING, MOVING], ids=str)
async def test_a_position_that_somebody_was_quicker_to_close_is_proved_closed(
    scene: Scene, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        strike(scene, "hand", does="close")
        await house.step()
        await house.step()
        assert (await house.trade(ticket)).state is State.CLOSED
        assert len(sent(stage, scene)) == 1


@pytest.mark.parametrize(("code", "again_at_once"), [(-10004, True), (-2, False)])
@on_every_kind_of_order
async def test_what_certainly_never_left_is_known_not_to_be_carried_out(
    scene: Scene, code: int, again_at_once: bool, stage: Stage
) -> None:
    async with stage.play(scene.script) as house:
        ticket = await guard(house)
        control.inject("none", call="order_send", code=code)
        await house.step()
        assert (await house.outcomes(ticket))[0] == f"{scene.action} FAILED"
        await house.step()
        assert (f"{scene.action} DONE" in await house.outcomes(ticket)) is again_at_once


async def test_a_broker_that_takes_few_requests_gets_them_cycle_by_cycle(stage: Stage) -> None:
    async with stage.play(SAGGING, rules={"requests_per_second": 2}) as house:
        tickets = [await guard(house) for _ in range(5)]
        for cycle_number in range(1, 4):
            await house.step()
            tried = [each for ticket in tickets for each in await house.outcomes(ticket)]
            assert tried.count("TIGHTEN_STOP DONE") == min(5, 2 * cycle_number)
        assert all(points(Direction.BUY, bid(), stop_of(ticket) or 0.0) < 200 for ticket in tickets)


async def test_a_limit_of_positions_holds_a_hedge_up_and_nothing_else(stage: Stage) -> None:
    async with stage.play(CRASHED, rules={"max_positions": 1}) as house:
        ticket = await guard(house)
        await house.bars(2)
        assert ours() == []
        assert (await house.outcomes(ticket)).count("CLOSE_HALF DONE") == 1
