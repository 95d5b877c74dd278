"""What an action's progress makes of its trade: the events that tell of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Became
from dtms_server.domain.events import (
    ActionAdvised,
    ActionBlocked,
    ActionDone,
    ActionFailed,
    ActionStarted,
    ChangeCause,
    StateChanged,
    TradeChanged,
    TradeEvent,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Rail
from dtms_server.domain.state import HEDGED, Fact, on_fact
from dtms_server.domain.trade import (
    CloseReason,
    Closing,
    Defence,
    Hedge,
    Terms,
    Trade,
)

ADVISED = "ADVISED"


@dataclass(frozen=True, slots=True)
class Effect:
    """What the terminal shows of a done action: what became true, the trade's terms now, and the
    hedge that it opened (None: it opened none)."""

    became: Became
    terms: Terms
    hedge: Hedge | None = None


def started(trade: Trade, action: Action, *, exits: bool) -> ActionStarted:
    """The intent; with it the trade's exit, once it is begun, is on disk."""
    defence = _forget_rail(trade.defence, action.kind)
    if exits and defence.exit_reason is None:
        defence = replace(defence, exit_reason=action.reason)
    return ActionStarted(action, defence)


def unknown(trade: Trade, action: Action, retcode: int | None, message: str) -> ActionStarted:
    """The order was sent, and whether it was carried out is not known yet."""
    unsure = replace(action, state=ActionState.UNKNOWN, retcode=retcode, message=message)
    return ActionStarted(unsure, trade.defence)


def done(
    trade: Trade, action: Action, effect: Effect, at: datetime, policy: Policy
) -> tuple[TradeEvent, ...]:
    """The order took effect: the action's end, the trade's new terms, and its new state if the
    action is one that makes it."""
    ended = replace(action, state=ActionState.DONE, became=effect.became, ended_at=at)
    defence = _after_done(trade.defence, ended)
    events: list[TradeEvent] = [ActionDone(ended, defence)]
    terms = effect.terms if effect.hedge is None else replace(effect.terms, hedge=effect.hedge)
    if terms != trade.terms:
        events.append(TradeChanged(ChangeCause.DTMS, trade.terms, terms))
    if action.kind is ActionKind.OPEN_HEDGE and trade.is_guarded:
        after = on_fact(trade.state, Fact.HEDGE_OPENED)
        minutes = timedelta(minutes=policy.defence.states.flat_minutes)
        hedged = replace(defence, owed=(), deadline=at + minutes, told=())
        events.append(StateChanged(trade.state, after, None, "its hedge is open", hedged))
    return tuple(events)


def failed(
    trade: Trade,
    action: Action,
    at: datetime,
    message: str,
    retcode: int | None = None,
    *,
    for_good: bool = False,
) -> ActionFailed:
    """The order was not carried out; `for_good`: what cannot be had is not tried again in this
    descent."""
    ended = replace(action, state=ActionState.FAILED, message=message, retcode=retcode, ended_at=at)
    defence = _given_up(trade.defence, action.kind, at) if for_good else trade.defence
    return ActionFailed(ended, defence)


def blocked(trade: Trade, action: Action, rail: Rail) -> ActionBlocked | None:
    """A rail holds the action back; None where that was told already."""
    told = f"{action.kind} {rail}"
    if told in trade.defence.told:
        return None
    defence = _forget_rail(trade.defence, action.kind)
    return ActionBlocked(action, rail, replace(defence, told=(*defence.told, told)))


def advised(trade: Trade, action: Action) -> ActionAdvised | None:
    """What would have been done now; None where that was told already. It stays owed: the trade may
    be protected from now on."""
    told = f"{action.kind} {ADVISED}"
    if told in trade.defence.told:
        return None
    defence = _forget_rail(trade.defence, action.kind)
    if action.kind is ActionKind.TRAIL_STOP:  # of which the next break makes another
        return ActionAdvised(action, replace(defence, trailed_at=action.started_at))
    return ActionAdvised(action, replace(defence, told=(*defence.told, told)))


def lapsed(trade: Trade, action: Action, at: datetime, reason: str) -> ActionFailed:
    """The action has nothing left to do: it is so already, or better."""
    ended = replace(action, state=ActionState.FAILED, message=reason, sends=0, ended_at=at)
    defence = _settled(trade.defence, action.kind)
    if action.kind is ActionKind.TRAIL_STOP:
        defence = replace(defence, trailed_at=at)
    return ActionFailed(ended, defence)


def hedge_gone(
    trade: Trade, closing: Closing, at: datetime, policy: Policy
) -> tuple[TradeEvent, ...]:
    """The hedge is proved gone: its profit is the trade's, which recovers unless it is being
    closed."""
    before = trade.terms
    profit = (before.hedge_profit or 0.0) + closing.profit
    after = replace(before, hedge=None, hedge_profit=round(profit, 8))
    cause = ChangeCause.DTMS if closing.reason is CloseReason.DTMS else ChangeCause.OUTSIDE
    change = TradeChanged(cause, before, after)
    if trade.state is not HEDGED or trade.defence.exit_reason is not None:
        return (change,)
    deadline = at + timedelta(minutes=policy.defence.states.recovery_minutes)
    defence = replace(trade.defence, owed=(), deadline=deadline, told=())
    state = on_fact(trade.state, Fact.HEDGE_GONE)
    reason = f"its hedge is gone ({closing.reason})"
    return change, StateChanged(trade.state, state, None, reason, defence)


def _after_done(defence: Defence, action: Action) -> Defence:
    """Return what the defence remembers once an action is done."""
    defence, descent = _settled(defence, action.kind), defence.descent
    lots = action.became.volume_lots if action.became and action.became.volume_lots else 0.0
    match action.kind:
        case ActionKind.CLOSE_HALF:
            closed = round(descent.closed_lots + lots, 8)
            descent = replace(descent, half_closed=True, closed_lots=closed)
        case ActionKind.READD:
            left = max(0.0, round(descent.closed_lots - lots, 8))
            descent = replace(descent, readded=True, closed_lots=left)
        case ActionKind.TRAIL_STOP:
            return replace(defence, trailed_at=action.started_at)
        case ActionKind.SET_MISSING_STOP:
            return replace(defence, missing_stop_set=True)
    return replace(defence, descent=descent)


def _settled(defence: Defence, kind: ActionKind) -> Defence:
    return replace(defence, owed=tuple(owed for owed in defence.owed if owed is not kind))


def _given_up(defence: Defence, kind: ActionKind, at: datetime) -> Defence:
    defence, descent = _settled(defence, kind), defence.descent
    match kind:
        case ActionKind.OPEN_HEDGE | ActionKind.READD:
            descent = replace(descent, refused=(*descent.refused, kind))
        case ActionKind.CLOSE_HALF:
            descent = replace(descent, half_closed=True)
        case ActionKind.TRAIL_STOP:
            return replace(defence, trailed_at=at)
        case ActionKind.SET_MISSING_STOP:
            return replace(defence, missing_stop_set=True)
    return replace(defence, descent=descent)


def _forget_rail(defence: Defence, kind: ActionKind) -> Defence:
    rails = {f"{kind} {rail}" for rail in Rail}
    return replace(defence, told=tuple(told for told in defence.told if told not in rails))
