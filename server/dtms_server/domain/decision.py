"""What to do for a trade now: how its state moves, and what is wished for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.events import ChangeCause, StateChanged, TradeChanged, TradeEvent, apply
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Band, Score
from dtms_server.domain.situation import Situation, Wish, band_of, is_of_now
from dtms_server.domain.sizing import PRICE_DIGITS, r_distance
from dtms_server.domain.state import (
    HEALTHY,
    L2,
    ON_SCORE,
    RECOVERING,
    WANT_HEDGE,
    Fact,
    is_worse,
    on_fact,
    on_score,
)
from dtms_server.domain.timers import is_descent_over
from dtms_server.domain.trade import Defence, Descent, State, Trade
from dtms_server.domain.wishes import wishes

JUDGED: Final = frozenset(ON_SCORE)


@dataclass(frozen=True, slots=True)
class Decision:
    """The trade as `events` leave it, and the wishes that it then has."""

    trade: Trade
    events: tuple[TradeEvent, ...]
    wishes: tuple[Wish, ...]


def decide(trade: Trade, seen: Situation, policy: Policy) -> Decision:
    """Decide for an active trade; the same for the same values, and defined for all of them."""
    seen = _of_now(seen, policy)
    events: list[TradeEvent] = []
    steps = (_measured, _out_of_grace, _moved) if trade.is_guarded else ()
    for step in steps:
        event = step(trade, seen, policy)
        if event is not None:
            trade = apply(trade, event, seen.now)
            events.append(event)
    resting = seen.pending is not None or in_grace(trade, seen.now)
    return Decision(trade, tuple(events), () if resting else tuple(wishes(trade, seen, policy)))


def _of_now(seen: Situation, policy: Policy) -> Situation:
    """Leave out an analysis that tells nothing of now, and its score."""
    if seen.analysis is None or is_of_now(seen.analysis, seen.now, policy):
        return seen
    return replace(seen, analysis=None, score=None)


def in_grace(trade: Trade, now: datetime) -> bool:
    """Is the trade too young to be judged?"""
    return trade.terms.grace_until is not None and now < trade.terms.grace_until


def _measured(trade: Trade, seen: Situation, policy: Policy) -> TradeEvent | None:
    """R is known from the first analysis on."""
    if trade.terms.r_distance is not None or seen.analysis is None:
        return None
    distance = r_distance(trade, seen.analysis.m15.atr, policy.defence)
    if distance is None:
        return None
    return TradeChanged(ChangeCause.DTMS, trade.terms, replace(trade.terms, r_distance=distance))


def _out_of_grace(trade: Trade, seen: Situation, policy: Policy) -> TradeEvent | None:
    """A trade that has moved far enough is judged before its time. The distances are rounded, lest
    one side be out of it a tick before the other."""
    terms, limits = trade.terms, policy.defence.states
    if not (in_grace(trade, seen.now) and terms.r_distance and seen.position):
        return None
    moved = (seen.position.current_price - terms.entry_price) * trade.direction.sign
    loss, gain = limits.grace_loss_r * terms.r_distance, limits.grace_gain_r * terms.r_distance
    if round(-loss, PRICE_DIGITS) < round(moved, PRICE_DIGITS) < round(gain, PRICE_DIGITS):
        return None
    return TradeChanged(ChangeCause.DTMS, terms, replace(terms, grace_until=seen.now))


def _moved(trade: Trade, seen: Situation, policy: Policy) -> TradeEvent | None:
    """Return how the score moves the state, if it does."""
    defence, score = trade.defence, seen.score
    resting = defence.exit_reason is not None or seen.pending is ActionKind.OPEN_HEDGE
    if score is None or resting or in_grace(trade, seen.now):
        return None
    if defence.acted_bar_at is not None and score.bar_closed_at <= defence.acted_bar_at:
        return None
    if trade.state is RECOVERING:
        return _recovered(trade, score, seen, policy)
    if trade.state not in JUDGED:
        return None
    seen_band = band_of(trade.state, score, policy)
    judged = on_score(trade.state, seen_band)
    after = L2 if judged == WANT_HEDGE else State(judged)
    if after is trade.state:
        return None
    if is_worse(after, trade.state):
        return _descended(trade, after, score, seen_band, seen, policy)
    return _climbed(trade, after, score, seen_band)


def _descended(
    trade: Trade, after: State, score: Score, why: Band, seen: Situation, policy: Policy
) -> StateChanged:
    descent = trade.defence.descent
    if trade.state is HEALTHY:
        over = is_descent_over(trade, seen.now, seen.analysis, policy)
        descent = Descent() if over else descent
    half = () if descent.half_closed else (ActionKind.CLOSE_HALF,)
    owed = (*half, ActionKind.BREAK_EVEN) if after is L2 else (ActionKind.TIGHTEN_STOP,)
    return _judged(trade, after, score, why, owed, descent)


def _climbed(trade: Trade, after: State, score: Score, why: Band) -> StateChanged | None:
    if score.bar_closed_at <= trade.state_entered_at:
        return None  # no bar has closed in the state yet
    return _judged(trade, after, score, why, (), trade.defence.descent)


def _judged(
    trade: Trade,
    after: State,
    score: Score,
    why: Band,
    owed: tuple[ActionKind, ...],
    descent: Descent,
) -> StateChanged:
    defence = _entering(trade, score, owed, descent)
    return StateChanged(trade.state, after, score, f"score {score.value:+.1f}, {why}", defence)


def _entering(
    trade: Trade, score: Score, owed: tuple[ActionKind, ...], descent: Descent
) -> Defence:
    return replace(
        trade.defence,
        acted_bar_at=score.bar_closed_at,
        owed=owed,
        descent=descent,
        deadline=None,
        told=(),
    )


def _recovered(trade: Trade, score: Score, seen: Situation, policy: Policy) -> StateChanged | None:
    least = policy.defence.states.recovered_score
    if score.value < least or score.bar_closed_at <= trade.state_entered_at:
        return None
    owed = (ActionKind.READD,) if _may_be_readded(trade, seen, policy) else ()
    defence = _entering(trade, score, owed, trade.defence.descent)
    reason = f"score {score.value:+.1f}, recovered"
    return StateChanged(trade.state, on_fact(trade.state, Fact.RECOVERED), score, reason, defence)


def _may_be_readded(trade: Trade, seen: Situation, policy: Policy) -> bool:
    descent = trade.defence.descent
    allowed = policy.defence.of_symbol(trade.symbol).readd and seen.can_hedge
    fits = trade.parent_ticket is None and descent.closed_lots > 0 and not descent.readded
    return allowed and fits and ActionKind.READD not in descent.refused
