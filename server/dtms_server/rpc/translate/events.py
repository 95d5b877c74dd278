"""Entries of the journal as messages."""

from typing import Any

from dtms.v1 import event_pb2, trade_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from dtms_server.domain import events
from dtms_server.domain.events import Recorded
from dtms_server.rpc.enums import to_proto
from dtms_server.rpc.translate.actions import action
from dtms_server.rpc.translate.scores import score
from dtms_server.rpc.translate.times import timestamp
from dtms_server.rpc.translate.trades import close_reason, terms, trade

_Acted = events.RecordedAction | events.ToldAction


def event(recorded: Recorded) -> event_pb2.MonitorEvent:
    """Return an entry of the journal with the facts of its type, which bear the type's name."""
    facts: dict[str, Any] = {recorded.type.lower(): _facts(recorded.event)}
    return event_pb2.MonitorEvent(
        sequence=recorded.sequence,
        at=timestamp(recorded.at),
        account=recorded.account,
        ticket=recorded.ticket,
        symbol=recorded.symbol or "",
        type=to_proto(event_pb2.MonitorEventType, recorded.type),
        **facts,
    )


def _facts(event: events.Event) -> Message:
    if isinstance(event, _Acted):
        return _action_facts(event)
    if isinstance(event, events.ServiceEvent):
        return _service_facts(event)
    match event:
        case events.TradeRegistered(whole, rearmed):
            return event_pb2.TradeRegistered(trade=trade(whole), rearmed=rearmed)
        case events.TradeRecovered():
            return event_pb2.TradeRecovered()
        case events.TradeAdopted(whole, magic):
            return event_pb2.TradeAdopted(trade=trade(whole), magic=magic)
        case events.TradeChanged():
            return _changed(event)
        case events.StateChanged():
            return _moved(event)
        case events.TradeClosed(closing):
            return event_pb2.TradeClosed(
                reason=close_reason(closing),
                profit=closing.profit,
                close_price=closing.price,
                closed_at=timestamp(closing.at),
            )
        case events.TradeReleased(hedge_left):
            return _released(hedge_left)


def _action_facts(event: _Acted) -> Message:
    told = action(event.action)
    match event:
        case events.ActionStarted():
            return event_pb2.ActionStarted(action=told)
        case events.ActionDone():
            return event_pb2.ActionDone(action=told)
        case events.ActionFailed():
            return event_pb2.ActionFailed(action=told)
        case events.ActionAdvised():
            return event_pb2.ActionAdvised(action=told)
        case events.ActionBlocked(rail=rail):
            return event_pb2.ActionBlocked(action=told, rail=rail)


def _service_facts(event: events.ServiceEvent) -> Message:
    match event:
        case events.TerminalConnected(terminal, lost_seconds):
            return event_pb2.TerminalConnected(terminal=terminal, lost_seconds=lost_seconds)
        case events.TerminalLost(reason):
            return event_pb2.TerminalLost(reason=reason)
        case events.MonitoringStarted(active_trades, version):
            return event_pb2.MonitoringStarted(active_trades=active_trades, version=version)
        case events.MonitoringStopped(reason):
            return event_pb2.MonitoringStopped(reason=reason)
        case events.ActionsPaused(reason):
            return event_pb2.ActionsPaused(reason=reason)
        case events.ActionsResumed(reason):
            return event_pb2.ActionsResumed(reason=reason)


def _moved(move: events.StateChanged) -> event_pb2.StateChanged:
    before: dict[str, Any] = {"from": to_proto(trade_pb2.TradeState, move.before)}  # a keyword
    return event_pb2.StateChanged(
        to=to_proto(trade_pb2.TradeState, move.after),
        score=None if move.score is None else score(move.score),
        reason=move.reason,
        **before,
    )


def _released(hedge_left: int | None) -> event_pb2.TradeReleased:
    if hedge_left is None:
        return event_pb2.TradeReleased()
    return event_pb2.TradeReleased(hedge=event_pb2.HEDGE_DISPOSITION_LEAVE, hedge_left=hedge_left)


def _changed(change: events.TradeChanged) -> event_pb2.TradeChanged:
    before, after = terms(change.before), terms(change.after)
    names = (field.name for field in event_pb2.TradeTerms.DESCRIPTOR.fields)
    return event_pb2.TradeChanged(
        cause=to_proto(event_pb2.ChangeCause, change.cause),
        before=before,
        after=after,
        changed=FieldMask(paths=[name for name in names if _differs(name, before, after)]),
    )


def _differs(name: str, before: event_pb2.TradeTerms, after: event_pb2.TradeTerms) -> bool:
    field = event_pb2.TradeTerms.DESCRIPTOR.fields_by_name[name]
    if field.has_presence and before.HasField(name) != after.HasField(name):  # type: ignore[arg-type] # any of its names
        return True
    return bool(getattr(before, name) != getattr(after, name))
