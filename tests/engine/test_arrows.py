"""Every arrow of both tables, by a buyer and a seller in scripted markets, with its orders."""

from dataclasses import replace

from dtms_server.domain.claims import HedgeDisposition
from dtms_server.domain.trade import CloseReason, Direction, State
from dtms_server.terminal.simulator import constants as c
from scripts import CRASHED, QUIET, SAGGING, SINKING, Script, crash, fall, flat, rise, slide
from stages import (
    Stage,
    beyond,
    closing_price,
    deals,
    held,
    ours,
    points,
    stop_of,
    target_of,
    terms,
)
from stepping import STILL, Steps
from walks import ALL, TAKEN, takes, walk


def atr(house: Steps, share: float) -> int:
    """Return a share of ATR(14, M15) in points, rounded up."""
    reading = house.guard.scores.reading("EURUSD")
    assert reading is not None
    return -int(-share * reading.analysis.m15.atr // 1e-5)  # type: ignore[union-attr]


STORY = Script(
    (),
    (
        *flat(3),
        *slide(-2, bars=6),
        *flat(8),
        *fall(0.7, bars=1),
        *flat(3),
        *rise(6, bars=6),
        *slide(2, bars=12),
        *rise(5, bars=9),
    ),
)
"""A market that slides, crashes, recovers and drifts on."""


@takes(
    "HEALTHY STEADY",
    "HEALTHY WEAK",
    "WARNING_L1 WEAK",
    "WARNING_L1 FAILING",
    "WARNING_L2 FAILING",
    "WARNING_L2 CRITICAL",
    "WARNING_L2 HEDGE_OPENED",
    "HEDGED HEDGE_GONE",
    "RECOVERING RECOVERED",
    "HEALTHY POSITION_GONE",
)
async def test_a_trade_goes_down_and_up_again_under_the_usual_policy(
    stage: Stage, side: Direction
) -> set[str]:
    async with stage.play(STORY.seen_by(side), STILL) as house:
        trade = await walk(house, side, stop=500, target=1000)
        ticket = trade.ticket
        target = target_of(ticket)

        await trade.bars(9)
        assert trade.at(State.WARNING_L1)
        stop = beyond(side, closing_price(side), -150)  # 0.3 R; its own stop gave R
        assert terms(ticket) == (0.4, stop, target)

        await trade.bars(3)
        assert trade.at(State.WARNING_L2)
        assert terms(ticket) == (0.2, stop, target)

        await trade.bars(6)
        assert trade.at(State.HEDGED)
        assert terms(ticket) == (0.2, stop, target)
        [hedge] = ours()
        assert terms(hedge.ticket) == (
            0.1,
            beyond(side, hedge.price_open, atr(house, 0.5)),
            None,
        )
        assert hedge.type == (side is Direction.BUY)  # a buyer's hedge sells, which is 1

        await trade.bars(4)
        assert trade.at(State.RECOVERING)
        assert deals(hedge.ticket)[-1].reason == c.DEAL_REASON_SL

        await trade.bars(3)
        assert trade.at(State.HEALTHY)
        assert terms(ticket) == (0.2, stop, target)
        [added] = ours()
        assert terms(added.ticket) == (0.1, stop, target)
        assert (await house.trade(added.ticket)).parent_ticket == ticket

        await trade.bars(2)
        trailed = terms(ticket)
        assert trailed is not None
        assert points(side, trailed[1] or 0.0, stop) > 0
        assert trailed == (0.2, trailed[1], target)

        await trade.bars(21)
        assert deals(ticket)[-1].reason == c.DEAL_REASON_TP
        assert await house.outcomes(ticket) == [
            "TIGHTEN_STOP DONE",
            "CLOSE_HALF DONE",
            "OPEN_HEDGE DONE",
            "READD DONE",
            "TRAIL_STOP DONE",
        ]
        assert all(
            sent.answer and sent.answer.retcode == c.TRADE_RETCODE_DONE for sent in stage.sent
        )
        return trade.arrows


@takes("HEALTHY SOFT")
async def test_a_soft_score_leaves_a_trade_alone(stage: Stage, side: Direction) -> set[str]:
    async with stage.play(Script((*crash(), *flat(45)), flat(8)).seen_by(side)) as house:
        trade = await walk(house, side)
        await trade.bars(6)
        assert stage.sent == []
        return trade.arrows


@takes("HEALTHY WEAK", "HEALTHY STEADY", "WARNING_L1 WEAK", "WARNING_L1 SOFT", "WARNING_L1 STEADY")
async def test_a_warned_trade_is_well_again_only_when_its_score_is_steady(
    stage: Stage, side: Direction
) -> set[str]:
    script = replace(SAGGING, future=(*flat(24), *rise(4, bars=8), *flat(12)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        await trade.bars(30)
        assert await house.moves(trade.ticket) == [State.WARNING_L1, State.HEALTHY]
        assert await house.outcomes(trade.ticket) == ["TIGHTEN_STOP DONE"]
        return trade.arrows


@takes("HEALTHY WEAK", "WARNING_L1 WEAK", "WARNING_L1 POSITION_GONE")
async def test_a_tightened_stop_may_be_hit(stage: Stage, side: Direction) -> set[str]:
    script = replace(SAGGING, future=(*flat(2), *crash(3, bars=1), *flat(4)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        stop = stop_of(trade.ticket)
        await trade.bars(3)
        closing = (await house.trade(trade.ticket)).closing
        assert closing is not None
        assert closing.reason is CloseReason.SL
        assert points(side, closing.price, stop or 0.0) <= 0
        return trade.arrows


@takes(
    "HEALTHY FAILING",
    "HEALTHY STEADY",
    "WARNING_L1 STEADY",
    "WARNING_L2 FAILING",
    "WARNING_L2 WEAK",
    "WARNING_L2 STEADY",
)
async def test_a_failing_trade_that_turns_climbs_a_state_a_bar(
    stage: Stage, side: Direction
) -> set[str]:
    script = replace(SINKING, future=(*flat(2), *rise(4, bars=6), *flat(8)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        entry = held(trade.ticket)
        assert entry is not None
        assert entry.volume == 0.2
        await trade.bars(8)
        assert trade.at(State.WARNING_L1)
        even = held(trade.ticket)
        assert even is not None
        assert 0 < points(side, even.sl, even.price_open) < 30  # spread and commission are paid
        await trade.bars(2)
        assert trade.at(State.HEALTHY)
        assert await house.outcomes(trade.ticket) == ["CLOSE_HALF DONE", "BREAK_EVEN DONE"]
        return trade.arrows


@takes(
    "HEALTHY FAILING", "WARNING_L2 FAILING", "WARNING_L2 WEAK", "WARNING_L2 SOFT", "WARNING_L1 SOFT"
)
async def test_a_soft_score_lifts_a_trade_by_one_state(stage: Stage, side: Direction) -> set[str]:
    script = replace(SINKING, future=(*SINKING.future, *flat(20)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        await trade.bars(44)
        assert await house.moves(trade.ticket) == [State.WARNING_L2, State.WARNING_L1]
        assert await house.outcomes(trade.ticket) == ["CLOSE_HALF DONE"]
        return trade.arrows


@takes("HEALTHY FAILING", "WARNING_L2 FAILING", "WARNING_L2 WEAK", "WARNING_L2 POSITION_GONE")
async def test_a_trade_that_falls_back_to_break_even_costs_nothing(
    stage: Stage, side: Direction
) -> set[str]:
    script = replace(SINKING, future=(*flat(2), *rise(1, bars=2), *fall(1.5, bars=1), *flat(4)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        await trade.bars(5)
        closing = (await house.trade(trade.ticket)).closing
        assert closing is not None
        assert closing.reason is CloseReason.SL
        return trade.arrows


@takes("HEALTHY CRITICAL", "WARNING_L2 HEDGE_OPENED", "HEDGED POSITION_GONE")
async def test_a_hedge_that_leads_nowhere_is_closed_with_its_trade(
    stage: Stage, side: Direction
) -> set[str]:
    async with stage.play(CRASHED.seen_by(side)) as house:
        trade = await walk(house, side)
        [hedge] = ours()
        assert hedge.volume == 0.2
        assert terms(trade.ticket) is not None
        await trade.bars(15)
        assert (held(trade.ticket), ours()) == (None, [])
        assert [deal.entry for deal in deals(hedge.ticket)] == [
            c.DEAL_ENTRY_IN,
            c.DEAL_ENTRY_OUT_BY,
        ]
        assert await house.outcomes(trade.ticket) == [
            "OPEN_HEDGE DONE",
            "CLOSE_BY DONE",
            "CLOSE_TRADE DONE",
        ]
        return trade.arrows


@takes(
    "HEALTHY STEADY",
    "HEALTHY SOFT",
    "HEALTHY WEAK",
    "WARNING_L1 WEAK",
    "WARNING_L1 CRITICAL",
    "WARNING_L2 HEDGE_OPENED",
)
async def test_a_warned_trade_is_hedged_without_the_level_between(
    stage: Stage, side: Direction
) -> set[str]:
    script = Script((), (*fall(2.5, bars=9), *flat(3)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side, stop=1500)
        await trade.bars(9)
        assert trade.at(State.HEDGED)
        assert await house.outcomes(trade.ticket) == ["TIGHTEN_STOP DONE", "OPEN_HEDGE DONE"]
        return trade.arrows


@takes(
    "HEALTHY CRITICAL", "WARNING_L2 HEDGE_OPENED", "HEDGED HEDGE_GONE", "RECOVERING POSITION_GONE"
)
async def test_a_trade_that_does_not_recover_is_closed(stage: Stage, side: Direction) -> set[str]:
    script = replace(CRASHED, future=(*flat(1), *rise(1, bars=1), *flat(12)))
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        await trade.bars(7)
        assert trade.at(State.RECOVERING)
        assert ours() == []
        await trade.bars(1)
        assert held(trade.ticket) is None
        assert await house.outcomes(trade.ticket) == ["OPEN_HEDGE DONE", "CLOSE_TRADE DONE"]
        return trade.arrows


@takes("HEALTHY STEADY", "HEALTHY RELEASED", "RELEASED REARMED")
async def test_a_released_trade_may_be_armed_again(stage: Stage, side: Direction) -> set[str]:
    async with stage.play(QUIET.seen_by(side)) as house:
        trade = await walk(house, side)
        await house.guard.registration.release(trade.ticket)
        await house.register(trade.ticket, side)
        await trade.look()
        return trade.arrows


@takes("HEALTHY WEAK", "WARNING_L1 RELEASED", "RELEASED REARMED")
async def test_a_warned_trade_may_be_released(stage: Stage, side: Direction) -> set[str]:
    return await _released(stage, side, SAGGING)


@takes("HEALTHY FAILING", "WARNING_L2 RELEASED", "RELEASED REARMED")
async def test_a_failing_trade_may_be_released(stage: Stage, side: Direction) -> set[str]:
    return await _released(stage, side, SINKING)


@takes("HEALTHY CRITICAL", "WARNING_L2 HEDGE_OPENED", "HEDGED RELEASED", "RELEASED REARMED")
async def test_a_hedged_trade_may_be_released_with_its_hedge_left(
    stage: Stage, side: Direction
) -> set[str]:
    arrows = await _released(stage, side, CRASHED, HedgeDisposition.LEAVE)
    assert len(ours()) == 1
    return arrows


@takes(
    "HEALTHY CRITICAL",
    "WARNING_L2 HEDGE_OPENED",
    "HEDGED HEDGE_GONE",
    "RECOVERING RELEASED",
    "RELEASED REARMED",
)
async def test_a_hedged_trade_may_be_released_without_its_hedge(
    stage: Stage, side: Direction
) -> set[str]:
    arrows = await _released(stage, side, CRASHED, HedgeDisposition.CLOSE)
    assert ours() == []
    return arrows


def test_every_arrow_of_both_tables_is_taken() -> None:
    assert TAKEN == ALL


async def _released(
    stage: Stage, side: Direction, script: Script, hedge: HedgeDisposition | None = None
) -> set[str]:
    async with stage.play(script.seen_by(side)) as house:
        trade = await walk(house, side)
        before = terms(trade.ticket)
        await house.guard.registration.release(trade.ticket, hedge)
        await trade.look()
        await house.bars()
        assert terms(trade.ticket) == before  # nobody defends it any more
        await house.register(trade.ticket, side)
        await trade.look()
        return trade.arrows
