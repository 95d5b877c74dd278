"""What the engine needs of the outside: a terminal, a journal and the trades in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dtms_server.domain.actions import Action, Answer, Order
from dtms_server.domain.charts import Charts
from dtms_server.domain.events import Change, EventType, Recorded
from dtms_server.domain.market import Deal, History, Quote, Snapshot
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.trade import State, Trade


class Terminal(Protocol):
    """A terminal with its account. Every method raises TerminalFailed (it answered an error),
    TerminalSilent (no answer by the deadline; the connection is then gone) or TerminalUnreachable
    (there is no connection). An error is never an empty answer."""

    async def connect(self, timeout_seconds: float) -> None:
        """Drop what connection there is, make a new one and initialise the terminal.

        Raises TerminalUnusable too: it cannot be started as configured.
        """

    async def snapshot(self) -> Snapshot:
        """Read account, flags, clock and all positions in one step."""

    async def clock(self) -> tuple[datetime, float]:
        """Read the terminal's time in UTC and the speed it runs at; a sign of life, too."""

    async def deals(self, position_id: int) -> tuple[Deal, ...]:
        """Read all deals of a position, oldest first; () where the terminal has none."""

    async def charts(self, symbol: str, at: datetime, policy: AnalysisPolicy) -> Charts:
        """Read a symbol's facts, and as many bars as the policy wants, closed by `at` (UTC)."""

    async def quote(self, symbol: str) -> Quote:
        """Read a symbol's newest tick and its facts in one step."""

    async def history(self, since: datetime) -> History:
        """Read the account's deals and deposits from `since` (UTC) on, and the orders that wait."""

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        """Send one order to the broker, once.

        Raises no TerminalFailed: an error of the module is an Answer too. After TerminalSilent and
        TerminalUnreachable it is unknown whether the order was carried out.
        """

    async def close(self) -> None:
        """Drop the connection; a terminal that was started for it ends. Never raises."""


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which trades to list: those that fit every field that is given."""

    states: frozenset[State] = frozenset()
    symbols: frozenset[str] = frozenset()
    labels: Mapping[str, str] | None = None
    include_closed: bool = False


@dataclass(frozen=True, slots=True)
class TradePage:
    """Trades by ticket; `more`: others follow; `head` is the journal's, taken in the same read."""

    trades: tuple[Trade, ...]
    more: bool
    head: int


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events to read: those that fit every field that is not empty."""

    tickets: frozenset[int] = frozenset()
    symbols: frozenset[str] = frozenset()
    types: frozenset[EventType] = frozenset()


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events past a sequence that fit a filter, and `scanned`: the last sequence looked at."""

    events: tuple[Recorded, ...]
    scanned: int


class Journal(Protocol):
    """Every event of one account, once, in order: the audit log, and the source of every stream."""

    @property
    def account(self) -> str:
        """The account, as "login@server"."""

    @property
    def store_id(self) -> str:
        """What tells this account's journal from every other."""

    @property
    def head(self) -> int:
        """Sequence of the newest event on disk; 0 where there is none."""

    @property
    def compacted_through(self) -> int:
        """Events up to this sequence can no longer be streamed."""

    async def append(self, *changes: Change) -> int:
        """Return the last sequence once the changes are on disk (fsync), all of them or none.

        Each change's trade, where it has one, replaces that trade's row in the same transaction, as
        the action of a RecordedAction does that action's; ActionsPaused and ActionsResumed are what
        Store.paused tells from then on.
        """

    async def page(self, after: int, wanted: EventFilter) -> EventPage:
        """Read the next events past `after`; `scanned == after` where there is none yet.

        Raises ResumeTokenExpired where `after` lies before `compacted_through`.
        """

    async def grown(self, after: int) -> None:
        """Return once the head is past `after`; at once where it already is."""


class Trades(Protocol):
    """The trades of one account, as the journal left them."""

    async def active(self) -> Sequence[Trade]:
        """All trades that are active, by ticket: guarded, or with a hedge that outlived them."""

    async def last_closed(self, count: int, since: datetime) -> Sequence[Trade]:
        """The last trades whose closing deal came at or after `since`, newest first."""

    async def find(self, ticket: int) -> Trade | None:
        """The trade registered with that ticket, else the one whose position has, or had, it."""

    async def page(self, wanted: TradeFilter, after_ticket: int, size: int) -> TradePage:
        """Up to `size` trades with a ticket above `after_ticket`, by ticket."""

    async def counts(self) -> Mapping[State, int]:
        """How many trades are kept, by state."""

    async def clean(self, now: datetime) -> int:
        """Remove what is past its keeping at `now`, and return how many trades that was."""


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which actions to list: those that fit every field that is given. Times are those at which
    they were started, UTC: from the first on, and before the second."""

    ticket: int | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Actions, latest first; `more`: others follow."""

    actions: tuple[Action, ...]
    more: bool


class Actions(Protocol):
    """The actions of one account, as the journal left them."""

    async def unsettled(self) -> Sequence[Action]:
        """All actions whose outcome is not on disk, oldest first."""

    async def find(self, action_id: str) -> Action | None:
        """The action with that id."""

    async def page(
        self, wanted: ActionFilter, before: tuple[datetime, str] | None, size: int
    ) -> ActionPage:
        """Up to `size` actions, latest first, past one that was told by (started_at, id)."""


class Notes(Protocol):
    """Small facts of one account that are no events, and must be known again after a restart."""

    async def read(self, key: str) -> str | None:
        """The text last written for a key."""

    async def write(self, key: str, value: str) -> None:
        """Keep a text; on disk on return."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the store keeps of one account."""

    journal: Journal
    trades: Trades
    actions: Actions
    notes: Notes


class Store(Protocol):
    """The database, and who may guard an account of it."""

    async def first_account(self) -> str | None:
        """The account that this database was first used for; None: it is new."""

    async def paused(self) -> bool:
        """Did an operator stop all orders? Holds for the whole database."""

    async def pause(self, paused: bool) -> None:
        """Set that without an event, for as long as no account is known; on disk on return."""

    async def open_account(self, account: str) -> Ledger:
        """Claim the account for this process and open its ledger; an account new to the database
        is added.

        Raises AccountHeld where another server guards it.
        """
