"""What happens, told once: the facts of each event, and what it makes of a trade."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from dtms_server.domain.actions import Action
from dtms_server.domain.rails import Rail
from dtms_server.domain.scoring import Score
from dtms_server.domain.trade import Closing, Defence, State, Terms, Trade


class EventType(StrEnum):
    """The types of events, as the API names them."""

    TRADE_REGISTERED = "TRADE_REGISTERED"
    TRADE_RECOVERED = "TRADE_RECOVERED"
    TRADE_ADOPTED = "TRADE_ADOPTED"
    TRADE_CHANGED = "TRADE_CHANGED"
    STATE_CHANGED = "STATE_CHANGED"
    ACTION_STARTED = "ACTION_STARTED"
    ACTION_DONE = "ACTION_DONE"
    ACTION_FAILED = "ACTION_FAILED"
    ACTION_ADVISED = "ACTION_ADVISED"
    ACTION_BLOCKED = "ACTION_BLOCKED"
    TRADE_CLOSED = "TRADE_CLOSED"
    TRADE_RELEASED = "TRADE_RELEASED"
    TERMINAL_CONNECTED = "TERMINAL_CONNECTED"
    TERMINAL_LOST = "TERMINAL_LOST"
    MONITORING_STARTED = "MONITORING_STARTED"
    MONITORING_STOPPED = "MONITORING_STOPPED"
    ACTIONS_PAUSED = "ACTIONS_PAUSED"
    ACTIONS_RESUMED = "ACTIONS_RESUMED"


class ChangeCause(StrEnum):
    """Who or what changed a trade."""

    OUTSIDE = "OUTSIDE"
    CALLER = "CALLER"
    DTMS = "DTMS"
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
class TradeAdopted:
    """A position is under guard without having been registered, for its magic number."""

    trade: Trade
    magic: int


@dataclass(frozen=True, slots=True)
class TradeChanged:
    """Terms of a trade changed."""

    cause: ChangeCause
    before: Terms
    after: Terms


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A trade moved to another state; `score` is None where a fact decided. Here as below,
    `defence` is what the trade's defence remembers from now on."""

    before: State
    after: State
    score: Score | None
    reason: str
    defence: Defence


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """An order is about to be sent; or, its action UNKNOWN, it was, and nobody knows more yet."""

    action: Action
    defence: Defence


@dataclass(frozen=True, slots=True)
class ActionDone:
    """An order took effect."""

    action: Action
    defence: Defence


@dataclass(frozen=True, slots=True)
class ActionFailed:
    """An order was refused, proved not to have been carried out, or could not be made."""

    action: Action
    defence: Defence


@dataclass(frozen=True, slots=True)
class ActionAdvised:
    """What an observed trade would have got."""

    action: Action
    defence: Defence


@dataclass(frozen=True, slots=True)
class ActionBlocked:
    """A rail held an action back, told once until one of them changes."""

    action: Action
    rail: Rail
    defence: Defence


@dataclass(frozen=True, slots=True)
class TradeClosed:
    """A position is proved closed."""

    closing: Closing


@dataclass(frozen=True, slots=True)
class TradeReleased:
    """A trade is no longer guarded; its position was left open, and so was its hedge if it had one:
    `hedge_left` is its ticket, no longer ours to close."""

    hedge_left: int | None = None


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


@dataclass(frozen=True, slots=True)
class ActionsPaused:
    """An operator stopped all orders; in the operator's words, why."""

    reason: str


@dataclass(frozen=True, slots=True)
class ActionsResumed:
    """An operator allowed orders again; in the operator's words, why."""

    reason: str


RecordedAction = ActionStarted | ActionDone | ActionFailed
"""Events whose action is kept."""
ToldAction = ActionAdvised | ActionBlocked
"""Events of actions that were not tried; they have no id."""
TradeEvent = (
    TradeRegistered
    | TradeRecovered
    | TradeAdopted
    | TradeChanged
    | StateChanged
    | RecordedAction
    | ToldAction
    | TradeClosed
    | TradeReleased
)
ServiceEvent = (
    TerminalConnected
    | TerminalLost
    | MonitoringStarted
    | MonitoringStopped
    | ActionsPaused
    | ActionsResumed
)
Event = TradeEvent | ServiceEvent

CLASS_OF: Final[Mapping[EventType, type[Event]]] = MappingProxyType(
    {
        EventType.TRADE_REGISTERED: TradeRegistered,
        EventType.TRADE_RECOVERED: TradeRecovered,
        EventType.TRADE_ADOPTED: TradeAdopted,
        EventType.TRADE_CHANGED: TradeChanged,
        EventType.STATE_CHANGED: StateChanged,
        EventType.ACTION_STARTED: ActionStarted,
        EventType.ACTION_DONE: ActionDone,
        EventType.ACTION_FAILED: ActionFailed,
        EventType.ACTION_ADVISED: ActionAdvised,
        EventType.ACTION_BLOCKED: ActionBlocked,
        EventType.TRADE_CLOSED: TradeClosed,
        EventType.TRADE_RELEASED: TradeReleased,
        EventType.TERMINAL_CONNECTED: TerminalConnected,
        EventType.TERMINAL_LOST: TerminalLost,
        EventType.MONITORING_STARTED: MonitoringStarted,
        EventType.MONITORING_STOPPED: MonitoringStopped,
        EventType.ACTIONS_PAUSED: ActionsPaused,
        EventType.ACTIONS_RESUMED: ActionsResumed,
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
    if isinstance(event, TradeRegistered | TradeAdopted):
        return event.trade
    assert trade is not None, "an event of a trade that is not there"
    match event:
        case TradeRecovered():
            return trade
        case TradeChanged(after=terms):
            return replace(trade, terms=terms, updated_at=at)
        case StateChanged(after=state, defence=defence, reason=reason):
            return replace(_entered(trade, state, at), defence=defence, state_reason=reason)
        case TradeClosed(closing=closing):
            closed = _ended(_entered(trade, State.CLOSED, at))
            return replace(closed, closing=closing)
        case TradeReleased():
            released = _ended(_entered(trade, State.RELEASED, at))
            return replace(released, terms=replace(released.terms, hedge=None))
        case _:
            return replace(trade, defence=event.defence, updated_at=at)


def change(trade: Trade | None, event: TradeEvent, at: datetime) -> Change:
    """Return the change that `event` makes to `trade` at `at`, ready for the journal."""
    return Change(at, event, apply(trade, event, at))


def _entered(trade: Trade, state: State, at: datetime) -> Trade:
    return replace(trade, state=state, state_entered_at=at, updated_at=at, state_reason="")


def _ended(trade: Trade) -> Trade:
    """Return the trade without what only a guarded one has; the mark of its descent stays."""
    terms = replace(trade.terms, closing_unconfirmed=False, grace_until=None)
    return replace(trade, terms=terms, defence=Defence(descent=trade.defence.descent))
