"""An observed trade gets advice and never an order."""

from dataclasses import replace

import pytest
from dtms_server.domain.actions import Verb
from dtms_server.domain.errors import TradeHedged
from dtms_server.domain.events import ActionAdvised
from dtms_server.domain.trade import Direction, Protection, State
from dtms_server.terminal.simulator import control
from scripts import (
    CRASHED,
    QUIET,
    REBOUND,
    SAGGING,
    SINKING,
    Script,
    calm,
    crash,
    flat,
    rise,
    slide,
)
from stages import Stage, guard, held, ours, terms
from stepping import Steps

OBSERVE, PROTECT = Protection.OBSERVE, Protection.PROTECT
UPHILL = Script((), (*rise(3, bars=6), *calm(48), *rise(4, bars=6), *flat(6)))
"""Two breaks in a buyer's favour, with a wave between."""


async def observe(house: Steps, ticket: int, protection: Protection = OBSERVE) -> None:
    """Have a caller change a trade's protection."""
    await house.guard.registration.update(ticket, protection, None)


@pytest.mark.parametrize("side", Direction)
@pytest.mark.parametrize("stop", [None, 500, 2000])
@pytest.mark.parametrize(
    "script", [QUIET, SAGGING, SINKING, CRASHED, REBOUND, UPHILL], ids=range(6)
)
async def test_nothing_is_ever_sent_for_an_observed_trade(
    script: Script, stop: int | None, side: Direction, stage: Stage
) -> None:
    async with stage.play(script.seen_by(side)) as house:
        ticket = await guard(house, side, stop=stop, target=900, protection=OBSERVE)
        before = terms(ticket)
        for _ in range(20):
            await house.bars()
            assert terms(ticket) in (before, None)
        assert (stage.sent, ours(), await house.actions()) == ([], [], [])


@pytest.mark.parametrize(
    ("script", "advice"),
    [
        (QUIET, []),
        (SAGGING, ["TIGHTEN_STOP"]),
        (SINKING, ["CLOSE_HALF"]),
        (CRASHED, ["OPEN_HEDGE"]),
    ],
)
async def test_what_would_have_been_done_is_advised_once(
    script: Script, advice: list[str], stage: Stage
) -> None:
    async with stage.play(script) as house:
        ticket = await guard(house, protection=OBSERVE)
        await house.bars(12)
        assert await house.advice(ticket) == advice


async def test_advice_tells_the_order_that_it_stands_for(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house, lots=0.4, protection=OBSERVE)
        await house.step()
        [advised] = [e for e in await house.told(ticket) if isinstance(e, ActionAdvised)]
        order = advised.action.order
        assert (order.verb, order.direction, order.volume_lots) == (Verb.OPEN, "SELL", 0.2)
        assert order.stop_loss is not None
        assert (advised.action.id, advised.action.sends) == ("", 0)


async def test_states_move_as_those_of_any_trade(stage: Stage) -> None:
    script = replace(SAGGING, future=(*flat(20), *rise(4, bars=8), *flat(12)))
    async with stage.play(script) as house:
        ticket = await guard(house, protection=OBSERVE)
        await house.bars(30)
        assert await house.moves(ticket) == [State.WARNING_L1, State.HEALTHY]


async def test_a_missing_stop_is_advised_once_and_set_once_the_trade_is_protected(
    stage: Stage,
) -> None:
    async with stage.play(QUIET) as house:
        ticket = await guard(house, stop=None, protection=OBSERVE)
        await house.bars(3)
        assert await house.advice(ticket) == ["SET_MISSING_STOP"]
        await observe(house, ticket, PROTECT)
        await house.bars(1)
        assert await house.outcomes(ticket) == ["SET_MISSING_STOP DONE"]


