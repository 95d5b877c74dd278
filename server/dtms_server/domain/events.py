"""What happens, told once: the facts of each event, and what it makes of a trade."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from dtms_server.domain.trade import Closing, State, Terms, Trade


class EventType(StrEnum):
    """The types that are written so far; api.proto names those to come."""

    TRADE_REGISTERED = "TRADE_REGISTERED"
    TRADE_RECOVERED = "TRADE_RECOVERED"
    TRADE_CHANGED = "TRADE_CHANGED"
    TRADE_CLOSED = "TRADE_CLOSED"
    TRADE_RELEASED = "TRADE_RELEASED"
    TERMINAL_CONNECTED = "TERMINAL_CONNECTED"
    TERMINAL_LOST = "TERMINAL_LOST"
    MONITORING_STARTED = "MONITORING_STARTED"
    MONITORING_STOPPED = "MONITORING_STOPPED"


class ChangeCause(StrEnum):
    """Who or what changed a trade."""

    OUTSIDE = "OUTSIDE"
    CALLER = "CALLER"
    PRESENCE = "PRESENCE"


@dataclass(frozen=True, slots=True)
class TradeRegistered:
    """A trade is under guard; `rearmed`: it had been released before."""

    trade: Trade
    rearmed: bool


@dataclass(frozen=True, slots=True)
class TradeRecovered:
    """A trade was found again after a start."""


@dataclass(frozen=True, slots=True)
class TradeChanged:
    """Terms of a trade changed."""

    cause: ChangeCause
    before: Terms
    after: Terms


@dataclass(frozen=True, slots=True)
class TradeClosed:
    """A position is proved closed."""

    closing: Closing


@dataclass(frozen=True, slots=True)
class TradeReleased:
    """A trade is no longer guarded; its position was left open."""


@dataclass(frozen=True, slots=True)
class TerminalConnected:
    """The terminal answers with the right account and recovery is done."""

    terminal: str
    lost_seconds: float


@dataclass(frozen=True, slots=True)
class TerminalLost:
    """The terminal does not answer, is cut off, or shows another account."""

    reason: str


@dataclass(frozen=True, slots=True)
class MonitoringStarted:
    """Cycles begin."""

    active_trades: int
    version: str


@dataclass(frozen=True, slots=True)
class MonitoringStopped:
    """Cycles end by an orderly stop."""

    reason: str


TradeEvent = TradeRegistered | TradeRecovered | TradeChanged | TradeClosed | TradeReleased
ServiceEvent = TerminalConnected | TerminalLost | MonitoringStarted | MonitoringStopped
Event = TradeEvent | ServiceEvent

CLASS_OF: Final[Mapping[EventType, type[Event]]] = MappingProxyType(
    {
        EventType.TRADE_REGISTERED: TradeRegistered,
        EventType.TRADE_RECOVERED: TradeRecovered,
        EventType.TRADE_CHANGED: TradeChanged,
        EventType.TRADE_CLOSED: TradeClosed,
        EventType.TRADE_RELEASED: TradeReleased,
        EventType.TERMINAL_CONNECTED: TerminalConnected,
        EventType.TERMINAL_LOST: TerminalLost,
        EventType.MONITORING_STARTED: MonitoringStarted,
        EventType.MONITORING_STOPPED: MonitoringStopped,
    }
)
TYPE_OF: Final[Mapping[type[Event], EventType]] = MappingProxyType(
    {kind: name for name, kind in CLASS_OF.items()}
)


@dataclass(frozen=True, slots=True)
class Change:
    """One event and the row that it leaves behind (None: it is not about one trade). What is
    appended together is on disk together or not at all."""

    at: datetime
    event: Event
    trade: Trade | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in the journal of `account`; sequences start at 1 and have no holes."""

    sequence: int
    at: datetime
    account: str
    event: Event
    ticket: int | None = None
    symbol: str | None = None

    @property
    def type(self) -> EventType:
        """The event's type."""
        return TYPE_OF[type(self.event)]


def apply(trade: Trade | None, event: TradeEvent, at: datetime) -> Trade:
    """Return the trade as `event` leaves it; the only place where a trade changes.

    `trade` may be None only for an event that carries the whole trade.
    """
    if isinstance(event, TradeRegistered):
        return event.trade
    assert trade is not None, "an event of a trade that is not there"
    match event:
        case TradeRecovered():
            return trade
        case TradeChanged(after=terms):
            return replace(trade, terms=terms, updated_at=at)
        case TradeClosed(closing=closing):
            terms = replace(trade.terms, closing_unconfirmed=False)
            return replace(_entered(trade, State.CLOSED, at), terms=terms, closing=closing)
        case TradeReleased():
            terms = replace(trade.terms, closing_unconfirmed=False)
            return replace(_entered(trade, State.RELEASED, at), terms=terms)


def change(trade: Trade | None, event: TradeEvent, at: datetime) -> Change:
    """Return the change that `event` makes to `trade` at `at`, ready for the journal."""
    return Change(at, event, apply(trade, event, at))


def _entered(trade: Trade, state: State, at: datetime) -> Trade:
    return replace(trade, state=state, state_entered_at=at, updated_at=at)
