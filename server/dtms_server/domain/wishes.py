"""The actions that are wished for a trade, the most urgent first."""

from collections.abc import Iterator
from datetime import datetime

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.analysis.structure import Break, BreakKind
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import HedgeExit
from dtms_server.domain.scoring import Band, Score, band
from dtms_server.domain.situation import Situation, Wish, band_of
from dtms_server.domain.sizing import LOT_DIGITS
from dtms_server.domain.state import HEALTHY, HEDGED, L2, RECOVERING, WANT_HEDGE, on_score
from dtms_server.domain.timers import is_descent_over, ran_out_at
from dtms_server.domain.trade import Trade


def wishes(trade: Trade, seen: Situation, policy: Policy) -> Iterator[Wish]:
    """Yield what is wanted for an active trade that is out of grace, most urgent first."""
    if not trade.is_guarded:
        yield from _alone(trade, seen)
        return
    if trade.defence.exit_reason is not None:
        yield from _exit(trade.defence.exit_reason, seen)
    elif seen.position is None:
        if trade.state is HEDGED and trade.terms.closing_unconfirmed:
            yield from _flat(trade, seen)
    elif trade.state is HEDGED:
        yield from _hedged(trade, seen, seen.position, policy)
    elif trade.state is RECOVERING:
        yield from _recovering(trade, seen, policy)
    else:
        yield from _judged_wishes(trade, seen, policy)


def _judged_wishes(trade: Trade, seen: Situation, policy: Policy) -> Iterator[Wish]:
    why = _why(trade, seen)
    if _wants_hedge(trade, seen, policy):
        yield Wish(ActionKind.OPEN_HEDGE, why)
    yield from _missing_stop(trade, seen, policy)
    over = is_descent_over(trade, seen.now, seen.analysis, policy)
    for kind in trade.defence.owed:
        if not (over and kind is ActionKind.READD):  # what was closed before is of another time
            yield Wish(kind, why)
    found = _break_after(_trailed_at(trade), seen)
    if trade.state is HEALTHY and found is not None and found.direction is trade.direction:
        yield Wish(ActionKind.TRAIL_STOP, f"{found.kind} in its favour")


def _missing_stop(trade: Trade, seen: Situation, policy: Policy) -> Iterator[Wish]:
    """Only a trade that came without a stop is given one: a stop taken away later was taken away
    by somebody's will."""
    is_wanted = policy.defence.stops.set_missing_stop and not trade.defence.missing_stop_set
    lacks = seen.position is not None and seen.position.stop_loss is None
    if is_wanted and lacks and trade.initial_stop_loss is None:
        yield Wish(ActionKind.SET_MISSING_STOP, "it has no stop")


def _trailed_at(trade: Trade) -> datetime:
    """Return when the structural breaks before are done with: they were trailed behind, or came
    before the trade was guarded, or in its grace."""
    begun = max(trade.registered_at, trade.terms.grace_until or trade.registered_at)
    return trade.defence.trailed_at or begun


def _wants_hedge(trade: Trade, seen: Situation, policy: Policy) -> bool:
    if trade.state is not L2 or seen.score is None or not seen.can_hedge:
        return False
    refused = ActionKind.OPEN_HEDGE in trade.defence.descent.refused
    return not refused and on_score(L2, _band_in_l2(trade, seen.score, policy)) == WANT_HEDGE


def _band_in_l2(trade: Trade, score: Score, policy: Policy) -> Band:
    """Return the band of a score to a trade in WARNING_L2; the one that has brought it there was
    judged before it was there, and acts only once."""
    if score.bar_closed_at == trade.defence.acted_bar_at:
        return band(score.value, policy.scoring.bands)
    return band_of(L2, score, policy)


def _hedged(trade: Trade, seen: Situation, position: Position, policy: Policy) -> Iterator[Wish]:
    assert trade.terms.hedge is not None, "hedged without a hedge"
    states = policy.defence.states
    found = _break_after(trade.terms.hedge.opened_at, seen)
    against = found is not None and found.direction is not trade.direction
    if found is not None and against and _ends_hedge(found, states.hedge_exit_on):
        yield from _exit(f"{found.kind} against it while hedged", seen)
    yield from _flat(trade, seen)
    if seen.hedge is None:
        return
    if found is not None and not against:
        yield Wish(ActionKind.CLOSE_HEDGE, f"{found.kind} in its favour")
    if round(seen.hedge.volume_lots - position.volume_lots, LOT_DIGITS) > 0:
        yield Wish(ActionKind.REDUCE_HEDGE, "the hedge is larger than its trade")


def _flat(trade: Trade, seen: Situation) -> Iterator[Wish]:
    """The timer runs on while the trade's position is missing and not proved gone, so that its
    hedge is not left alone for ever."""
    due = ran_out_at(trade, seen.now, seen.analysis)
    if due is not None:
        yield from _exit("hedged for too long", seen, due)


def _ends_hedge(found: Break, wanted: HedgeExit) -> bool:
    return wanted is HedgeExit.ANY or found.kind is BreakKind.CHOCH


def _recovering(trade: Trade, seen: Situation, policy: Policy) -> Iterator[Wish]:
    found = _break_after(trade.state_entered_at, seen)
    turned = found is not None and found.kind is BreakKind.CHOCH
    if found is not None and turned and found.direction is not trade.direction:
        yield from _exit("CHOCH against it while recovering", seen)
    due = ran_out_at(trade, seen.now, seen.analysis)
    if due is not None:
        yield from _exit("not recovered in time", seen, due)
    yield from _missing_stop(trade, seen, policy)


def _exit(reason: str, seen: Situation, due_at: datetime | None = None) -> Iterator[Wish]:
    """Close the trade and its hedge: against each other where the broker allows, else the larger
    first, so that what is left is small."""
    position, hedge = seen.position, seen.hedge
    trade_wish = Wish(ActionKind.CLOSE_TRADE, reason, exits=True, due_at=due_at)
    hedge_wish = Wish(ActionKind.CLOSE_HEDGE, reason, exits=True, due_at=due_at)
    match position, hedge:
        case Position(), Position():
            yield Wish(ActionKind.CLOSE_BY, reason, exits=True, due_at=due_at)
            larger = hedge.volume_lots > position.volume_lots
            yield from (hedge_wish, trade_wish) if larger else (trade_wish, hedge_wish)
        case Position(), None:
            yield trade_wish
        case None, Position():
            yield hedge_wish


def _alone(trade: Trade, seen: Situation) -> Iterator[Wish]:
    if seen.hedge is not None:
        yield Wish(ActionKind.CLOSE_HEDGE, "its trade is gone")


def _break_after(since: datetime, seen: Situation) -> Break | None:
    """Return the latest structural break, if it came after a moment."""
    found = seen.analysis.m15.structure.latest_break if seen.analysis else None
    return found if found is not None and found.at > since else None


def _why(trade: Trade, seen: Situation) -> str:
    value = f", score {seen.score.value:+.1f}" if seen.score else ""
    return f"{trade.state}{value}"
