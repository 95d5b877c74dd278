"""One guarded trade of a replay, moment by moment: analyses as told, prices that stand still."""

from dataclasses import replace
from datetime import datetime, timedelta

import analyses
import markets
import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.analysis import Analysis
from dtms_server.domain.analysis.structure import Break, BreakKind, Structure, Swing
from dtms_server.domain.rails import Rail
from dtms_server.domain.scoring import score
from dtms_server.domain.trade import Direction, State
from dtms_server.replay.book import Book
from dtms_server.replay.guarded import Guarded
from dtms_server.replay.market import Moment, Moments
from dtms_server.replay.rails import ClosedMarket, SpreadLimits
from dtms_server.replay.readings import Reading
from dtms_server.replay.tally import Tally
from lives import BUY, PLAIN, SELL
from replays import history

BAR, SPREAD = 400, 2
HARMLESS, WIDE = SPREAD, 30
WEAK = analyses.broken(SELL, 0)
CRITICAL = replace(WEAK, vwap_side=-1, pressure=-9.0, volume_flips=frozenset({BUY}))


class Desk:
    """A trade of 1.00 lot, bought in a market that then stands still."""

    def __init__(self) -> None:
        told = history(markets.walk(3, 600))
        limits = SpreadLimits(told, PLAIN.defence)
        self.tally = Tally.of(PLAIN.scoring.points)
        self.book = Book(told.symbol, commission=0.0)
        self.guarded = Guarded(self.book, ClosedMarket(limits, PLAIN.defence), PLAIN, self.tally)
        self.first = Moments(told).at_close(BAR, read(analyses.CALM, at(told.closes_at[BAR])))
        stop = self.first.bid - 500
        self.held = self.book.open(BUY, 1.0, self.first, stop, None)
        self.guarded.arm(self.held, self.first)
        self.guarded.live(self.first)

    def live(
        self,
        minutes: float,
        analysis: Analysis | None,
        *,
        spread: int = HARMLESS,
        is_open: bool = True,
    ) -> State:
        """Live through the moment so long after the entry; return the state that follows."""
        now = self.first.at + timedelta(minutes=minutes)
        quote = replace(self.first.quote, at=now)
        reading = read(analysis, now) if analysis else None
        ask = self.first.bid + spread
        moment = replace(self.first, at=now, ask=ask, quote=quote, reading=reading, is_open=is_open)
        self.guarded.live(moment)
        return self.guarded.trades[self.held.ticket].state


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, markets.MONDAY.tzinfo)


def read(analysis: Analysis, now: datetime) -> Reading:
    told = replace(analysis, bar_closed_at=now)
    return Reading(now, told, {side: score(told, side, PLAIN.scoring) for side in Direction})


def in_favour(now: datetime) -> Analysis:
    """A calm market in which a high was broken just now."""
    swing = Swing(1.1, now - timedelta(hours=2))
    found = Break(BUY, BreakKind.BOS, swing, now, bars_ago=0)
    return analyses.on_m15(structure=Structure(analyses.NOTHING, analyses.NOTHING, found))


def test_while_a_timer_waits_for_the_spread_what_else_is_wished_for_is_done() -> None:
    desk = Desk()
    assert desk.live(20, CRITICAL) is State.HEDGED
    now = desk.first.at + timedelta(minutes=97)
    assert desk.live(97, in_favour(now), spread=WIDE) is State.RECOVERING
    assert desk.tally.actions[ActionKind.CLOSE_HEDGE] == 1
    assert desk.tally.actions[ActionKind.CLOSE_BY] == 0


@pytest.mark.parametrize(
    ("minutes", "spread", "state"),
    [
        (94, HARMLESS, State.HEDGED),
        (95, HARMLESS, State.CLOSED),
        (95, WIDE, State.HEDGED),
        (99, WIDE, State.HEDGED),
        (100, WIDE, State.CLOSED),
    ],
)
def test_a_timer_acts_when_it_runs_out_or_five_minutes_later_whatever_the_spread(
    minutes: float, spread: int, state: State
) -> None:
    desk = Desk()
    assert desk.live(20, CRITICAL) is State.HEDGED
    assert desk.live(minutes, analyses.CALM, spread=spread) is state


def test_what_is_owed_outlasts_a_closed_market_and_bars_that_are_too_old() -> None:
    desk = Desk()
    assert desk.live(20, WEAK, is_open=False) is State.WARNING_L1
    assert desk.live(600, None) is State.WARNING_L1
    assert desk.tally.actions[ActionKind.TIGHTEN_STOP] == 0
    assert desk.live(615, WEAK) is State.WARNING_L1
    assert desk.tally.actions[ActionKind.TIGHTEN_STOP] == 1
    assert desk.tally.blocked == {Rail.MARKET_CLOSED: 1, Rail.STALE_DATA: 1}
    assert not desk.tally.not_done


def test_a_blocked_action_is_told_once() -> None:
    desk = Desk()
    for minutes in (20, 25, 30):
        desk.live(minutes, WEAK, is_open=False)
    assert desk.tally.blocked == {Rail.MARKET_CLOSED: 1}


def test_a_hedge_whose_trade_is_gone_is_closed_in_the_same_moment() -> None:
    desk = Desk()
    assert desk.live(20, CRITICAL) is State.HEDGED
    stopped: Moment = replace(desk.first, bid=desk.first.bid - 600, ask=desk.first.bid - 598)
    desk.book.strike(stopped)
    desk.guarded.live(stopped)
    assert desk.guarded.trades[desk.held.ticket].state is State.CLOSED
    assert not desk.book.held
    assert desk.tally.actions[ActionKind.CLOSE_HEDGE] == 1
