"""A hedge belongs to its trade: it is sized by it, and tracked with it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from dtms_server.domain.events import ChangeCause, StateChanged, TradeChanged, TradeEvent
from dtms_server.domain.policy.defence import SymbolPolicy
from dtms_server.domain.policy.scoring import BandPolicy
from dtms_server.domain.trade import CloseReason, Direction, State
from dtms_server.terminal.simulator import control
from scripts import CRASHED, Script, fall, flat, rise
from stages import Stage, deals, guard, held, ours, points, stop_of, terms
from stepping import NOW

BUY, SELL = Direction


@pytest.mark.parametrize("side", Direction)
async def test_a_hedge_is_half_of_what_is_open_on_the_other_side_with_a_stop(
    side: Direction, stage: Stage
) -> None:
    async with stage.play(CRASHED.seen_by(side)) as house:
        ticket = await guard(house, side, lots=0.5, target=900)
        control.close_position(ticket, 0.2)
        before = terms(ticket)
        await house.step()
        [hedge] = ours()
        assert (hedge.volume, hedge.tp, hedge.magic) == (0.15, 0.0, house.policy.magic)
        assert hedge.type != (held(ticket) or hedge).type
        assert points(side, hedge.sl, hedge.price_open) > 0
        assert terms(ticket) == before
        known = (await house.trade(ticket)).terms.hedge
        assert known is not None
        assert (known.ticket, known.volume_lots) == (hedge.ticket, 0.15)


async def test_a_symbol_may_have_a_factor_of_its_own(stage: Stage) -> None:
    own = replace(NOW.defence, symbols={"EURUSD": SymbolPolicy(hedge_factor=0.25)})
    async with stage.play(CRASHED, replace(NOW, defence=own)) as house:
        await guard(house, lots=0.4)
        await house.step()
        assert [hedge.volume for hedge in ours()] == [0.1]


async def test_a_stop_that_the_broker_wants_further_away_is_further_away(stage: Stage) -> None:
    wide = {"EURUSD": {"stops_level": 150}}
    async with stage.play(CRASHED, conditions=wide) as house:
        await guard(house, stop=1000)
        await house.step()
        [hedge] = ours()
        assert points(BUY, hedge.sl, hedge.price_open) == 150 + 2 * 8


async def test_levels_that_are_jumped_over_are_not_acted(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.bars(4)
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]
        assert await house.moves(ticket) == [State.WARNING_L2, State.HEDGED]


async def test_flips_of_vwap_and_volume_hedge_a_trade_that_is_in_l2_already(stage: Stage) -> None:
    bands = BandPolicy(0.0, -2.0, -3.0, -5.0)
    policy = replace(NOW, scoring=replace(NOW.scoring, bands=bands))
    async with stage.play(Script((), (*fall(2.5, bars=9), *flat(3))), policy) as house:
        ticket = await guard(house, stop=1500)
        await house.bars(6)
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]
        await house.bars(1)
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE", "OPEN_HEDGE DONE"]
        [hedge] = ours()
        assert hedge.volume == 0.1


async def test_a_hedge_is_tracked_through_restarts_and_closed_with_its_trade(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        hedged = await house.trade(ticket)
    async with stage.again() as house:
        assert await house.trade(ticket) == hedged
        assert (await house.guard.status()).orphans == ()
        await house.bars(8)
    async with stage.again() as house:
        await house.bars(8)
        assert control.positions() == ()
        trade = await house.trade(ticket)
        assert (trade.state, trade.terms.hedge) == (State.CLOSED, None)
        assert await house.outcomes(ticket) == [
            "OPEN_HEDGE DONE",
            "CLOSE_BY DONE",
            "CLOSE_TRADE DONE",
        ]


async def test_a_hedge_that_somebody_changed_is_followed(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        control.close_position(ours()[0].ticket, 0.05)
        await house.step()
        hedge = (await house.trade(ticket)).terms.hedge
        assert hedge is not None
        assert hedge.volume_lots == 0.15
        last = (await house.told(ticket))[-1]
        assert isinstance(last, TradeChanged)
        assert last.cause is ChangeCause.OUTSIDE


async def test_a_hedge_larger_than_its_trade_is_reduced_to_it(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        control.close_position(ticket, 0.3)
        await house.step()
        assert [hedge.volume for hedge in ours()] == [0.1]
        assert (await house.outcomes(ticket))[-1] == "REDUCE_HEDGE DONE"
        assert (await house.trade(ticket)).state is State.HEDGED


async def test_a_hedge_that_is_stopped_out_leaves_its_trade_recovering(stage: Stage) -> None:
    async with stage.play(replace(CRASHED, future=(*rise(1, bars=1), *flat(6)))) as house:
        ticket = await guard(house)
        await house.step()
        [hedge] = ours()
        control.inject("late_deals", seconds=400.0)
        await house.bars(1)
        assert held(hedge.ticket) is None
        assert (await house.trade(ticket)).state is State.HEDGED  # nothing proves it yet
        await house.bars(2)
        trade = await house.trade(ticket)
        assert trade.state is State.RECOVERING
        assert trade.terms.hedge is None
        assert trade.terms.hedge_profit == pytest.approx(
            sum(deal.profit + deal.commission for deal in deals(hedge.ticket))
        )
        assert "(SL)" in _last_move(await house.told(ticket))


async def test_a_hedge_that_somebody_closed_leaves_its_trade_recovering(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        control.close_position(ours()[0].ticket)
        await house.step()
        assert (await house.trade(ticket)).state is State.RECOVERING
        assert f"({CloseReason.MANUAL})" in _last_move(await house.told(ticket))


def _last_move(told: Sequence[TradeEvent]) -> str:
    return [event.reason for event in told if isinstance(event, StateChanged)][-1]


@pytest.mark.parametrize("side", Direction)
async def test_a_netting_account_closes_half_instead(side: Direction, stage: Stage) -> None:
    async with stage.play(CRASHED.seen_by(side), account="netting") as house:
        ticket = await guard(house, side)
        stop = stop_of(ticket)
        await house.bars(8)
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]
        assert terms(ticket) == (0.2, stop, None)
        assert (await house.trade(ticket)).state is State.WARNING_L2


async def test_a_hedge_that_is_too_small_for_the_broker_is_told_and_half_is_closed(
    stage: Stage,
) -> None:
    coarse = {"EURUSD": {"volume_min": 0.2, "volume_step": 0.1}}
    own = replace(NOW.defence, symbol=SymbolPolicy(hedge_factor=0.25))
    async with stage.play(CRASHED, replace(NOW, defence=own), conditions=coarse) as house:
        ticket = await guard(house)
        await house.bars(3)
        assert await house.outcomes(ticket) == ["OPEN_HEDGE FAILED", "CLOSE_HALF DONE"]
        messages = [action.message for action in await house.actions(ticket)]
        assert any("VOLUME_TOO_SMALL" in message for message in messages)