async def test_a_hedge_that_was_advised_is_opened_once_the_trade_is_protected(
    stage: Stage,
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house, protection=OBSERVE)
        await house.bars(3)
        await observe(house, ticket, PROTECT)
        await house.step()
        assert await house.outcomes(ticket) == ["OPEN_HEDGE DONE"]
        assert (await house.trade(ticket)).state is State.HEDGED


async def test_every_break_in_favour_is_advised(stage: Stage) -> None:
    async with stage.play(UPHILL) as house:
        ticket = await guard(house, stop=2000, protection=OBSERVE)
        await house.bars(64)
        assert await house.moves(ticket) == []
        assert await house.advice(ticket) == ["TRAIL_STOP", "TRAIL_STOP"]


async def test_every_descent_is_advised(stage: Stage) -> None:
    again = (*flat(20), *rise(4, bars=8), *flat(16), *slide(-4, bars=8), *flat(12))
    async with stage.play(replace(SAGGING, future=again)) as house:
        ticket = await guard(house, stop=2000, protection=OBSERVE)
        await house.bars(60)
        assert (await house.moves(ticket)).count(State.WARNING_L1) == 2
        assert (await house.advice(ticket)).count("TIGHTEN_STOP") == 2  # type: ignore[arg-type]


async def test_a_trade_with_a_hedge_cannot_become_observed(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        with pytest.raises(TradeHedged, match=str(ours()[0].ticket)):
            await observe(house, ticket)
        assert (await house.trade(ticket)).terms.protection is PROTECT


@pytest.mark.parametrize("executed", [True, False])
async def test_a_trade_whose_hedge_may_be_open_cannot_become_observed(
    executed: bool, stage: Stage
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        control.inject("timeout", order="open", executed=executed, seconds=50.0)
        await house.step()
        with pytest.raises(TradeHedged):
            await observe(house, ticket)
    async with stage.again() as house:
        with pytest.raises(TradeHedged):
            await observe(house, ticket)


async def test_an_observed_trade_stays_observed_through_a_restart(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house, protection=OBSERVE)
        await house.step()
    async with stage.again() as house:
        await house.bars(6)
        assert await house.advice(ticket) == ["TIGHTEN_STOP"]
        assert stage.sent == []


async def test_nothing_is_sent_from_the_moment_that_a_trade_is_observed(stage: Stage) -> None:
    script = replace(SINKING, future=(*flat(3), *rise(2, bars=2), *flat(6)))
    async with stage.play(script) as house:
        ticket = await guard(house)
        await house.bars(1)
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]
        await observe(house, ticket)
        await house.bars(8)
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]
        assert await house.advice(ticket) == ["BREAK_EVEN"]
        assert len(stage.sent) == 1


async def test_a_timer_of_an_observed_trade_is_advised_once_and_closes_nothing(
    stage: Stage,
) -> None:
    script = replace(CRASHED, future=(*flat(1), *rise(1, bars=1), *flat(24)))
    async with stage.play(script) as house:
        ticket = await guard(house, stop=2000)
        await house.bars(2)
        assert (await house.trade(ticket)).state is State.RECOVERING
        await observe(house, ticket)
        sent = len(stage.sent)
        await house.bars(14)
        assert await house.advice(ticket) == ["CLOSE_TRADE"]
        assert (len(stage.sent), held(ticket) is None) == (sent, False)
        trade = await house.trade(ticket)
        assert (trade.state, trade.defence.exit_reason) == (State.RECOVERING, None)
        await observe(house, ticket, PROTECT)
        await house.step()
        assert held(ticket) is None


async def test_an_observed_trade_next_to_a_protected_one_is_left_alone(stage: Stage) -> None:
    async with stage.play(Script((), (*crash(5), *flat(12)))) as house:
        watched = await guard(house, stop=2000, protection=OBSERVE)
        guarded = await guard(house, stop=2000)
        await house.bars(6)
        assert await house.outcomes(watched) == []
        assert await house.outcomes(guarded) == ["OPEN_HEDGE DONE"]
