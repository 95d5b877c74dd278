"""Stops go nearer and never further, and targets stay their bots'."""

from dataclasses import replace
from typing import Any

import pytest
from dtms_server.domain.actions import Answer, Order
from dtms_server.domain.events import ChangeCause, TradeChanged
from dtms_server.domain.market import Quote
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import LosingBreakEven
from dtms_server.domain.trade import Direction, State
from dtms_server.terminal.simulator import control
from scripts import QUIET, REBOUND, SAGGING, SINKING, Script, calm, crash, fall, flat, rise
from stages import (
    Stage,
    beyond,
    bid,
    closing_price,
    guard,
    held,
    points,
    stop_of,
    target_of,
    terms,
)
from stepping import NOW, STILL
from witness import Witness

BUY = Direction.BUY
on_either_side = pytest.mark.parametrize("side", Direction)


def stops(**changes: Any) -> Policy:
    """Return the usual policy but for some numbers of the stops."""
    return replace(NOW, defence=replace(NOW.defence, stops=replace(NOW.defence.stops, **changes)))


class Hasty(Witness):
    """A terminal whose bot moves its target after DTMS has read the position."""

    target: float | None = None

    def move(self) -> None:
        if self.target is not None:
            control.modify_position(control.positions()[0].ticket, take_profit=self.target)
            self.target = None

    async def quote(self, symbol: str) -> Quote:
        self.move()
        return await super().quote(symbol)


class Late(Hasty):
    """A terminal whose bot moves its target right after an order of DTMS."""

    async def quote(self, symbol: str) -> Quote:
        return await Witness.quote(self, symbol)

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        answer = await super().send(order, comment, magic, deviation_points)
        self.move()
        return answer


@on_either_side
async def test_a_target_that_its_bot_moves_between_two_cycles_is_not_put_back(
    side: Direction, stage: Stage
) -> None:
    async with stage.play(SAGGING.seen_by(side), STILL) as house:
        ticket = await guard(house, side, target=900)
        await house.bars(3)
        moved = beyond(side, closing_price(side), 600)
        control.modify_position(ticket, take_profit=moved)
        await house.bars(1)
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]
        assert target_of(ticket) == moved


@on_either_side
async def test_a_target_that_its_bot_moves_within_a_cycle_is_not_put_back(
    side: Direction, stage: Stage
) -> None:
    script = SAGGING.seen_by(side)
    async with stage.play(script, terminal=Hasty) as house:
        ticket = await guard(house, side, target=900)
        moved = beyond(side, closing_price(side), 600)
        assert isinstance(stage.terminal, Hasty)
        stage.terminal.target = moved
        await house.step()
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]
        assert target_of(ticket) == moved


async def test_a_stop_was_moved_also_where_its_bot_moves_the_target_right_after(
    stage: Stage,
) -> None:
    async with stage.play(SAGGING, terminal=Late) as house:
        ticket = await guard(house, target=900)
        assert isinstance(stage.terminal, Late)
        stage.terminal.target = moved = beyond(BUY, bid(), 600)
        await house.step()
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]
        assert target_of(ticket) == moved


async def test_a_target_that_is_taken_away_stays_away(stage: Stage) -> None:
    async with stage.play(SAGGING, STILL) as house:
        ticket = await guard(house, target=900)
        await house.bars(3)
        control.modify_position(ticket, take_profit=None)
        await house.bars(1)
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]
        assert target_of(ticket) is None


@on_either_side
async def test_a_stop_that_is_nearer_already_is_left_where_it_is(
    side: Direction, stage: Stage
) -> None:
    async with stage.play(SAGGING.seen_by(side)) as house:
        ticket = await guard(house, side, stop=45)  # and the noise alone is 51
        before = terms(ticket)
        await house.step()
        assert (await house.trade(ticket)).state is State.WARNING_L1
        assert (terms(ticket), stage.sent) == (before, [])
        assert (await house.trade(ticket)).defence.owed == ()


@on_either_side
async def test_a_stop_is_never_loosened_by_us_in_hours_of_ups_and_downs(
    side: Direction, stage: Stage
) -> None:
    wave = (*rise(3, bars=5), *flat(4), *fall(3, bars=5), *calm(12))
    async with stage.play(Script((*crash(), *flat(24)), wave * 3).seen_by(side)) as house:
        ticket = await guard(house, side, stop=900)
        before = held(ticket)
        moved = 0
        for _ in range(70):
            await house.bars()
            now = held(ticket)
            if now is None or before is None:
                break
            assert points(side, now.sl, before.sl) >= 0
            moved += now.sl != before.sl
            before = now
        assert moved > 1


