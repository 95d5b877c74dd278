"""The rails of a replay: those that hold openings back count if they are asked for."""

from collections import Counter
from dataclasses import replace

import markets
import numpy as np
import pytest
from dtms_server.domain.action_kinds import OPENINGS, ActionKind
from dtms_server.domain.events import ActionBlocked, ActionDone
from dtms_server.domain.rails import Rail
from dtms_server.replay.book import Book
from dtms_server.replay.history import History
from dtms_server.replay.market import Moment, Moments
from dtms_server.replay.rails import BALANCE, AllRails, SpreadLimits
from dtms_server.replay.readings import Readings
from dtms_server.replay.run import run
from lives import BUY, EAGER, LONG, PLAIN, Life, eager
from replays import history, walk

SEEDS = range(6)
OF_OPENINGS = {Rail.SPREAD, Rail.EQUITY_DAY, Rail.EQUITY_HOUR, Rail.LOSING_STREAK}
OFTEN = {Rail.SPREAD, Rail.EQUITY_HOUR}
"""What occurs in these walks; hardly an account of one trade has a streak."""
DAY_OF_M5 = 288
SLACK = 5
"""Points of spread, and of prices that go nowhere."""


def blocked(lives: list[Life]) -> Counter[Rail]:
    return Counter(
        heard.event.rail
        for life in lives
        for heard in life.heard
        if isinstance(heard.event, ActionBlocked)
    )


def openings(lives: list[Life]) -> int:
    return sum(action.kind in OPENINGS for life in lives for action in life.actions(ActionDone))


def test_rails_hold_back_openings_and_nothing_else() -> None:
    railed = [
        stage.lived(life.entry, railed=True) for stage, lives in map(eager, SEEDS) for life in lives
    ]
    assert blocked(railed).keys() & OF_OPENINGS >= OFTEN
    for life in railed:
        for heard in life.heard:
            if isinstance(heard.event, ActionBlocked) and heard.event.rail in OF_OPENINGS:
                assert heard.event.action.kind in OPENINGS
    free = [life for seed in SEEDS for life in eager(seed)[1]]
    assert not blocked(free).keys() & OF_OPENINGS
    assert 0 < openings(railed) < openings(free)


def sliding(points_a_bar: int, bars: int) -> History:
    """30 hours that go nowhere, a fall, and a day that goes nowhere again."""
    still = [(1, 2, 2), (-1, 2, 2)]
    steps = still * (30 * 6) + [(-points_a_bar, 0, 0)] * bars + still * (24 * 6)
    return history(markets.drawn(steps, markets.M5))


@pytest.mark.parametrize(
    ("points_a_bar", "bars", "rail"),
    [(7, 36, Rail.EQUITY_DAY), (9, 12, Rail.EQUITY_HOUR), (4, 36, None)],
)
def test_a_loss_of_equity_holds_openings_back_until_the_broker_s_next_day(
    points_a_bar: int, bars: int, rail: Rail | None
) -> None:
    told = sliding(points_a_bar, bars)
    moments, readings = Moments(told), Readings(told, PLAIN)
    book = Book(told.symbol, commission=0.0)
    rails = AllRails(SpreadLimits(told, PLAIN.defence), PLAIN.defence, book, told)
    seen: dict[Rail, list[int]] = {}
    for bar in range(len(told)):
        moment = moments.at_close(bar, readings.at(bar))
        if bar == 0:
            book.open(BUY, 1.0, moment, None, None)
        rails.observe(moment, ())
        for kind in set(ActionKind) - OPENINGS:
            assert rails.blocking(kind, moment) is None
        if found := rails.blocking(ActionKind.OPEN_HEDGE, moment):
            seen.setdefault(found, []).append(bar)
    assert list(seen) == ([] if rail is None else [rail])
    for held in seen.values():
        assert held == list(range(held[0], 2 * DAY_OF_M5 - 1)), "from the loss to the day's end"
        lost = round((told.m5.close[held[0]] - told.m5.close[0]) * 100_000)
        assert lost == pytest.approx(-share_of(rail) * BALANCE, abs=points_a_bar + SLACK)


def share_of(rail: Rail | None) -> float:
    numbers = PLAIN.defence.rails
    return numbers.equity_day_share if rail is Rail.EQUITY_DAY else numbers.equity_hour_share


def test_a_replay_with_rails_blocks_what_one_without_does() -> None:
    stage, _ = eager(1)
    free, railed = (run(stage.history, replace(LONG, rails=on), EAGER) for on in (False, True))
    assert not free.tally.blocked.keys() & OF_OPENINGS
    assert railed.tally.blocked.keys() & OF_OPENINGS
    assert railed.twins["plain"] == free.twins["plain"]
    assert railed.twins["dtms"] != free.twins["dtms"]


def spread_of(moment: Moment) -> int:
    return moment.ask - moment.bid


@pytest.mark.parametrize("floor", [1.0, 25.0])
def test_the_spread_is_held_against_the_median_of_the_days_before(floor: float) -> None:
    told = history(walk(3, 1500))
    symbol = replace(PLAIN.defence.symbol, spread_floor_points=floor)
    limits = SpreadLimits(told, replace(PLAIN.defence, symbol=symbol))
    moments, readings = Moments(told), Readings(told, PLAIN)
    for bar in range(0, len(told), 50):
        moment = moments.at_close(bar, readings.at(bar))
        day = told.closes_at[bar] // 86_400 * 86_400
        before = [s for at, s in zip(told.m15.time, told.m15.spread, strict=True) if at < day]
        is_known = len(before) >= 96
        wanted = max(2 * float(np.median(before[-2880:])), floor) if is_known else None
        assert limits.points(moment) == wanted
        assert limits.is_exceeded(moment) is (wanted is not None and spread_of(moment) > wanted)
    assert wanted is not None
