"""What is wished for a trade in each state, the most urgent first: stops, hedges, exits."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.analysis.structure import BreakKind
from dtms_server.domain.events import TradeClosed, TradeReleased, apply
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import DefencePolicy, HedgeExit, StatePolicy, StopPolicy
from dtms_server.domain.trade import Direction, State, Trade
from ledgers import CLOSING
from situations import (
    AT,
    BAR,
    HEDGE,
    HOUR,
    POLICY,
    VALUES,
    a_break,
    a_hedge,
    a_trade,
    decided,
    hedged,
    kinds,
    seen,
    with_terms,
)
from sizes import BUY, SELL, a_position

HEALTHY, L1, L2 = State.HEALTHY, State.WARNING_L1, State.WARNING_L2
HEDGED, RECOVERING = State.HEDGED, State.RECOVERING
BOS, CHOCH = BreakKind.BOS, BreakKind.CHOCH
TRAIL, MISSING = ActionKind.TRAIL_STOP, ActionKind.SET_MISSING_STOP
OPEN_HEDGE, REDUCE, CLOSE_HEDGE = (
    ActionKind.OPEN_HEDGE,
    ActionKind.REDUCE_HEDGE,
    ActionKind.CLOSE_HEDGE,
)
CLOSE_BY, CLOSE_TRADE = ActionKind.CLOSE_BY, ActionKind.CLOSE_TRADE
BOTH = [CLOSE_BY, CLOSE_TRADE, CLOSE_HEDGE]
MINUTE = timedelta(minutes=1)
ON_CHOCH = replace(POLICY, defence=DefencePolicy(states=StatePolicy(hedge_exit_on=HedgeExit.CHOCH)))


@pytest.mark.parametrize("kind", BreakKind)
def test_a_break_in_favour_trails_the_stop_of_a_healthy_trade_once(kind: BreakKind) -> None:
    found = a_break(BUY, kind, AT)
    assert kinds(decided(a_trade(), seen(found=found))) == [TRAIL]
    assert kinds(decided(a_trade(trailed_at=AT), seen(found=found))) == []
    assert kinds(decided(a_trade(trailed_at=AT - BAR), seen(found=found))) == [TRAIL]
    assert kinds(decided(a_trade(), seen(found=a_break(SELL, kind)))) == []


def test_a_sell_trails_by_a_break_downwards() -> None:
    trade, position = a_trade(direction=SELL), a_position(SELL)
    assert kinds(decided(trade, seen(position=position, found=a_break(SELL)))) == [TRAIL]
    assert kinds(decided(trade, seen(position=position, found=a_break(BUY)))) == []


@pytest.mark.parametrize(("state", "value"), [(L1, -1.0), (L2, -3.0), (RECOVERING, 0.0)])
def test_only_a_healthy_trade_is_trailed(state: State, value: float) -> None:
    assert kinds(decided(a_trade(state), seen(value, found=a_break(BUY)))) == []


BARE = a_position(stop_loss=None)


@pytest.mark.parametrize("state", [HEALTHY, L1, L2, RECOVERING])
def test_a_trade_that_came_without_a_stop_gets_one(state: State) -> None:
    situation = seen({L1: -1.0, L2: -3.0}.get(state, 0.0), position=BARE)
    assert kinds(decided(a_trade(state, position=BARE), situation)) == [MISSING]
    set_before = a_trade(state, position=BARE, missing_stop_set=True)
    assert kinds(decided(set_before, situation)) == []
    never = replace(POLICY, defence=DefencePolicy(stops=StopPolicy(set_missing_stop=False)))
    assert kinds(decided(a_trade(state, position=BARE), situation, never)) == []


def test_a_stop_that_somebody_has_taken_away_is_not_put_back() -> None:
    assert kinds(decided(a_trade(), seen(position=BARE))) == []


def test_a_stop_that_is_there_by_now_is_not_missing() -> None:
    assert kinds(decided(a_trade(position=BARE), seen())) == []


def test_the_hedge_of_a_trade_in_free_fall_goes_before_its_missing_stop() -> None:
    decision = decided(a_trade(position=BARE), seen(-7.0, position=BARE))
    assert kinds(decision)[:2] == [OPEN_HEDGE, MISSING]


def test_a_hedged_trade_rests() -> None:
    owing = a_trade(HEDGED, owed=(ActionKind.CLOSE_HALF,))
    bare = a_trade(HEDGED, position=BARE)
    for value in VALUES.values():
        assert kinds(decided(owing, seen(value, hedge=a_hedge()))) == []
        assert kinds(decided(bare, seen(value, hedge=a_hedge(), position=BARE))) == []


@pytest.mark.parametrize(
    ("held", "hedge_lots", "wished"),
    [(0.5, 0.25, []), (0.25, 0.25, []), (0.24, 0.25, [REDUCE]), (0.3, 0.1 + 0.2, [])],
)
def test_a_hedge_that_is_larger_than_its_trade_is_reduced(
    held: float, hedge_lots: float, wished: list[ActionKind]
) -> None:
    situation = hedged(position=a_position(volume_lots=held))
    situation = replace(situation, hedge=a_hedge(volume_lots=hedge_lots))
    assert kinds(decided(a_trade(HEDGED), situation)) == wished


def test_a_hedge_that_is_to_be_closed_is_not_reduced_first() -> None:
    situation = hedged(position=a_position(volume_lots=0.2), found=a_break(BUY))
    assert kinds(decided(a_trade(HEDGED), situation)) == [CLOSE_HEDGE, REDUCE]


@pytest.mark.parametrize("kind", BreakKind)
def test_a_break_in_favour_closes_the_hedge_by_its_own_ticket(kind: BreakKind) -> None:
    [wish] = decided(a_trade(HEDGED), hedged(found=a_break(BUY, kind))).wishes
    assert wish.kind is CLOSE_HEDGE
    assert not wish.exits


@pytest.mark.parametrize(
    ("kind", "policy", "wished"),
    [(BOS, POLICY, BOTH), (CHOCH, POLICY, BOTH), (BOS, ON_CHOCH, []), (CHOCH, ON_CHOCH, BOTH)],
)
def test_a_break_against_closes_both_by_the_policys_kind(
    kind: BreakKind, policy: Any, wished: list[ActionKind]
) -> None:
    decision = decided(a_trade(HEDGED), hedged(found=a_break(SELL, kind)), policy)
    assert kinds(decision) == wished
    assert all(wish.exits and wish.due_at is None for wish in decision.wishes)


@pytest.mark.parametrize("side", Direction)
def test_a_break_of_before_the_hedge_closes_nothing(side: Direction) -> None:
    found = a_break(side, at=HEDGE.opened_at)
    assert kinds(decided(a_trade(HEDGED), hedged(found=found))) == []
    after = a_break(side, at=HEDGE.opened_at + timedelta(seconds=1))
    assert kinds(decided(a_trade(HEDGED), hedged(found=after))) != []


@pytest.mark.parametrize(
    ("held", "hedge_lots", "order"),
    [
        (0.5, 0.25, [CLOSE_TRADE, CLOSE_HEDGE]),
        (0.25, 0.25, [CLOSE_TRADE, CLOSE_HEDGE]),
        (0.2, 0.25, [CLOSE_HEDGE, CLOSE_TRADE]),
    ],
)
def test_of_both_the_larger_goes_first(
    held: float, hedge_lots: float, order: list[ActionKind]
) -> None:
    position, hedge = a_position(volume_lots=held), a_hedge(volume_lots=hedge_lots)
    closing = a_trade(HEDGED, exit_reason="a reason")
    decision = decided(closing, seen(position=position, hedge=hedge))
    assert kinds(decision) == [CLOSE_BY, *order]


EXITS: list[tuple[Position | None, Position | None, list[ActionKind]]] = [
    (a_position(), a_hedge(), BOTH),
    (a_position(), None, [CLOSE_TRADE]),
    (None, a_hedge(), [CLOSE_HEDGE]),
    (None, None, []),
]


@pytest.mark.parametrize(("position", "hedge", "wished"), EXITS)
def test_an_exit_closes_what_is_there(
    position: Position | None, hedge: Position | None, wished: list[ActionKind]
) -> None:
    closing = a_trade(HEDGED, exit_reason="a reason")
    decision = decided(closing, seen(position=position, hedge=hedge))
    assert kinds(decision) == wished
    assert all(wish.exits and wish.reason == "a reason" for wish in decision.wishes)


@pytest.mark.parametrize("state", [HEALTHY, L1, L2, HEDGED, RECOVERING])
@pytest.mark.parametrize("value", [*VALUES.values(), 5.0])
@pytest.mark.parametrize("side", Direction)
def test_an_exit_on_disk_is_moved_by_nothing(state: State, value: float, side: Direction) -> None:
    closing = a_trade(state, exit_reason="a reason", deadline=AT - HOUR)
    decision = decided(closing, seen(value, found=a_break(side)))
    assert decision.events == ()
    assert kinds(decision) == [CLOSE_TRADE]
    assert decision.wishes[0].due_at is None, "it is pursued, whatever the price's age"


def test_a_hedge_that_goes_during_an_exit_leaves_the_trade_to_be_closed() -> None:
    closing = with_terms(a_trade(HEDGED, exit_reason="a reason"), hedge=None)
    assert kinds(decided(closing, seen())) == [CLOSE_TRADE]


@pytest.mark.parametrize("state", [HEALTHY, L1, L2, HEDGED, RECOVERING])
def test_nothing_is_wished_for_a_position_that_is_not_listed(state: State) -> None:
    trade = a_trade(state, owed=(ActionKind.CLOSE_HALF,), deadline=AT - HOUR)
    unlisted = seen(-3.0, position=None, hedge=a_hedge(), found=a_break(SELL))
    assert decided(trade, unlisted).wishes == ()


@pytest.mark.parametrize("state", [HEALTHY, L1, L2, HEDGED, RECOVERING])
@pytest.mark.parametrize("is_unconfirmed", [True, False])
def test_a_hedge_does_not_outlast_its_timer_while_its_trade_is_not_proved_closed(
    state: State, is_unconfirmed: bool
) -> None:
    trade = with_terms(timed(state, AT), closing_unconfirmed=is_unconfirmed)
    decision = decided(trade, seen(-3.0, position=None, hedge=a_hedge()))
    assert kinds(decision) == ([CLOSE_HEDGE] if is_unconfirmed and state is HEDGED else [])
    assert all(wish.exits and wish.due_at == AT for wish in decision.wishes)


def test_what_was_closed_in_a_descent_that_is_over_is_not_added_again() -> None:
    bars = POLICY.defence.states.descent_bars
    for held, wished in ((bars - 1, [ActionKind.READD, TRAIL]), (bars, [TRAIL])):
        owing = a_trade(since=AT - held * BAR, owed=(ActionKind.READD,))
        assert kinds(decided(owing, seen(found=a_break(BUY, BOS, AT)))) == wished
    tightened = a_trade(since=AT - bars * BAR, owed=(ActionKind.TIGHTEN_STOP,))
    assert kinds(decided(tightened, seen())) == [ActionKind.TIGHTEN_STOP]


def test_a_hedge_that_its_trade_leaves_alone_is_closed() -> None:
    closed = apply(a_trade(HEDGED), TradeClosed(CLOSING), AT)
    decision = decided(closed, seen(-7.0, position=None, hedge=a_hedge()))
    assert kinds(decision) == [CLOSE_HEDGE]
    assert decision.events == ()
    assert kinds(decided(closed, seen(position=None))) == []


def test_a_hedge_that_a_release_leaves_is_no_longer_ours_to_close() -> None:
    released = apply(a_trade(HEDGED), TradeReleased(HEDGE.ticket), AT)
    assert not released.is_active
    assert kinds(decided(released, seen())) == []


@pytest.mark.parametrize(
    ("side", "kind", "wished"),
    [(SELL, CHOCH, [CLOSE_TRADE]), (SELL, BOS, []), (BUY, CHOCH, []), (BUY, BOS, [])],
)
def test_a_choch_against_a_trade_that_recovers_closes_it(
    side: Direction, kind: BreakKind, wished: list[ActionKind]
) -> None:
    since = AT - HOUR
    trade = a_trade(RECOVERING, since=since)
    decision = decided(trade, seen(found=a_break(side, kind)))
    assert kinds(decision) == wished
    assert all(wish.exits and wish.due_at is None for wish in decision.wishes)
    assert kinds(decided(trade, seen(found=a_break(side, kind, since)))) == []


def test_a_trade_that_recovers_in_the_last_moment_is_not_closed() -> None:
    trade = a_trade(RECOVERING, deadline=AT - MINUTE)
    decision = decided(trade, seen(1.0, found=a_break(SELL)))
    assert decision.trade.state is HEALTHY
    assert kinds(decision) == []


TIMED = [(HEDGED, BOTH), (RECOVERING, [CLOSE_TRADE])]


def timed(state: State, deadline: datetime) -> Trade:
    return a_trade(state, since=AT - HOUR, deadline=deadline)


@pytest.mark.parametrize(("state", "wished"), TIMED)
def test_a_timer_that_has_run_out_starts_the_close(state: State, wished: list[ActionKind]) -> None:
    hedge = a_hedge() if state is HEDGED else None
    decision = decided(timed(state, AT), seen(hedge=hedge))
    assert kinds(decision) == wished
    assert {wish.due_at for wish in decision.wishes} == {AT}, "for the price's age and spread"
    assert kinds(decided(timed(state, AT + MINUTE), seen(hedge=hedge))) == []
    assert decision.events == (), "a timer only starts a close"


@pytest.mark.parametrize(("state", "wished"), TIMED)
def test_a_timer_is_put_off_by_the_minutes_of_a_closed_market(
    state: State, wished: list[ActionKind]
) -> None:
    hedge = a_hedge() if state is HEDGED else None
    closed = [(AT - 40 * MINUTE, AT - 10 * MINUTE)]
    trade = timed(state, AT - 30 * MINUTE)
    assert kinds(decided(trade, seen(hedge=hedge, closings=closed))) == wished
    trade = timed(state, AT - 29 * MINUTE)
    assert kinds(decided(trade, seen(hedge=hedge, closings=closed))) == []


@pytest.mark.parametrize(("state", "wished"), TIMED)
def test_a_timer_acts_only_after_an_analysis_of_the_present(
    state: State, wished: list[ActionKind]
) -> None:
    hedge = a_hedge() if state is HEDGED else None
    trade = timed(state, AT - HOUR)
    blind = seen(hedge=hedge, analysis=None, score=None)
    assert kinds(decided(trade, blind)) == []
    monday = replace(seen(hedge=hedge), now=AT + 49 * HOUR)
    assert kinds(decided(trade, monday)) == []
    assert kinds(decided(trade, seen(hedge=hedge, at=AT + 49 * HOUR))) == wished


def test_a_judged_trade_has_no_timer() -> None:
    for state, value in ((HEALTHY, 0.0), (L1, -1.0), (L2, -3.0)):
        assert kinds(decided(timed(state, AT - HOUR), seen(value))) == []


def test_each_wish_says_why() -> None:
    owing = a_trade(L2, owed=(ActionKind.CLOSE_HALF, ActionKind.BREAK_EVEN))
    assert {wish.reason for wish in decided(owing, seen(-7.0)).wishes} == {"WARNING_L2, score -7.0"}
    [told] = decided(a_trade(), seen(found=a_break(BUY, BOS))).wishes
    assert told.reason == "BOS in its favour"
    exits = decided(timed(HEDGED, AT), hedged()).wishes
    assert {wish.reason for wish in exits} == {"hedged for too long"}
