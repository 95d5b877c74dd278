"""Trades and events in words, as people read them."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, Final, Protocol

from dtms.v1 import action_pb2, event_pb2, trade_pb2
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from dtms_server.cli.plain import short_name

NOTHING: Final = "-"


class Enum(Protocol):
    """An enum of the API."""

    DESCRIPTOR: EnumDescriptor


def time(stamp: Timestamp) -> str:
    """Return a time in UTC to the second."""
    return f"{stamp.ToDatetime(UTC):%Y-%m-%d %H:%M:%S}"


def number(value: float) -> str:
    """Return a price or a volume without binary noise."""
    return f"{value:.10g}"


def money(value: float) -> str:
    """Return an amount, in the account's currency, with its sign."""
    return f"{value:+.2f}"


def name(enum: Enum, value: int) -> str:
    """Return an enum's value as the API's documentation calls it."""
    return short_name(enum.DESCRIPTOR, value)


def optional(message: Any, field: str, words: Callable[[Any], str] = number) -> str:
    """Return a field in words, or a dash where it is absent."""
    return words(getattr(message, field)) if message.HasField(field) else NOTHING


def state(trade: trade_pb2.Trade) -> str:
    """Return the state, and that a close is not proved where it is not."""
    doubt = " (closing unconfirmed)" if trade.closing_unconfirmed else ""
    return name(trade_pb2.TradeState, trade.state) + doubt


def event_line(event: event_pb2.MonitorEvent) -> str:
    """Return an event on one line: place, time, type, whose, and what."""
    return f"{event.sequence:>5}  {time(event.at)}  {_what(event)}"


def brief_line(event: event_pb2.MonitorEvent) -> str:
    """Return an event on one shorter line, for a screen that shows the latest only."""
    return f"{event.at.ToDatetime(UTC):%H:%M:%S} {_what(event)}"


def _what(event: event_pb2.MonitorEvent) -> str:
    kind = name(event_pb2.MonitorEventType, event.type)
    whose = f"{event.ticket} {event.symbol}  " if event.HasField("ticket") else ""
    return f"{kind:<18} {whose}{facts(event)}".rstrip()


def facts(event: event_pb2.MonitorEvent) -> str:
    """Return the facts of the event's type in words; empty where the type says it all."""
    kind = event.WhichOneof("facts")
    words = _FACTS.get(kind) if kind else None
    return words(getattr(event, kind)) if kind and words else ""


def _registered(fact: event_pb2.TradeRegistered) -> str:
    trade = fact.trade
    side = name(trade_pb2.Direction, trade.direction)
    stops = f"stop {optional(trade, 'stop_loss')}, target {optional(trade, 'take_profit')}"
    again = ", armed again" if fact.rearmed else ""
    return f"{side} {number(trade.volume)} at {number(trade.entry_price)}, {stops}{again}"


def _changed(fact: event_pb2.TradeChanged) -> str:
    cause = name(event_pb2.ChangeCause, fact.cause)
    each = [
        f"{path} {_term(fact.before, path)} -> {_term(fact.after, path)}"
        for path in fact.changed.paths
    ]
    return f"{', '.join(each)} ({cause})"


def _term(terms: event_pb2.TradeTerms, path: str) -> str:
    field = terms.DESCRIPTOR.fields_by_name.get(path)
    if field is None or (field.has_presence and not terms.HasField(path)):  # type: ignore[arg-type]  # a field's name
        return NOTHING
    value = getattr(terms, path)
    if field.enum_type:
        return short_name(field.enum_type, value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else str(dict(value))


def _closed(fact: event_pb2.TradeClosed) -> str:
    reason = name(trade_pb2.CloseReason, fact.reason)
    return f"by {reason} at {number(fact.close_price)}, profit {money(fact.profit)}"


def _moved(fact: event_pb2.StateChanged) -> str:
    states = trade_pb2.TradeState
    before = name(states, getattr(fact, "from"))  # a keyword of Python's
    return f"{before} -> {name(states, fact.to)}: {fact.reason}"


def _acted(fact: Any) -> str:
    action = fact.action
    told = action.message or action.reason
    return f"{name(action_pb2.ActionKind, action.kind)}: {told}"


def _connected(fact: event_pb2.TerminalConnected) -> str:
    lost = f" after {fact.lost_seconds:.1f} s" if fact.lost_seconds else ""
    return f"{fact.terminal}{lost}"


_FACTS: Final[Mapping[str, Callable[[Any], str]]] = {
    "trade_registered": _registered,
    "trade_changed": _changed,
    "state_changed": _moved,
    "action_started": _acted,
    "action_done": _acted,
    "action_failed": _acted,
    "action_advised": _acted,
    "action_blocked": lambda fact: f"{_acted(fact)} (held back by {fact.rail})",
    "trade_closed": _closed,
    "terminal_connected": _connected,
    "terminal_lost": lambda fact: str(fact.reason),
    "monitoring_started": lambda fact: f"{fact.active_trades} trades, version {fact.version}",
    "monitoring_stopped": lambda fact: str(fact.reason),
    "actions_paused": lambda fact: str(fact.reason),
    "actions_resumed": lambda fact: str(fact.reason),
}


def score(given: trade_pb2.Score) -> str:
    """Return a score, or why there is none, in a few words."""
    if not given.HasField("value"):
        return f"none: {given.missing_reason}"
    regime = given.regime
    return (
        f"{given.value:+.2f} of the bar to {time(given.bar_closed_at)} UTC "
        f"({regime.session}, {regime.volatility} volatility, {regime.structure})"
    )


def told(value: Any) -> str:
    """Return a plain value as a person would write it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case dict():
            return ", ".join(f"{key}={told(each)}" for key, each in value.items())
        case list():
            return ", ".join(map(told, value))
    return str(value)
