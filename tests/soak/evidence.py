"""What is looked at when the world has come to rest: database, terminal, bots and dashboards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dtms_server.domain.actions import Action
from dtms_server.domain.market import Position
from dtms_server.domain.trade import Trade
from soak.dashboards import Told, Wanted
from soak.promises import Promise


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the journal, without its facts; `symbol` "" and ticket 0 are of none."""

    sequence: int
    ticket: int
    symbol: str
    type: str

    @property
    def told(self) -> Told:
        """What a dashboard notes of it."""
        return self.sequence, self.ticket, self.type


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database keeps: all events as they were read when they were new, the sequences that
    can still be streamed, the trades as rows and as the journal makes them, the actions, what the
    database says of itself, and stops that were loosened."""

    events: Sequence[Event]
    compacted_through: int
    streamable: Sequence[int]
    trades: Mapping[int, Trade]
    folded: Mapping[int, Trade]
    actions: Sequence[Action]
    loosened: Sequence[str]
    soundness: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the terminal shows: its clock, whether its market is open, positions, the times of deals
    by comment (UTC), and how many orders still wait at the broker."""

    at: datetime
    is_open: bool
    positions: Sequence[Position]
    deals: Mapping[str, Sequence[datetime]]
    waiting: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What one dashboard was told; a slow one may be behind."""

    name: str
    wanted: Wanted
    told: Sequence[Told]
    may_lag: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """What the service answers: its health by name, its trades' labels and states by ticket, and
    calls that failed with a status that no table has."""

    health: Mapping[str, str]
    listed: Mapping[int, tuple[Mapping[str, str], str]]
    unforeseen: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it, of one moment at rest."""

    kept: Kept
    shown: Shown
    promised: Mapping[int, Promise]
    seen: Sequence[Seen]
    answered: Answered
