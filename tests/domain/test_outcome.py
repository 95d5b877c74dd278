"""What an action's progress makes of its trade: what is remembered, and what is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from dtms_server.domain import outcome
from dtms_server.domain.action_kinds import OPENINGS, STOPS, ActionKind
from dtms_server.domain.actions import ActionState, Became
from dtms_server.domain.events import (
    ActionAdvised,
    ActionBlocked,
    ActionDone,
    ActionFailed,
    ActionStarted,
    ChangeCause,
    StateChanged,
    TradeChanged,
    TradeClosed,
    TradeEvent,
    apply,
)
from dtms_server.domain.outcome import Effect
from dtms_server.domain.rails import Rail
from dtms_server.domain.trade import CloseReason, Closing, Descent, Protection, State, Trade
from ledgers import CLOSING
from situations import (
    AT,
    BAR,
    HEDGE,
    HOUR,
    POLICY,
    a_break,
    a_hedge,
    a_trade,
    an_action,
    decided,
    kinds,
    seen,
    with_terms,
)
from sizes import BUY, a_position

L2, HEDGED, RECOVERING = State.WARNING_L2, State.HEDGED, State.RECOVERING
HALF, BREAK_EVEN, TIGHTEN = ActionKind.CLOSE_HALF, ActionKind.BREAK_EVEN, ActionKind.TIGHTEN_STOP
OPEN_HEDGE, READD, TRAIL = ActionKind.OPEN_HEDGE, ActionKind.READD, ActionKind.TRAIL_STOP
MISSING = ActionKind.SET_MISSING_STOP
LATER = AT + timedelta(seconds=2)
OWING = (HALF, BREAK_EVEN)


def folded(trade: Trade, events: Sequence[TradeEvent]) -> Trade:
    for event in events:
        trade = apply(trade, event, LATER)
    return trade


def after_done(trade: Trade, kind: ActionKind, lots: float | None = None, **terms: Any) -> Trade:
    """The trade once an action is done that left it with these terms."""
    effect = Effect(Became(volume_lots=lots), replace(trade.terms, **terms))
    return folded(trade, outcome.done(trade, an_action(kind), effect, LATER, POLICY))


def after_failed(trade: Trade, kind: ActionKind, *, for_good: bool) -> Trade:
    failed = outcome.failed(trade, an_action(kind), LATER, "refused", for_good=for_good)
    return folded(trade, [failed])


def test_an_intent_leaves_the_trade_as_it_is() -> None:
    trade = a_trade(L2, owed=OWING)
    action = an_action(HALF)
    assert outcome.started(trade, action, exits=False) == ActionStarted(action, trade.defence)


def test_the_intent_to_close_puts_the_exit_on_disk_with_its_first_reason() -> None:
    trade = a_trade(HEDGED)
    first = an_action(ActionKind.CLOSE_BY, reason="BOS against it while hedged")
    closing = folded(trade, [outcome.started(trade, first, exits=True)])
    assert closing.defence.exit_reason == "BOS against it while hedged"
    second = an_action(ActionKind.CLOSE_TRADE, reason="another")
    closing = folded(closing, [outcome.started(closing, second, exits=True)])
    assert closing.defence.exit_reason == "BOS against it while hedged"


def test_a_hedge_that_is_closed_for_its_trades_sake_begins_no_exit() -> None:
    trade = a_trade(HEDGED)
    started = outcome.started(trade, an_action(ActionKind.CLOSE_HEDGE), exits=False)
    assert started.defence.exit_reason is None


def test_what_was_sent_without_an_answer_is_unknown_and_changes_nothing() -> None:
    trade = a_trade(L2, owed=OWING)
    told = outcome.unknown(trade, an_action(HALF), 10012, "timeout")
    assert told.action.state is ActionState.UNKNOWN
    assert (told.action.retcode, told.action.message) == (10012, "timeout")
    assert told.action.ended_at is None
    assert told.defence == trade.defence


def test_a_done_action_is_told_with_what_it_became_and_no_longer_owed() -> None:
    trade = a_trade(L2, owed=OWING)
    became = Became(stop_loss=1.1021)
    terms = replace(trade.terms, stop_loss=1.1021)
    done, change = outcome.done(trade, an_action(BREAK_EVEN), Effect(became, terms), LATER, POLICY)
    assert isinstance(done, ActionDone)
    assert (done.action.state, done.action.became) == (ActionState.DONE, became)
    assert done.action.ended_at == LATER
    assert done.defence.owed == (HALF,)
    assert change == TradeChanged(ChangeCause.DTMS, trade.terms, terms)


def test_terms_that_are_as_they_were_are_not_told() -> None:
    trade = a_trade(L2)
    effect = Effect(Became(), trade.terms)
    assert len(outcome.done(trade, an_action(HALF), effect, LATER, POLICY)) == 1


def test_a_half_is_remembered_for_the_descent_with_its_lots() -> None:
    trade = a_trade(L2, owed=OWING, descent=Descent(closed_lots=0.1))
    after = after_done(trade, HALF, 0.25, volume_lots=0.25)
    assert after.defence.descent == Descent(half_closed=True, closed_lots=0.35)
    assert after.defence.owed == (BREAK_EVEN,)
    assert after.terms.volume_lots == 0.25


def test_what_is_not_known_of_a_volume_changes_nothing_that_is_remembered() -> None:
    trade = a_trade(descent=Descent(closed_lots=0.25))
    for kind in (HALF, READD):
        assert after_done(trade, kind, None).defence.descent.closed_lots == 0.25


def test_more_cannot_be_added_again_than_was_closed() -> None:
    trade = a_trade(descent=Descent(closed_lots=0.25))
    assert after_done(trade, READD, 0.3).defence.descent.closed_lots == 0.0


def test_no_step_of_a_volume_is_too_small_to_be_remembered() -> None:
    trade = a_trade(descent=Descent(closed_lots=0.2))
    after = after_done(trade, HALF, 0.00000001)
    assert after.defence.descent.closed_lots == 0.20000001
    assert after_done(after, READD, 0.1).defence.descent.closed_lots == 0.10000001


def test_what_was_added_again_is_no_longer_to_be_added() -> None:
    trade = a_trade(owed=(READD,), descent=Descent(half_closed=True, closed_lots=0.35))
    after = after_done(trade, READD, 0.17)
    assert after.defence.descent == Descent(half_closed=True, closed_lots=0.18, readded=True)
    assert after.defence.owed == ()


def test_a_trailed_stop_is_done_with_the_breaks_of_before() -> None:
    found = a_break(BUY, at=AT - BAR)
    trade = a_trade()
    assert kinds(decided(trade, seen(found=found))) == [TRAIL]
    after = after_done(trade, TRAIL, stop_loss=1.095)
    assert after.defence.trailed_at == AT
    assert kinds(decided(after, seen(found=found))) == []
    assert kinds(decided(after, seen(at=AT + BAR, found=a_break(BUY, at=AT + BAR)))) == [TRAIL]


def test_a_missing_stop_is_set_once() -> None:
    trade = a_trade(position=a_position(stop_loss=None))
    after = after_done(trade, MISSING, stop_loss=1.08)
    assert after.defence.missing_stop_set
    assert kinds(decided(after, seen(position=a_position(stop_loss=None)))) == []


@pytest.mark.parametrize(
    "kind",
    [
        TIGHTEN,
        BREAK_EVEN,
        ActionKind.REDUCE_HEDGE,
        ActionKind.CLOSE_HEDGE,
        ActionKind.CLOSE_BY,
        ActionKind.CLOSE_TRADE,
    ],
)
def test_of_other_actions_nothing_is_remembered(kind: ActionKind) -> None:
    trade = a_trade(L2, descent=Descent(closed_lots=0.1))
    assert after_done(trade, kind, 0.25).defence == trade.defence


def hedge_opened(trade: Trade) -> list[TradeEvent]:
    effect = Effect(Became(volume_lots=0.25), trade.terms, HEDGE)
    return list(outcome.done(trade, an_action(OPEN_HEDGE), effect, LATER, POLICY))


def test_a_hedge_that_is_seen_makes_the_trade_hedged_and_starts_its_timer() -> None:
    trade = a_trade(L2, owed=OWING, told=("OPEN_HEDGE SPREAD",))
    _, changed, moved = hedge_opened(trade)
    assert isinstance(changed, TradeChanged)
    assert changed.after == replace(trade.terms, hedge=HEDGE)
    assert isinstance(moved, StateChanged)
    assert (moved.before, moved.after, moved.score) == (L2, HEDGED, None)
    hedged = folded(trade, hedge_opened(trade))
    assert hedged.state is HEDGED
    assert hedged.terms.hedge == HEDGE
    assert hedged.defence.owed == (), "the actions of lower levels rest"
    assert hedged.defence.deadline == LATER + timedelta(minutes=75)
    assert hedged.defence.told == ()


def test_a_hedge_that_is_seen_when_its_trade_is_closed_is_kept_to_be_closed() -> None:
    closed = apply(a_trade(L2), TradeClosed(CLOSING), AT)
    told = hedge_opened(closed)
    assert [type(event) for event in told] == [ActionDone, TradeChanged]
    after = folded(closed, told)
    assert after.state is State.CLOSED
    assert after.is_active
    assert kinds(decided(after, seen(position=None, hedge=a_hedge()))) == [ActionKind.CLOSE_HEDGE]


def test_what_failed_for_now_is_still_owed() -> None:
    trade = a_trade(L2, owed=OWING)
    told = outcome.failed(trade, an_action(HALF), LATER, "off quotes", 10021)
    assert (told.action.state, told.action.ended_at) == (ActionState.FAILED, LATER)
    assert (told.action.retcode, told.action.message) == (10021, "off quotes")
    assert told.defence == trade.defence


@pytest.mark.parametrize("kind", sorted(OPENINGS))
def test_a_refused_opening_is_refused_for_this_descent(kind: ActionKind) -> None:
    trade = a_trade(L2, owed=(kind, BREAK_EVEN))
    after = after_failed(trade, kind, for_good=True)
    assert after.defence.descent.refused == (kind,)
    assert after.defence.owed == (BREAK_EVEN,)


def test_all_that_was_refused_in_a_descent_is_remembered() -> None:
    after = after_failed(a_trade(L2), OPEN_HEDGE, for_good=True)
    after = after_failed(after, READD, for_good=True)
    assert after.defence.descent.refused == (OPEN_HEDGE, READD)


def test_a_refused_hedge_leaves_l2_its_own_actions() -> None:
    falls = decided(a_trade(), seen(-7.0)).trade
    assert kinds(decided(falls, seen(-7.0))) == [OPEN_HEDGE, *OWING]
    after = after_failed(falls, OPEN_HEDGE, for_good=True)
    assert kinds(decided(after, seen(-7.0))) == list(OWING)


def test_a_half_that_is_too_small_is_skipped_for_the_descent_and_the_stop_still_moved() -> None:
    trade = a_trade(L2, owed=OWING)
    after = after_failed(trade, HALF, for_good=True)
    assert after.defence.descent == Descent(half_closed=True)
    assert after.defence.owed == (BREAK_EVEN,)
    up = decided(after, seen(-1.0)).trade
    assert decided(up, seen(-5.0, AT + BAR)).trade.defence.owed == (BREAK_EVEN,)


def test_a_stop_that_cannot_be_had_is_not_tried_again() -> None:
    for kind in (TIGHTEN, BREAK_EVEN):
        assert after_failed(a_trade(L2, owed=(kind,)), kind, for_good=True).defence.owed == ()
    assert after_failed(a_trade(), TRAIL, for_good=True).defence.trailed_at == LATER
    assert after_failed(a_trade(), MISSING, for_good=True).defence.missing_stop_set


@pytest.mark.parametrize("kind", ActionKind)
def test_what_failed_for_now_is_remembered_of_no_kind(kind: ActionKind) -> None:
    trade = a_trade(L2, owed=OWING)
    assert after_failed(trade, kind, for_good=False).defence == trade.defence


def test_what_is_so_already_is_no_longer_owed() -> None:
    trade = a_trade(L2, owed=OWING)
    told = outcome.lapsed(trade, an_action(BREAK_EVEN), LATER, "the stop is at 1.1")
    assert isinstance(told, ActionFailed)
    assert (told.action.message, told.action.sends) == ("the stop is at 1.1", 0)
    assert (told.action.state, told.action.ended_at) == (ActionState.FAILED, LATER)
    assert told.defence.owed == (HALF,)
    assert told.defence.descent == Descent()


def test_a_break_with_no_swing_to_trail_behind_is_done_with() -> None:
    told = outcome.lapsed(a_trade(), an_action(TRAIL), LATER, "no swing")
    assert told.defence.trailed_at == LATER


def blocked(trade: Trade, kind: ActionKind, rail: Rail) -> Trade | None:
    """The trade after a rail was told; None where it was told before."""
    told = outcome.blocked(trade, an_action(kind), rail)
    return None if told is None else folded(trade, [told])


def test_a_rail_is_told_once() -> None:
    trade = a_trade(L2, owed=OWING)
    action = an_action(HALF)
    told = outcome.blocked(trade, action, Rail.PAUSED)
    assert isinstance(told, ActionBlocked)
    assert (told.action, told.rail) == (action, Rail.PAUSED)
    assert told.defence.owed == OWING, "it waits"
    assert outcome.blocked(folded(trade, [told]), action, Rail.PAUSED) is None


def test_another_rail_or_another_action_is_told_again() -> None:
    trade = blocked(a_trade(L2, owed=OWING), HALF, Rail.PAUSED)
    assert trade is not None
    assert (both := blocked(trade, BREAK_EVEN, Rail.PAUSED)) is not None
    assert blocked(both, HALF, Rail.PAUSED) is None
    assert (other := blocked(both, HALF, Rail.MARKET_CLOSED)) is not None
    assert blocked(other, BREAK_EVEN, Rail.PAUSED) is None
    assert blocked(other, HALF, Rail.PAUSED) is not None


def test_a_rail_is_told_again_once_the_action_was_tried_or_the_state_has_changed() -> None:
    trade = blocked(a_trade(L2, owed=OWING), HALF, Rail.SPREAD)
    assert trade is not None
    tried = folded(trade, [outcome.started(trade, an_action(HALF), exits=False)])
    assert blocked(tried, HALF, Rail.SPREAD) is not None
    moved = decided(trade, seen(-1.0)).trade
    assert blocked(moved, HALF, Rail.SPREAD) is not None


def test_a_kind_whose_name_begins_like_anothers_is_not_forgotten_with_it() -> None:
    names = sorted(ActionKind)
    trade = a_trade(L2)
    for kind in names:
        trade = blocked(trade, kind, Rail.PAUSED) or trade
    for kind in names:
        tried = folded(trade, [outcome.started(trade, an_action(kind), exits=False)])
        assert len(tried.defence.told) == len(names) - 1


def advised(trade: Trade, kind: ActionKind, *, at: Any = AT) -> Trade | None:
    told = outcome.advised(trade, an_action(kind, at=at))
    assert told is None or isinstance(told, ActionAdvised)
    return None if told is None else folded(trade, [told])


def observed(state: State = State.HEALTHY, **how: Any) -> Trade:
    return with_terms(a_trade(state, **how), protection=Protection.OBSERVE)


@pytest.mark.parametrize("kind", [kind for kind in ActionKind if kind is not TRAIL])
def test_advice_is_told_once(kind: ActionKind) -> None:
    trade = advised(observed(L2, owed=(TIGHTEN, *OWING)), kind)
    assert trade is not None
    assert trade.defence.told == (f"{kind} ADVISED",), "it is on disk, and must stay what it is"
    assert advised(trade, kind) is None
    again = advised(observed(told=("a rail",)), kind)
    assert again is not None
    assert again.defence.told == ("a rail", f"{kind} ADVISED")
    assert trade.terms == observed().terms, "nothing was done"


@pytest.mark.parametrize("kind", [HALF, BREAK_EVEN, OPEN_HEDGE])
def test_what_was_advised_is_still_owed_once_the_trade_is_protected(kind: ActionKind) -> None:
    trade = advised(observed(L2, owed=OWING), kind)
    assert trade is not None
    assert trade.state is L2, "a fact is only what the terminal shows"
    assert trade.defence.owed == OWING
    assert trade.defence.descent == Descent()
    assert trade.defence.deadline is None


def test_each_break_advises_once_to_trail() -> None:
    trade, first = observed(), a_break(BUY, at=AT)
    assert kinds(decided(trade, seen(found=first))) == [TRAIL]
    trade = advised(trade, TRAIL) or trade
    assert kinds(decided(trade, seen(found=first))) == []
    second = a_break(BUY, at=AT + BAR)
    assert kinds(decided(trade, seen(at=AT + BAR, found=second))) == [TRAIL]
    assert advised(trade, TRAIL, at=AT + BAR) is not None


def test_a_missing_stop_that_was_only_advised_is_still_missing() -> None:
    trade = advised(observed(position=a_position(stop_loss=None)), MISSING)
    assert trade is not None
    bare = seen(position=a_position(stop_loss=None))
    assert kinds(decided(trade, bare)) == [MISSING]
    assert advised(trade, MISSING) is None


def test_a_rail_that_comes_and_goes_does_not_make_the_same_advice_anew() -> None:
    trade = advised(observed(L2), OPEN_HEDGE)
    assert trade is not None
    trade = blocked(trade, OPEN_HEDGE, Rail.SPREAD)
    assert trade is not None
    assert advised(trade, OPEN_HEDGE) is None
    assert blocked(trade, OPEN_HEDGE, Rail.SPREAD) is None


def gone(reason: CloseReason = CloseReason.SL, profit: float = 12.5) -> Closing:
    return Closing(reason, profit, 1.1, AT)


@pytest.mark.parametrize("reason", CloseReason)
def test_a_hedge_that_is_gone_lets_its_trade_recover_whatever_the_cause(
    reason: CloseReason,
) -> None:
    told = ("CLOSE_HEDGE PAUSED",)
    trade = a_trade(HEDGED, deadline=AT + HOUR, owed=(HALF,), told=told)
    changed, moved = outcome.hedge_gone(trade, gone(reason), LATER, POLICY)
    assert isinstance(changed, TradeChanged)
    by_us = reason is CloseReason.DTMS
    assert changed.cause is (ChangeCause.DTMS if by_us else ChangeCause.OUTSIDE)
    assert isinstance(moved, StateChanged)
    assert str(reason) in moved.reason
    after = folded(trade, [changed, moved])
    assert after.state is RECOVERING
    assert (after.terms.hedge, after.terms.hedge_profit) == (None, 12.5)
    assert after.defence.deadline == LATER + timedelta(minutes=30)
    assert (after.defence.owed, after.defence.told) == ((), ())


def test_the_profit_of_hedges_adds_up() -> None:
    trade = with_terms(a_trade(HEDGED), hedge_profit=-2.4)
    after = folded(trade, outcome.hedge_gone(trade, gone(profit=0.1), LATER, POLICY))
    assert after.terms.hedge_profit == -2.3
    after = folded(trade, outcome.hedge_gone(trade, gone(profit=0.00000001), LATER, POLICY))
    assert after.terms.hedge_profit == -2.39999999, "a satoshi counts"


def test_a_hedge_that_goes_while_its_trade_is_closed_starts_nothing() -> None:
    closing = a_trade(HEDGED, exit_reason="a reason", deadline=AT)
    [told] = outcome.hedge_gone(closing, gone(), LATER, POLICY)
    after = folded(closing, [told])
    assert after.state is HEDGED
    assert after.terms.hedge is None
    assert after.defence == closing.defence
    assert kinds(decided(after, seen(9.0, AT + BAR))) == [ActionKind.CLOSE_TRADE]


def test_a_hedge_that_goes_after_its_trade_starts_nothing_and_ends_its_care() -> None:
    closed = apply(a_trade(HEDGED), TradeClosed(CLOSING), AT)
    [told] = outcome.hedge_gone(closed, gone(), LATER, POLICY)
    after = folded(closed, [told])
    assert after.state is State.CLOSED
    assert not after.is_active
    assert after.terms.hedge_profit == 12.5


def test_every_kind_of_action_that_moves_a_stop_is_a_stop_action() -> None:
    assert {TIGHTEN, BREAK_EVEN, TRAIL, MISSING} == STOPS
    assert {OPEN_HEDGE, READD} == OPENINGS


def test_the_whole_way_of_a_trade_through_its_hedge_and_back() -> None:
    trade = decided(a_trade(), seen(-7.0)).trade
    trade = folded(trade, hedge_opened(trade))
    trade = folded(trade, outcome.hedge_gone(trade, gone(), LATER, POLICY))
    late = AT + 2 * BAR
    trade = decided(trade, seen(-9.0, late)).trade
    assert trade.state is RECOVERING
    trade = decided(trade, seen(1.5, late + BAR)).trade
    assert trade.state is State.HEALTHY
    assert trade.defence.deadline is None
    assert trade.defence.owed == (), "nothing was closed, so nothing is added again"
    again = decided(trade, seen(-5.0, late + 2 * BAR)).trade
    assert again.state is L2
    assert again.defence.owed == OWING, "the descent has had no half yet"
