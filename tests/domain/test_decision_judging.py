"""How scores move a trade, and what it then owes: once a bar, once a descent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.events import StateChanged
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import DefencePolicy, StatePolicy, SymbolPolicy
from dtms_server.domain.scoring import Band
from dtms_server.domain.trade import Descent, State, Trade
from situations import (
    AT,
    BAR,
    HOUR,
    POLICY,
    VALUES,
    a_hedge,
    a_trade,
    decided,
    kinds,
    seen,
)
from sizes import SELL, a_position

HEALTHY, L1, L2 = State.HEALTHY, State.WARNING_L1, State.WARNING_L2
HEDGED, RECOVERING = State.HEDGED, State.RECOVERING
TIGHTEN, HALF, BREAK_EVEN = ActionKind.TIGHTEN_STOP, ActionKind.CLOSE_HALF, ActionKind.BREAK_EVEN
OPEN_HEDGE, READD = ActionKind.OPEN_HEDGE, ActionKind.READD
OWED = {HEALTHY: (), L1: (TIGHTEN,), L2: (HALF, BREAK_EVEN)}
DOWN = [
    (HEALTHY, Band.STEADY, HEALTHY),
    (HEALTHY, Band.SOFT, HEALTHY),
    (HEALTHY, Band.WEAK, L1),
    (HEALTHY, Band.FAILING, L2),
    (HEALTHY, Band.CRITICAL, L2),
    (L1, Band.SOFT, L1),
    (L1, Band.WEAK, L1),
    (L1, Band.FAILING, L2),
    (L1, Band.CRITICAL, L2),
    (L2, Band.WEAK, L2),
    (L2, Band.FAILING, L2),
    (L2, Band.CRITICAL, L2),
]
UP = [(L1, Band.STEADY, HEALTHY), (L2, Band.STEADY, L1), (L2, Band.SOFT, L1)]


@pytest.mark.parametrize(("before", "band", "after"), DOWN)
def test_a_fall_is_at_once_and_owes_the_actions_of_the_last_state_only(
    before: State, band: Band, after: State
) -> None:
    decision = decided(a_trade(before, since=AT - timedelta(seconds=1)), seen(VALUES[band]))
    assert decision.trade.state is after
    owed = OWED[after] if after is not before else ()
    assert decision.trade.defence.owed == owed
    hedges = [OPEN_HEDGE] if band is Band.CRITICAL else []
    assert kinds(decision) == [*hedges, *owed]


@pytest.mark.parametrize(("before", "band", "after"), UP)
def test_a_climb_owes_nothing_and_what_was_owed_lapses(
    before: State, band: Band, after: State
) -> None:
    owing = a_trade(before, owed=OWED[before])
    decision = decided(owing, seen(VALUES[band]))
    assert decision.trade.state is after
    assert decision.trade.defence.owed == ()
    assert kinds(decision) == []


@pytest.mark.parametrize(("before", "band", "after"), UP)
def test_a_climb_needs_a_bar_that_has_closed_in_the_state(
    before: State, band: Band, after: State
) -> None:
    for entered, reached in ((AT, before), (AT - timedelta(seconds=1), after)):
        decision = decided(a_trade(before, since=entered), seen(VALUES[band]))
        assert decision.trade.state is reached


@pytest.mark.parametrize(
    ("before", "band", "after"), [row for row in DOWN + UP if row[0] != row[2]]
)
def test_a_bar_moves_a_trade_once(before: State, band: Band, after: State) -> None:
    acted = a_trade(before, acted_bar_at=AT)
    assert decided(acted, seen(VALUES[band])).trade.state is before
    assert decided(acted, seen(VALUES[band], AT + BAR)).trade.state is after


def test_what_a_move_tells_is_the_score_its_band_and_the_bar_that_acted() -> None:
    [event] = decided(a_trade(HEALTHY), seen(-3.25, AT + timedelta(seconds=20))).events
    assert isinstance(event, StateChanged)
    assert (event.before, event.after, event.reason) == (HEALTHY, L1, "score -3.2, WEAK")
    assert event.score is not None
    assert event.score.value == -3.25
    assert event.defence.acted_bar_at == AT


def test_what_a_recovery_tells_is_the_score_that_it_needed() -> None:
    [event] = decided(a_trade(RECOVERING), seen(1.25)).events
    assert isinstance(event, StateChanged)
    assert (event.before, event.after) == (RECOVERING, HEALTHY)
    assert event.reason == "score +1.2, recovered"
    assert event.score is not None
    assert event.score.value == 1.25


@pytest.mark.parametrize(
    ("before", "value", "after"), [(L1, -5.0, L2), (L2, 0.0, L1), (RECOVERING, 1.0, HEALTHY)]
)
def test_what_was_told_in_a_state_may_be_told_again_in_the_next(
    before: State, value: float, after: State
) -> None:
    told = a_trade(before, told=("TIGHTEN_STOP SPREAD",))
    decision = decided(told, seen(value))
    assert decision.trade.state is after
    assert decision.trade.defence.told == ()


@pytest.mark.parametrize("state", [HEALTHY, L1, L2, HEDGED, RECOVERING])
def test_without_a_score_the_state_stands(state: State) -> None:
    for situation in (seen(score=None), seen(analysis=None, score=None)):
        decision = decided(a_trade(state), replace(situation, hedge=a_hedge()))
        assert decision.events == ()


@pytest.mark.parametrize("value", VALUES.values())
def test_an_analysis_of_before_the_weekend_moves_nothing(value: float) -> None:
    friday = seen(value)
    late = POLICY.analysis.stale_seconds
    for state in (HEALTHY, L1, L2, RECOVERING):
        monday = replace(friday, now=AT + BAR + timedelta(seconds=late + 1))
        assert decided(a_trade(state), monday).trade.state is state
        assert OPEN_HEDGE not in kinds(decided(a_trade(state), monday))
    on_time = replace(friday, now=AT + BAR + timedelta(seconds=late))
    assert (decided(a_trade(HEALTHY), on_time).trade.state is HEALTHY) == (value > -2)


@pytest.mark.parametrize("value", [*VALUES.values(), 9.0])
def test_no_score_moves_a_trade_out_of_its_hedge(value: float) -> None:
    assert decided(a_trade(HEDGED), seen(value, hedge=a_hedge())).events == ()


def then(trade: Trade, value: float, minutes: int) -> Trade:
    """The trade after a score so many minutes past AT, all that it owes done."""
    after = decided(trade, seen(value, AT + timedelta(minutes=minutes))).trade
    descent = after.defence.descent
    if HALF in after.defence.owed:
        descent = replace(descent, half_closed=True, closed_lots=0.25)
    return replace(after, defence=replace(after.defence, owed=(), descent=descent))


def owed_next(trade: Trade, value: float, minutes: int) -> tuple[ActionKind, ...]:
    """What the trade owes by a score so many minutes past AT."""
    return decided(trade, seen(value, AT + timedelta(minutes=minutes))).trade.defence.owed


def test_flapping_between_the_warnings_does_not_owe_the_half_again() -> None:
    trade = then(a_trade(HEALTHY), -5, 0)
    for turn in range(4):
        trade = then(trade, -1, 10 * turn + 5)
        assert trade.state is L1
        assert owed_next(trade, -5, 10 * turn + 10) == (BREAK_EVEN,)
        trade = then(trade, -5, 10 * turn + 10)


def test_a_half_that_lapsed_is_owed_again() -> None:
    lapsed = decided(a_trade(L2, owed=(HALF, BREAK_EVEN)), seen(-1)).trade
    assert owed_next(lapsed, -5, 5) == (HALF, BREAK_EVEN)


@pytest.mark.parametrize(("held", "owed"), [(59, (BREAK_EVEN,)), (60, (HALF, BREAK_EVEN))])
def test_a_descent_ends_when_healthy_has_held_for_12_bars(
    held: int, owed: tuple[ActionKind, ...]
) -> None:
    halved = Descent(half_closed=True, closed_lots=0.25, readded=True, refused=(OPEN_HEDGE,))
    trade = a_trade(HEALTHY, since=AT - timedelta(minutes=held), descent=halved)
    after = decided(trade, seen(-5)).trade
    assert after.defence.owed == owed
    assert after.defence.descent == (Descent() if held >= 60 else halved)


def test_the_12_bars_are_those_of_an_open_market() -> None:
    trade = a_trade(HEALTHY, since=AT - HOUR, descent=Descent(half_closed=True))
    closed = [(AT - timedelta(minutes=30), AT - timedelta(minutes=15))]
    assert decided(trade, seen(-5, closings=closed)).trade.defence.owed == (BREAK_EVEN,)
    longer = replace(trade, state_entered_at=AT - timedelta(minutes=75))
    assert decided(longer, seen(-5, closings=closed)).trade.defence.owed == (HALF, BREAK_EVEN)


def test_a_descent_does_not_end_by_a_long_time_in_the_warnings() -> None:
    trade = a_trade(L1, since=AT - 9 * HOUR, descent=Descent(half_closed=True))
    assert decided(trade, seen(-5)).trade.defence.owed == (BREAK_EVEN,)


def test_how_long_healthy_must_hold_is_the_policys() -> None:
    policy = with_states(descent_bars=3)
    trade = a_trade(HEALTHY, since=AT - 3 * BAR, descent=Descent(half_closed=True))
    assert decided(trade, seen(-5), policy).trade.defence.descent == Descent()


def with_states(**states: float) -> Policy:
    numbers = StatePolicy(**states)  # type: ignore[arg-type]  # whole numbers where they are
    return replace(POLICY, defence=DefencePolicy(states=numbers))


@pytest.mark.parametrize("value", [3.0, -1.0, -3.0, -5.0])
def test_both_flips_wish_for_a_hedge_in_l2_whatever_the_score(value: float) -> None:
    decision = decided(a_trade(L2), seen(value, flipped=True))
    assert decision.events == ()
    assert kinds(decision) == [OPEN_HEDGE]
    assert OPEN_HEDGE not in kinds(decided(a_trade(L2), seen(value)))


@pytest.mark.parametrize("state", [HEALTHY, L1])
@pytest.mark.parametrize("band", [band for band in Band if band is not Band.CRITICAL])
def test_both_flips_mean_no_more_than_their_points_elsewhere(state: State, band: Band) -> None:
    plain, flipped = (decided(a_trade(state), seen(VALUES[band], flipped=f)) for f in (False, True))
    assert flipped.trade.state is plain.trade.state
    assert kinds(flipped) == kinds(plain)


def test_the_bar_that_has_led_to_l2_does_not_act_again_by_its_flips() -> None:
    there = decided(a_trade(HEALTHY), seen(-5, flipped=True)).trade
    assert kinds(decided(there, seen(-5, flipped=True))) == [HALF, BREAK_EVEN]
    assert kinds(decided(there, seen(-5, AT + BAR, flipped=True)))[0] is OPEN_HEDGE


def test_the_hedge_is_wished_for_as_long_as_the_score_is_critical() -> None:
    falls = decided(a_trade(HEALTHY), seen(-7)).trade
    assert kinds(decided(falls, seen(-7)))[0] is OPEN_HEDGE
    assert kinds(decided(falls, seen(-7, AT + BAR)))[0] is OPEN_HEDGE
    assert kinds(decided(falls, seen(-5, AT + BAR))) == [HALF, BREAK_EVEN]


@pytest.mark.parametrize(
    ("can_hedge", "descent"),
    [(False, Descent()), (True, Descent(refused=(OPEN_HEDGE,)))],
    ids=["netting", "refused for good"],
)
def test_where_no_hedge_can_be_had_a_critical_trade_is_halved(
    can_hedge: bool, descent: Descent
) -> None:
    trade = a_trade(L1, descent=descent)
    decision = decided(trade, seen(-7, can_hedge=can_hedge))
    assert decision.trade.state is L2
    assert kinds(decision) == [HALF, BREAK_EVEN]
    halved = replace(descent, half_closed=True)
    assert kinds(decided(a_trade(L1, descent=halved), seen(-7, can_hedge=can_hedge))) == [
        BREAK_EVEN
    ]


@pytest.mark.parametrize("value", VALUES.values())
@pytest.mark.parametrize("state", [HEALTHY, L1, L2])
def test_no_score_moves_a_trade_while_a_hedge_is_pending(state: State, value: float) -> None:
    decision = decided(a_trade(state, owed=OWED[state]), seen(value, pending=OPEN_HEDGE))
    assert decision.events == ()
    assert decision.wishes == ()
    assert decision.trade.defence.owed == OWED[state]


@pytest.mark.parametrize("pending", [HALF, TIGHTEN, BREAK_EVEN])
def test_while_another_order_is_pending_scores_move_the_trade_and_nothing_is_wished_for(
    pending: ActionKind,
) -> None:
    decision = decided(a_trade(HEALTHY), seen(-7, pending=pending))
    assert decision.trade.state is L2
    assert decision.wishes == ()


@pytest.mark.parametrize(
    ("value", "since", "after"),
    [
        (1.0, AT - timedelta(seconds=1), HEALTHY),
        (0.99, AT - HOUR, RECOVERING),
        (5.0, AT, RECOVERING),
    ],
)
def test_a_trade_has_recovered_by_a_score_of_1_of_a_bar_that_closed_since(
    value: float, since: object, after: State
) -> None:
    deadline = AT + HOUR
    trade = a_trade(RECOVERING, since=since, deadline=deadline)  # type: ignore[arg-type]
    decision = decided(trade, seen(value))
    assert decision.trade.state is after
    assert decision.trade.defence.deadline == (deadline if after is RECOVERING else None)


@pytest.mark.parametrize("value", [-1.0, -7.0, -20.0])
def test_no_bad_score_moves_a_trade_that_recovers(value: float) -> None:
    decision = decided(a_trade(RECOVERING), seen(value))
    assert decision.events == ()
    assert decision.wishes == ()


HALVED = Descent(half_closed=True, closed_lots=0.25)


def recovered(
    descent: Descent = HALVED, policy: Policy = POLICY, **facts: object
) -> list[ActionKind]:
    trade = a_trade(RECOVERING, descent=descent)
    return kinds(decided(trade, seen(2.0, **facts), policy))  # type: ignore[arg-type]


def test_a_recovered_trade_is_added_to_again() -> None:
    assert recovered() == [READD]


@pytest.mark.parametrize(
    "descent",
    [
        Descent(),
        replace(HALVED, closed_lots=0.0),
        replace(HALVED, readded=True),
        replace(HALVED, refused=(READD,)),
    ],
    ids=["nothing was closed", "by the skipped half", "once a descent", "refused for good"],
)
def test_nothing_is_added_without_a_cause_nor_twice(descent: Descent) -> None:
    assert recovered(descent) == []


def test_a_refused_hedge_does_not_forbid_to_add_again() -> None:
    assert recovered(replace(HALVED, refused=(OPEN_HEDGE,))) == [READD]


def test_what_was_added_is_never_added_to() -> None:
    child = replace(a_trade(RECOVERING, descent=HALVED), parent_ticket=55)
    decision = decided(child, seen(2.0))
    assert decision.trade.state is HEALTHY
    assert decision.wishes == ()


def test_a_netting_account_adds_nothing() -> None:
    assert recovered(can_hedge=False) == []


def test_a_symbol_may_be_left_out_of_adding() -> None:
    never = SymbolPolicy(readd=False)
    policy = replace(POLICY, defence=DefencePolicy(symbols={"EURUSD": never}))
    assert recovered(policy=policy) == []
    other = replace(POLICY, defence=DefencePolicy(symbols={"XAUUSD": never}))
    assert recovered(policy=other) == [READD]
    assert recovered(policy=replace(POLICY, defence=DefencePolicy(symbol=never))) == []


def test_what_is_to_be_added_lapses_when_the_trade_falls_again() -> None:
    well = decided(a_trade(RECOVERING, descent=HALVED), seen(2.0)).trade
    assert well.defence.owed == (READD,)
    falls = decided(well, seen(-3.0, AT + BAR)).trade
    assert falls.defence.owed == (TIGHTEN,)


def test_a_sell_is_moved_by_its_score_as_a_buy_is() -> None:
    for before, band, after in DOWN + UP:
        trade = a_trade(before, SELL)
        assert decided(trade, seen(VALUES[band], position=a_position(SELL))).trade.state is after
