"""What holds of every decision, whatever the trade and whatever is seen."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from analyses import NOTHING
from dtms_server.domain.action_kinds import OPENINGS, ActionKind
from dtms_server.domain.analysis import Analysis
from dtms_server.domain.analysis.structure import BreakKind, Structure
from dtms_server.domain.decision import Decision, decide, in_grace
from dtms_server.domain.events import StateChanged, TradeChanged, apply
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import DefencePolicy, HedgeExit, StatePolicy, SymbolPolicy
from dtms_server.domain.scoring import Score
from dtms_server.domain.situation import Situation
from dtms_server.domain.state import arrows, is_worse
from dtms_server.domain.trade import Defence, Descent, Direction, Protection, State, Trade
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import CLOSING
from situations import AT, BAR, HEDGE, HOUR, POLICY, a_break, a_score, a_trade, an_analysis
from sizes import a_position

JUDGED = (State.HEALTHY, State.WARNING_L1, State.WARNING_L2)
OTHER = replace(
    POLICY,
    defence=DefencePolicy(
        states=StatePolicy(grace_loss_r=0.1, descent_bars=1, hedge_exit_on=HedgeExit.CHOCH),
        symbol=SymbolPolicy(readd=False),
    ),
)
LAW = settings(max_examples=150)

moments = st.integers(-48, 24).map(lambda quarters: AT + quarters * BAR / 4)
kinds_of = st.sampled_from(ActionKind)
prices = st.integers(107_000, 113_000).map(lambda points: round(points * 1e-5, 5))
maybe_moments = st.none() | moments
descents = st.builds(
    Descent,
    half_closed=st.booleans(),
    closed_lots=st.sampled_from([0.0, 0.25]),
    readded=st.booleans(),
    refused=st.lists(st.sampled_from(sorted(OPENINGS)), unique=True).map(tuple),
)
defences = st.builds(
    Defence,
    acted_bar_at=maybe_moments,
    owed=st.lists(kinds_of, unique=True, max_size=3).map(tuple),
    descent=descents,
    trailed_at=maybe_moments,
    deadline=maybe_moments,
    exit_reason=st.sampled_from([None, None, None, "a reason"]),
    missing_stop_set=st.booleans(),
    told=st.just(()),
)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    """An active trade, in its grace now and then; a hedged one has a hedge, but for one that goes
    while both are being closed."""
    direction, defence = draw(st.sampled_from(Direction)), draw(defences)
    state = draw(st.sampled_from([*JUDGED, State.HEDGED, State.RECOVERING, State.CLOSED]))
    is_hedged = state in (State.HEDGED, State.CLOSED)
    if state is State.HEDGED and defence.exit_reason is not None:
        is_hedged = draw(st.booleans())
    trade = a_trade(state, direction, since=draw(moments))
    terms = replace(
        trade.terms,
        r_distance=draw(st.sampled_from([None, 0.001, 0.012])),
        grace_until=draw(maybe_moments) if state is State.HEALTHY else None,
        protection=draw(st.sampled_from(Protection)),
        hedge=HEDGE if is_hedged else None,
    )
    return replace(
        trade,
        terms=terms,
        defence=Defence() if state is State.CLOSED else defence,
        initial_stop_loss=draw(st.none() | prices),
        parent_ticket=draw(st.sampled_from([None, None, 55])),
        closing=CLOSING if state is State.CLOSED else None,
    )


@st.composite
def situations_of(draw: st.DrawFn, trade: Trade) -> Situation:
    """What may be seen of a trade: all, parts of it, or nothing."""
    now = draw(st.integers(0, 24).map(lambda quarters: AT + quarters * BAR / 4))

    def listed(direction: Direction, identifier: int) -> Position | None:
        if draw(st.sampled_from([True, True, False])):
            return a_position(
                direction,
                ticket=identifier + 1,
                identifier=identifier,
                volume_lots=draw(st.integers(1, 60)) / 100,
                current_price=draw(prices),
                stop_loss=draw(st.none() | prices),
            )
        return None

    hedge = listed(trade.direction.opposite, 90) if trade.terms.hedge else None
    return Situation(
        now=now,
        position=listed(trade.direction, 70) if trade.is_guarded else None,
        hedge=hedge,
        analysis=draw(analyses(now) | analyses(now) | st.none()),
        score=draw(scores(now) | scores(now) | st.none()),
        can_hedge=draw(st.booleans()),
        pending=draw(st.none() | st.sampled_from(ActionKind)),
    )


@st.composite
def analyses(draw: st.DrawFn, now: datetime) -> Analysis:
    at = now - draw(st.sampled_from([0, 0, 0, 1, 5])) * BAR
    begun = draw(moments)
    closings = [(begun, begun + draw(st.integers(1, 90)) * timedelta(minutes=1))]
    analysis = an_analysis(at, closings=draw(st.sampled_from([[], closings])))
    found = None
    if draw(st.booleans()):
        kind = draw(st.sampled_from(BreakKind))
        found = a_break(draw(st.sampled_from(Direction)), kind, draw(moments))
    atr = draw(st.sampled_from([0.001, 0.001, 0.0, float("nan"), float("inf")]))
    m15 = replace(analysis.m15, atr=atr, structure=Structure(NOTHING, NOTHING, found))
    return replace(analysis, m15=m15)


@st.composite
def scores(draw: st.DrawFn, now: datetime) -> Score:
    at = now - draw(st.sampled_from([0, 0, 0, 1, 5])) * BAR
    value = draw(st.floats(-12, 10) | st.sampled_from([-7.0, -6.0, -4.0, -2.0, 0.0, 1.0, 4.0]))
    return a_score(value, at, flipped=draw(st.booleans()))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Trade, Situation, Policy]:
    trade = draw(trades())
    return trade, draw(situations_of(trade)), draw(st.sampled_from([POLICY, OTHER]))


Case = tuple[Trade, Situation, Policy]


def moves(decision: Decision) -> list[StateChanged]:
    return [event for event in decision.events if isinstance(event, StateChanged)]


@LAW
@given(cases())
def test_it_is_defined_for_everything_and_always_the_same(case: Case) -> None:
    assert decide(*case) == decide(*case)


@LAW
@given(cases())
def test_its_events_folded_are_its_trade(case: Case) -> None:
    trade, seen, _ = case
    decision = decide(*case)
    for event in decision.events:
        assert isinstance(event, StateChanged | TradeChanged)
        folded = apply(trade, event, seen.now)
        assert folded != trade, "an event that changes nothing"
        trade = folded
    assert decision.trade == trade


@LAW
@given(cases())
def test_states_move_along_the_tables_and_tell_true(case: Case) -> None:
    trade, seen, _ = case
    for told in moves(decide(*case)):
        assert (told.before, told.after) in arrows()
        assert told.before is trade.state
        assert told.score is not None
        assert told.score == seen.score
        assert told.reason


@LAW
@given(cases())
def test_a_moment_decides_once(case: Case) -> None:
    _, seen, policy = case
    first = decide(*case)
    again = decide(first.trade, seen, policy)
    assert again.events == ()
    assert again.wishes == first.wishes


@LAW
@given(cases())
def test_nothing_is_wished_for_in_grace_nor_while_an_order_is_pending(case: Case) -> None:
    trade, seen, _ = case
    decision = decide(*case)
    if seen.pending is not None or in_grace(decision.trade, seen.now):
        assert decision.wishes == ()
    if in_grace(decision.trade, seen.now):
        assert decision.trade.state is trade.state
        assert decision.trade.defence == trade.defence


@LAW
@given(cases())
def test_no_score_moves_a_trade_whose_hedge_is_pending_or_that_is_being_closed(case: Case) -> None:
    trade, seen, policy = case
    closing = replace(trade, defence=replace(trade.defence, exit_reason="a reason"))
    pending = replace(seen, pending=ActionKind.OPEN_HEDGE)
    for decision in (decide(closing, seen, policy), decide(trade, pending, policy)):
        assert moves(decision) == []
    if closing.is_guarded:
        assert all(wish.exits for wish in decide(closing, seen, policy).wishes)


@LAW
@given(cases())
def test_each_wish_fits_its_state(case: Case) -> None:
    _, seen, _ = case
    decision = decide(*case)
    trade = decision.trade
    owed = trade.defence.owed
    allowed = {
        State.HEALTHY: {*owed, ActionKind.SET_MISSING_STOP, ActionKind.TRAIL_STOP},
        State.WARNING_L1: {*owed, ActionKind.SET_MISSING_STOP},
        State.WARNING_L2: {*owed, ActionKind.SET_MISSING_STOP, ActionKind.OPEN_HEDGE},
        State.HEDGED: {ActionKind.REDUCE_HEDGE, ActionKind.CLOSE_HEDGE},
        State.RECOVERING: {ActionKind.SET_MISSING_STOP},
        State.CLOSED: {ActionKind.CLOSE_HEDGE},
    }[trade.state]
    for wish in decision.wishes:
        assert wish.exits or wish.kind in allowed
        assert wish.reason
        assert wish.exits or wish.due_at is None
        assert wish.due_at is None or wish.due_at <= seen.now
        if wish.exits:
            assert trade.defence.exit_reason or trade.state in (State.HEDGED, State.RECOVERING)


@LAW
@given(cases())
def test_no_hedge_is_wished_for_where_none_can_be_had(case: Case) -> None:
    _, seen, _ = case
    decision = decide(*case)
    wished = {wish.kind for wish in decision.wishes} - set(decision.trade.defence.owed)
    if not seen.can_hedge or ActionKind.OPEN_HEDGE in decision.trade.defence.descent.refused:
        assert ActionKind.OPEN_HEDGE not in wished


@LAW
@given(cases())
def test_what_is_owed_comes_only_of_a_move(case: Case) -> None:
    trade, _, _ = case
    decision = decide(*case)
    after = decision.trade.defence
    told = moves(decision)
    if not told:
        assert after == trade.defence
        return
    [move] = told
    assert after.acted_bar_at == (move.score and move.score.bar_closed_at)
    fell = move.before in JUDGED and is_worse(move.after, move.before)
    if fell:
        assert after.owed
        assert ActionKind.READD not in after.owed
    elif move.before is State.RECOVERING:
        assert set(after.owed) <= {ActionKind.READD}
    else:
        assert after.owed == ()
    if after.descent.half_closed:
        assert ActionKind.CLOSE_HALF not in after.owed


@LAW
@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=1, max_size=60))
def test_no_trade_is_halved_twice_in_a_descent_however_its_score_flaps(
    steps: list[tuple[float, bool]],
) -> None:
    trade, halves, well_since = a_trade(), 0, AT - 3 * HOUR
    for turn, (value, carried_out) in enumerate(steps):
        at = AT + turn * BAR
        before = trade.state
        seen = Situation(at, a_position(), None, an_analysis(at), a_score(value, at), True)
        trade = decide(trade, seen, POLICY).trade
        if before is not State.HEALTHY and trade.state is State.HEALTHY:
            well_since = at
        if before is State.HEALTHY and trade.state is not State.HEALTHY:
            halves = 0 if at - well_since >= 12 * BAR else halves
        if carried_out and ActionKind.CLOSE_HALF in trade.defence.owed:
            halves += 1
            descent = replace(trade.defence.descent, half_closed=True)
            owed = tuple(o for o in trade.defence.owed if o is not ActionKind.CLOSE_HALF)
            trade = replace(trade, defence=replace(trade.defence, owed=owed, descent=descent))
        assert halves <= 1


def test_these_cases_take_every_arrow_of_a_score_and_find_every_wish() -> None:
    taken, wished = set[tuple[State, State]](), set[Any]()

    @settings(max_examples=1500, database=None, derandomize=True)
    @given(cases())
    def count(case: Case) -> None:
        decision = decide(*case)
        taken.update((move.before, move.after) for move in moves(decision))
        wished.update(wish.kind for wish in decision.wishes)

    count()
    by_fact = {State.HEDGED, State.CLOSED, State.RELEASED, State.RECOVERING}
    judged = {(a, b) for a, b in arrows() if a not in by_fact and b not in by_fact}
    assert taken == judged | {(State.RECOVERING, State.HEALTHY)}
    assert wished == set(ActionKind)
