"""Scores of guarded trades: from closed bars only, and never a 0 where there is none."""

import asyncio
from collections.abc import Callable

from dtms_server.domain.analysis import Analysis
from dtms_server.domain.scoring import Score
from dtms_server.domain.trade import Direction
from dtms_server.engine.scores import NoScore
from dtms_server.terminal.simulator import control
from house import PATIENCE_SECONDS, House


async def score_of(house: House, ticket: int, fits: Callable[[Score | NoScore], bool]) -> object:
    """Wait until the trade's score is as wanted, and return it."""
    scores = house.guard.scores
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            newer = scores.change
            score = scores.of(await house.trade(ticket))
            if fits(score):
                return score
            await newer.wait()


def is_score(score: Score | NoScore) -> bool:
    return isinstance(score, Score)


async def test_a_guarded_trade_is_scored_from_the_last_closed_bar(house: House) -> None:
    control.advance(130)
    ticket = await house.guarded()
    score = await score_of(house, ticket, is_score)
    assert isinstance(score, Score)
    now = control.clock()[0]
    assert 0 <= (now - score.bar_closed_at).total_seconds() < 300
    assert score.value == sum(each.points * each.weight for each in score.points)


async def test_a_new_closed_bar_gives_a_new_score(house: House) -> None:
    ticket = await house.guarded()
    first = await score_of(house, ticket, is_score)
    assert isinstance(first, Score)
    control.advance(300)
    later = await score_of(
        house, ticket, lambda s: isinstance(s, Score) and s.bar_closed_at > first.bar_closed_at
    )
    assert isinstance(later, Score)
    assert (later.bar_closed_at - first.bar_closed_at).total_seconds() == 300


async def test_both_sides_share_one_analysis(house: House) -> None:
    buy = await house.guarded()
    sell = house.open(Direction.SELL)
    await house.register(sell, Direction.SELL)
    for ticket in (buy, sell):
        await score_of(house, ticket, is_score)
    reading = house.guard.scores.reading("EURUSD")
    assert reading is not None
    assert isinstance(reading.analysis, Analysis)
    assert set(reading.scores) == set(Direction)


async def test_an_error_is_no_score_and_says_why_and_heals(house: House) -> None:
    ticket = await house.guarded()
    await score_of(house, ticket, is_score)
    control.inject("none", call="copy_rates_from_pos", count=1_000)
    control.advance(300)
    missing = await score_of(house, ticket, lambda score: isinstance(score, NoScore))
    assert isinstance(missing, NoScore)
    assert "copy_rates_from_pos" in missing.reason
    control.clear_faults()
    await score_of(house, ticket, is_score)


async def test_a_trade_that_is_not_guarded_has_no_score(house: House) -> None:
    ticket = await house.guarded()
    await house.guard.registration.release(ticket)
    assert house.guard.scores.of(await house.trade(ticket)) == NoScore("it is not guarded")


async def test_a_closed_market_keeps_its_last_score(house: House) -> None:
    ticket = await house.guarded()
    control.advance(5 * 86_400)  # from Monday morning to Saturday
    await house.cycles()
    score = await score_of(house, ticket, is_score)
    assert isinstance(score, Score)
    assert (control.clock()[0] - score.bar_closed_at).total_seconds() > 3600


async def test_while_the_terminal_is_lost_there_is_no_score(house: House) -> None:
    ticket = await house.guarded()
    await score_of(house, ticket, is_score)
    control.inject("disconnect")
    await score_of(house, ticket, lambda score: isinstance(score, NoScore))
    control.clear_faults()
    await score_of(house, ticket, is_score)
