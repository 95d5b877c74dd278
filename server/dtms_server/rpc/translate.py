"""The domain's values into messages."""

from datetime import datetime

from dtms.v1 import event_pb2, service_pb2, trade_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from dtms_server.domain import events
from dtms_server.domain.events import Recorded
from dtms_server.domain.market import Snapshot
from dtms_server.domain.scoring import Score
from dtms_server.domain.trade import Closing, Terms, Trade
from dtms_server.engine.scores import NoScore
from dtms_server.engine.status import Status
from dtms_server.rpc.enums import to_proto


def timestamp(at: datetime) -> Timestamp:
    """Return a moment to the microsecond."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def duration(seconds: float) -> Duration:
    """Return a span to the microsecond."""
    message = Duration()
    message.FromMicroseconds(round(seconds * 1e6))
    return message


def score(given: Score | NoScore) -> trade_pb2.Score:
    """Return a score with all that led to it, or why there is none."""
    if isinstance(given, NoScore):
        return trade_pb2.Score(missing_reason=given.reason)
    regime = given.regime
    return trade_pb2.Score(
        value=given.value,
        points=[
            trade_pb2.SignalPoints(
                signal=trade_pb2.Signal.Value(f"SIGNAL_{each.signal.name}"),
                points=each.points,
                weight=each.weight,
                reason=each.reason,
            )
            for each in given.points
        ],
        regime=trade_pb2.Regime(
            session=regime.session, volatility=regime.volatility, structure=regime.structure
        ),
        bar_closed_at=timestamp(given.bar_closed_at),
    )


def trade(trade: Trade, given: Score | NoScore | None = None) -> trade_pb2.Trade:
    """Return a trade as callers see it; an event's has no score, since scores are not kept."""
    terms, closing = trade.terms, trade.closing
    return trade_pb2.Trade(
        ticket=trade.ticket,
        position_ticket=terms.position_ticket,
        position_id=trade.position_id,
        account=trade.account,
        symbol=trade.symbol,
        direction=to_proto(trade_pb2.Direction, trade.direction),
        entry_price=terms.entry_price,
        volume=terms.volume_lots,
        initial_volume=trade.initial_volume_lots,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        initial_stop_loss=trade.initial_stop_loss,
        state=to_proto(trade_pb2.TradeState, trade.state),
        state_entered_at=timestamp(trade.state_entered_at),
        score=score(given) if given else None,
        defensive=trade.is_defensive,
        protection=to_proto(trade_pb2.Protection, terms.protection),
        closing_unconfirmed=terms.closing_unconfirmed,
        close_reason=_close_reason(closing) if closing else trade_pb2.CLOSE_REASON_UNSPECIFIED,
        profit=closing.profit if closing else None,
        account_currency=trade.account_currency,
        labels=terms.labels,
        registered_at=timestamp(trade.registered_at),
        updated_at=timestamp(trade.updated_at),
        closed_at=timestamp(closing.at) if closing else None,
    )


def event(recorded: Recorded) -> event_pb2.MonitorEvent:
    """Return an entry of the journal with the facts of its type."""
    message = event_pb2.MonitorEvent(
        sequence=recorded.sequence,
        at=timestamp(recorded.at),
        account=recorded.account,
        ticket=recorded.ticket,
        symbol=recorded.symbol or "",
        type=to_proto(event_pb2.MonitorEventType, recorded.type),
    )
    _add_facts(message, recorded.event)
    return message


def status(status: Status) -> service_pb2.GetStatusResponse:
    """Return how the service stands."""
    counts = sorted(status.trades_by_state.items())
    return service_pb2.GetStatusResponse(
        dtms_initialized=status.initialised,
        monitoring_active=status.monitoring,
        active_trades=status.active_trades,
        ready=status.ready,
        not_ready_reason=status.not_ready_reason,
        phase=to_proto(service_pb2.ServicePhase, status.phase),
        trades_by_state=[
            service_pb2.StateCount(state=to_proto(trade_pb2.TradeState, state), trades=count)
            for state, count in counts
            if count
        ],
        terminal=_terminal(status),
        uptime=duration(status.uptime_seconds),
        cycles=status.cycles,
        last_cycle=duration(status.last_cycle_seconds),
        head_sequence=status.head_sequence,
        orphans=status.orphans,
        version=status.version,
    )


def _terminal(status: Status) -> service_pb2.TerminalStatus:
    message = service_pb2.TerminalStatus(
        source=status.terminal_source,
        connected=status.ready,
        error=status.not_ready_reason,
    )
    if status.snapshot is not None:
        message.MergeFrom(_shown(status.snapshot))
    return message


def _shown(snapshot: Snapshot) -> service_pb2.TerminalStatus:
    account = snapshot.account
    return service_pb2.TerminalStatus(
        name=snapshot.terminal,
        account=account.name,
        account_kind=to_proto(service_pb2.AccountKind, account.kind),
        margin_mode=to_proto(service_pb2.MarginMode, account.margin_mode),
        currency=account.currency,
        balance=account.balance,
        equity=account.equity,
        trade_allowed=snapshot.trade_allowed and account.trade_allowed,
        time=timestamp(snapshot.at),
        speed=snapshot.speed,
    )


def _add_facts(message: event_pb2.MonitorEvent, event: events.Event) -> None:
    match event:
        case events.TradeRegistered(whole, rearmed):
            message.trade_registered.trade.CopyFrom(trade(whole))
            message.trade_registered.rearmed = rearmed
        case events.TradeRecovered():
            message.trade_recovered.SetInParent()
        case events.TradeChanged():
            message.trade_changed.CopyFrom(_changed(event))
        case events.TradeClosed(closing):
            message.trade_closed.reason = _close_reason(closing)
            message.trade_closed.profit = closing.profit
            message.trade_closed.close_price = closing.price
            message.trade_closed.closed_at.CopyFrom(timestamp(closing.at))
        case events.TradeReleased():
            message.trade_released.SetInParent()
        case events.TerminalConnected(terminal, lost_seconds):
            message.terminal_connected.terminal = terminal
            message.terminal_connected.lost_seconds = lost_seconds
        case events.TerminalLost(reason):
            message.terminal_lost.reason = reason
        case events.MonitoringStarted(active_trades, version):
            message.monitoring_started.active_trades = active_trades
            message.monitoring_started.version = version
        case events.MonitoringStopped(reason):
            message.monitoring_stopped.reason = reason


def _changed(change: events.TradeChanged) -> event_pb2.TradeChanged:
    before, after = _terms(change.before), _terms(change.after)
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


def _terms(terms: Terms) -> event_pb2.TradeTerms:
    return event_pb2.TradeTerms(
        position_ticket=terms.position_ticket,
        position_id=terms.position_id,
        entry_price=terms.entry_price,
        volume=terms.volume_lots,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        protection=to_proto(trade_pb2.Protection, terms.protection),
        labels=terms.labels,
        closing_unconfirmed=terms.closing_unconfirmed,
    )


def _close_reason(closing: Closing) -> trade_pb2.CloseReason.ValueType:
    return to_proto(trade_pb2.CloseReason, closing.reason)
