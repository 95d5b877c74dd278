"""Events in words, a line each."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, Final

from dtms.v1 import action_pb2, event_pb2, trade_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from dtms_server.cli import action_words, words
from dtms_server.cli.plain import short_name


def line(event: event_pb2.MonitorEvent) -> str:
    """Return an event on one line: place, time, type, whose, and what."""
    return f"{event.sequence:>5}  {words.time(event.at)}  {_what(event)}"


def brief_line(event: event_pb2.MonitorEvent) -> str:
    """Return an event on one shorter line, for a screen that shows the latest only."""
    return f"{event.at.ToDatetime(UTC):%H:%M:%S} {_what(event)}"


def facts(event: event_pb2.MonitorEvent) -> str:
    """Return the facts of the event's type in words; empty where the type says it all."""
    kind = event.WhichOneof("facts")
    told = KNOWN.get(kind) if kind else None
    # on one line, whatever an operator or a terminal has written
    return " ".join(told(getattr(event, kind)).split()) if kind and told else ""


def decided(move: event_pb2.StateChanged) -> str:
    """Return why a trade moved to another state, with what counted most in its score."""
    strongest = words.strongest(move.score)
    return f"{move.reason} ({strongest})" if strongest else move.reason


def _what(event: event_pb2.MonitorEvent) -> str:
    kind = words.name(event_pb2.MonitorEventType, event.type)
    whose = f"{event.ticket} {event.symbol}  " if event.HasField("ticket") else ""
    return f"{kind:<18} {whose}{facts(event)}".rstrip()


def _registered(fact: event_pb2.TradeRegistered) -> str:
    return _guarded(fact.trade) + (", armed again" if fact.rearmed else "")


def _adopted(fact: event_pb2.TradeAdopted) -> str:
    return f"{_guarded(fact.trade)}, by magic {fact.magic}"


def _guarded(trade: trade_pb2.Trade) -> str:
    side = words.name(trade_pb2.Direction, trade.direction)
    lots = f"{words.number(trade.volume)} at {words.number(trade.entry_price)}"
    parent = f", added again to {trade.parent_ticket}" if trade.HasField("parent_ticket") else ""
    is_observed = trade.protection == trade_pb2.PROTECTION_OBSERVE
    observed = ", only observed" if is_observed else ""
    return f"{side} {lots}, {words.stops(trade)}{observed}{parent}"


def _changed(fact: event_pb2.TradeChanged) -> str:
    cause = words.name(event_pb2.ChangeCause, fact.cause)
    each = [
        f"{path} {_term(fact.before, path)} -> {_term(fact.after, path)}"
        for path in fact.changed.paths
    ]
    return f"{', '.join(each)} ({cause})"


def _term(terms: event_pb2.TradeTerms, path: str) -> str:
    field = terms.DESCRIPTOR.fields_by_name.get(path)
    if field is None or (field.has_presence and not terms.HasField(path)):  # type: ignore[arg-type]  # a field's name
        return words.NOTHING
    value = getattr(terms, path)
    if field.enum_type:
        return short_name(field.enum_type, value)
    match value:
        case Timestamp():
            return words.time(value)
        case bool():
            return "yes" if value else "no"
        case float():
            return words.distance(value) if path == "r_distance" else words.number(value)
        case int():
            return str(value)
    return str(dict(value))


def _moved(fact: event_pb2.StateChanged) -> str:
    states = trade_pb2.TradeState
    before = words.name(states, getattr(fact, "from"))  # a keyword of Python's
    return f"{before} -> {words.name(states, fact.to)}: {decided(fact)}"


def _started(fact: event_pb2.ActionStarted) -> str:
    is_unsure = fact.action.state == action_pb2.ACTION_STATE_UNKNOWN
    return _ended(fact) if is_unsure else _wanted(fact)


def _wanted(fact: Any) -> str:
    return f"{_asked(fact)}: {fact.action.reason}"


def _ended(fact: Any) -> str:
    action: action_pb2.Action = fact.action
    is_told = action.HasField("retcode") and action.state != action_pb2.ACTION_STATE_DONE
    code = f"{action.retcode} " if is_told else ""
    return f"{_asked(fact)} -> {code}{action_words.outcome(action)}"


def _blocked(fact: event_pb2.ActionBlocked) -> str:
    return f"{action_words.kind(fact.action)} held back by {fact.rail}: {fact.action.reason}"


def _asked(fact: Any) -> str:
    return f"{action_words.kind(fact.action)} {action_words.asked(fact.action)}".rstrip()


def _closed(fact: event_pb2.TradeClosed) -> str:
    reason = words.name(trade_pb2.CloseReason, fact.reason)
    return f"by {reason} at {words.number(fact.close_price)}, profit {words.money(fact.profit)}"


def _released(fact: event_pb2.TradeReleased) -> str:
    return f"its hedge {fact.hedge_left} is left open" if fact.HasField("hedge_left") else ""


def _connected(fact: event_pb2.TerminalConnected) -> str:
    lost = f" after {fact.lost_seconds:.1f} s" if fact.lost_seconds else ""
    return f"{fact.terminal}{lost}"


def _reason(fact: Any) -> str:
    return str(fact.reason)


KNOWN: Final[Mapping[str, Callable[[Any], str]]] = {
    "trade_registered": _registered,
    "trade_adopted": _adopted,
    "trade_changed": _changed,
    "state_changed": _moved,
    "action_started": _started,
    "action_done": _ended,
    "action_failed": _ended,
    "action_advised": _wanted,
    "action_blocked": _blocked,
    "trade_closed": _closed,
    "trade_released": _released,
    "terminal_connected": _connected,
    "terminal_lost": _reason,
    "monitoring_started": lambda fact: f"{fact.active_trades} trades, version {fact.version}",
    "monitoring_stopped": _reason,
    "actions_paused": _reason,
    "actions_resumed": _reason,
}
"""How the facts of a type are told; a type without facts says it all itself."""
