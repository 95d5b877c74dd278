"""Messages back into the domain's values: by these a test sees what a message tells, and loses."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from dtms.v1 import action_pb2, event_pb2, trade_pb2
from dtms_server.domain import events
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Became, Order, Verb
from dtms_server.domain.analysis.regime import Regime, Session, Shape, Volatility
from dtms_server.domain.events import ChangeCause
from dtms_server.domain.rails import Rail
from dtms_server.domain.scoring import Score, SignalPoints
from dtms_server.domain.signals import Signal
from dtms_server.domain.trade import (
    CloseReason,
    Closing,
    Defence,
    Direction,
    Hedge,
    Protection,
    State,
    Terms,
    Trade,
)
from dtms_server.rpc.enums import to_domain

Member = TypeVar("Member", bound=StrEnum)
UNTOLD_SIDE = Direction.BUY
"""What stands for the side of an order, which a caller knows by its trade."""
UNTOLD = Defence()
"""What an event's message does not tell of the trade's defence: a trade's message does."""


def given_or_none(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def moment(message: Any) -> datetime:
    found: datetime = message.ToDatetime(tzinfo=UTC)
    return found


def moment_or_none(message: Any, name: str) -> datetime | None:
    return moment(getattr(message, name)) if message.HasField(name) else None


def member(kind: Any, number: int, members: type[Member]) -> Member:
    found = to_domain(kind, number, members)
    assert found is not None
    return found


def terms(message: event_pb2.TradeTerms | trade_pb2.Trade) -> Terms:
    return Terms(
        position_ticket=message.position_ticket,
        position_id=message.position_id,
        entry_price=message.entry_price,
        volume_lots=message.volume,
        stop_loss=given_or_none(message, "stop_loss"),
        take_profit=given_or_none(message, "take_profit"),
        protection=member(trade_pb2.Protection, message.protection, Protection),
        labels=dict(message.labels),
        closing_unconfirmed=message.closing_unconfirmed,
        r_distance=given_or_none(message, "r_distance"),
        grace_until=moment_or_none(message, "grace_until"),
        hedge=_hedge(message) if message.HasField("hedge_ticket") else None,
        hedge_profit=given_or_none(message, "hedge_profit"),
    )


def _hedge(message: event_pb2.TradeTerms | trade_pb2.Trade) -> Hedge:
    return Hedge(
        message.hedge_ticket,
        message.hedge_position_id,
        message.hedge_volume,
        moment(message.hedge_opened_at),
    )


def trade(message: trade_pb2.Trade, closing: Closing | None) -> Trade:
    """The trade that a message tells of; `closing` lends the price, which it does not tell."""
    reason = to_domain(trade_pb2.CloseReason, message.close_reason, CloseReason)
    return Trade(
        account=message.account,
        ticket=message.ticket,
        symbol=message.symbol,
        direction=member(trade_pb2.Direction, message.direction, Direction),
        initial_volume_lots=message.initial_volume,
        initial_stop_loss=given_or_none(message, "initial_stop_loss"),
        account_currency=message.account_currency,
        terms=terms(message),
        state=member(trade_pb2.TradeState, message.state, State),
        state_entered_at=moment(message.state_entered_at),
        registered_at=moment(message.registered_at),
        updated_at=moment(message.updated_at),
        closing=Closing(reason, message.profit, closing.price, moment(message.closed_at))
        if reason and closing
        else None,
        parent_ticket=given_or_none(message, "parent_ticket"),
        defence=Defence(
            owed=tuple(member(action_pb2.ActionKind, kind, ActionKind) for kind in message.owed),
            deadline=moment_or_none(message, "timer_until"),
            exit_reason=message.closing_reason or None,
        ),
        state_reason=message.state_reason,
    )


def action(message: action_pb2.Action) -> Action:
    """The action that a message tells of; one that was never sent has no time of its own for it."""
    started_at = moment(message.started_at)
    asked = message.asked
    return Action(
        id=message.id,
        ticket=message.ticket,
        kind=member(action_pb2.ActionKind, message.kind, ActionKind),
        state=member(action_pb2.ActionState, message.state, ActionState),
        reason=message.reason,
        order=Order(
            member(action_pb2.OrderVerb, message.verb, Verb),
            message.symbol,
            UNTOLD_SIDE,
            asked.price,
            asked.volume,
            given_or_none(asked, "stop_loss"),
            given_or_none(asked, "take_profit"),
            position_ticket=given_or_none(message, "position_ticket"),
            by_ticket=given_or_none(message, "by_ticket"),
        ),
        started_at=started_at,
        sent_at=moment_or_none(message, "sent_at") or started_at,
        sends=message.sends,
        became=_became(message.became) if message.HasField("became") else None,
        retcode=given_or_none(message, "retcode"),
        message=message.message,
        ended_at=moment_or_none(message, "ended_at"),
    )


def _became(message: action_pb2.OrderTerms) -> Became:
    return Became(
        given_or_none(message, "volume"),
        given_or_none(message, "price"),
        given_or_none(message, "stop_loss"),
        given_or_none(message, "take_profit"),
    )


def score(message: trade_pb2.Score) -> Score:
    regime = message.regime
    return Score(
        message.value,
        tuple(
            SignalPoints(
                Signal(trade_pb2.Signal.Name(one.signal).removeprefix("SIGNAL_").lower()),
                one.points,
                one.weight,
                one.reason,
            )
            for one in message.points
        ),
        vwap=0.0,
        volume=0.0,
        regime=Regime(
            Session(regime.session), Volatility(regime.volatility), Shape(regime.structure)
        ),
        vwap_flip=False,
        volume_flip=False,
        bar_closed_at=moment(message.bar_closed_at),
    )


def event(message: event_pb2.MonitorEvent, told: events.Event) -> events.Event:
    """The event that a message tells of; `told` lends a closed trade its price."""
    kind = message.WhichOneof("facts")
    assert kind is not None
    facts: Any = getattr(message, kind)
    match kind:
        case "trade_registered" | "trade_adopted":
            assert isinstance(told, events.TradeRegistered | events.TradeAdopted)
            whole = trade(facts.trade, told.trade.closing)
            if kind == "trade_adopted":
                return events.TradeAdopted(whole, facts.magic)
            return events.TradeRegistered(whole, facts.rearmed)
        case "trade_changed":
            cause = member(event_pb2.ChangeCause, facts.cause, ChangeCause)
            return events.TradeChanged(cause, terms(facts.before), terms(facts.after))
        case "state_changed":
            return _moved(facts)
        case "action_blocked":
            return events.ActionBlocked(action(facts.action), Rail(facts.rail), UNTOLD)
        case "trade_closed":
            reason = member(trade_pb2.CloseReason, facts.reason, CloseReason)
            at = moment(facts.closed_at)
            return events.TradeClosed(Closing(reason, facts.profit, facts.close_price, at))
        case "trade_released":
            left = given_or_none(facts, "hedge_left")
            assert facts.hedge == (left is not None) * event_pb2.HEDGE_DISPOSITION_LEAVE
            return events.TradeReleased(left)
        case _ if kind in ACTED:
            return ACTED[kind](action(facts.action), UNTOLD)
    return PLAIN[kind](facts)


def _moved(facts: Any) -> events.StateChanged:
    return events.StateChanged(
        member(trade_pb2.TradeState, getattr(facts, "from"), State),  # a keyword of Python's
        member(trade_pb2.TradeState, facts.to, State),
        score(facts.score) if facts.HasField("score") else None,
        facts.reason,
        UNTOLD,
    )


ACTED: Mapping[str, Callable[[Action, Defence], events.Event]] = {
    "action_started": events.ActionStarted,
    "action_done": events.ActionDone,
    "action_failed": events.ActionFailed,
    "action_advised": events.ActionAdvised,
}
PLAIN: Mapping[str, Callable[[Any], events.Event]] = {
    "trade_recovered": lambda facts: events.TradeRecovered(),
    "terminal_connected": lambda facts: events.TerminalConnected(
        facts.terminal, facts.lost_seconds
    ),
    "terminal_lost": lambda facts: events.TerminalLost(facts.reason),
    "monitoring_started": lambda facts: events.MonitoringStarted(
        facts.active_trades, facts.version
    ),
    "monitoring_stopped": lambda facts: events.MonitoringStopped(facts.reason),
    "actions_paused": lambda facts: events.ActionsPaused(facts.reason),
    "actions_resumed": lambda facts: events.ActionsResumed(facts.reason),
}