async def test_a_stop_that_somebody_loosens_is_told_and_kept(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        await house.step()
        loose = beyond(BUY, bid(), -800)
        control.modify_position(ticket, stop_loss=loose)
        await house.bars(3)
        assert stop_of(ticket) == loose
        last = (await house.told(ticket))[-1]
        assert isinstance(last, TradeChanged)
        assert (last.cause, last.after.stop_loss) == (ChangeCause.OUTSIDE, loose)


@on_either_side
async def test_a_trade_without_a_stop_gets_one_at_2_r_once_its_grace_is_over(
    side: Direction, stage: Stage
) -> None:
    async with stage.play(QUIET.seen_by(side), STILL) as house:
        ticket = await guard(house, side, stop=None, target=900)
        target = target_of(ticket)
        await house.bars(2)
        assert stop_of(ticket) is None
        r = (await house.trade(ticket)).terms.r_distance
        await house.bars(1)
        position = held(ticket)
        assert position is not None
        assert r is not None
        assert points(side, position.price_open, position.sl) == pytest.approx(2 * r / 1e-5, abs=1)
        assert position.tp == target
        assert await house.outcomes(ticket) == ["SET_MISSING_STOP DONE"]


async def test_a_stop_that_somebody_took_away_is_not_set_again(stage: Stage) -> None:
    async with stage.play(QUIET) as house:
        own, given = await guard(house), await guard(house, stop=None)
        await house.step()
        for ticket in (own, given):
            control.modify_position(ticket, stop_loss=None)
        await house.bars(3)
        assert [stop_of(ticket) for ticket in (own, given)] == [None, None]
        assert await house.outcomes(own) == []
        assert await house.outcomes(given) == ["SET_MISSING_STOP DONE"]


async def test_missing_stops_may_be_none_of_our_business(stage: Stage) -> None:
    async with stage.play(QUIET, stops(set_missing_stop=False)) as house:
        await guard(house, stop=None)
        await house.bars(2)
        assert stage.sent == []


@on_either_side
async def test_break_even_stays_pending_until_the_price_is_past_it(
    side: Direction, stage: Stage
) -> None:
    script = replace(SINKING, future=(*flat(6), *rise(1.2, bars=2), *flat(3)))
    async with stage.play(script.seen_by(side)) as house:
        ticket = await guard(house, side)
        stop = stop_of(ticket)
        await house.bars(6)
        assert stop_of(ticket) == stop
        await house.bars(2)
        even = held(ticket)
        assert even is not None
        commission = round(2 * 3.5 * 0.4 / (0.4 * 1.0))  # of both ways, in points
        assert points(side, even.sl, even.price_open) == 8 + commission
        assert points(side, closing_price(side), even.sl) >= 8 + 2 * 8


async def test_break_even_may_be_as_near_as_it_gets(stage: Stage) -> None:
    policy = stops(break_even_when_losing=LosingBreakEven.CLOSEST)
    async with stage.play(SINKING, policy) as house:
        ticket = await guard(house)
        await house.step()
        position = held(ticket)
        assert position is not None
        assert points(BUY, bid(), position.sl) == 8 + 2 * 8


@pytest.mark.parametrize(
    "conditions",
    [
        {"tick_size": 0.00005},
        {"stops_level": 90},
        {"execution": "exchange", "filling_mode": 0},
        {"execution": "instant"},
        {"execution": "request", "filling_mode": 2},
        {"volume_min": 0.1, "volume_step": 0.1},
    ],
    ids=str,
)
@on_either_side
async def test_a_strict_broker_has_nothing_to_object_to(
    side: Direction, conditions: dict[str, Any], stage: Stage
) -> None:
    own = {"EURUSD": conditions}
    async with stage.play(REBOUND.seen_by(side), conditions=own) as house:
        for stop in (None, 300, 1500):
            await guard(house, side, stop=stop, lots=0.8, target=1500)
        await house.bars(15)
        kinds = {action.kind for action in await house.actions()}
        assert kinds >= {"SET_MISSING_STOP", "CLOSE_HALF", "OPEN_HEDGE", "READD", "TRAIL_STOP"}
        refused = [each for each in stage.sent if each.answer and each.answer.retcode != 10009]
        assert refused == []


async def test_a_stop_within_the_freeze_level_is_moved_once_it_has_thawed(stage: Stage) -> None:
    frozen = {"EURUSD": {"freeze_level": 130}}
    script = replace(SAGGING, future=(*flat(3), *rise(1, bars=2), *flat(6)))
    async with stage.play(script, conditions=frozen) as house:
        ticket = await guard(house, stop=120)
        await house.bars(2)
        assert stage.sent == []
        await house.bars(3)
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]
        assert len(stage.sent) == 1
