"""A trade: a position that DTMS guards, or has guarded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from dtms_server.domain.action_kinds import ActionKind

MAX_TICKET: Final = 2**63 - 1


class Direction(StrEnum):
    """The side of a position."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """1 for BUY, -1 for SELL: what turns a move of the price into one for the side."""
        return 1 if self is Direction.BUY else -1

    @property
    def opposite(self) -> "Direction":
        """The other side."""
        return Direction.SELL if self is Direction.BUY else Direction.BUY


class State(StrEnum):
    """HEALTHY to RECOVERING are guarded; CLOSED is final; RELEASED may be armed again."""

    HEALTHY = "HEALTHY"
    WARNING_L1 = "WARNING_L1"
    WARNING_L2 = "WARNING_L2"
    HEDGED = "HEDGED"
    RECOVERING = "RECOVERING"
    CLOSED = "CLOSED"
    RELEASED = "RELEASED"


GUARDED: Final = frozenset(State) - {State.CLOSED, State.RELEASED}
DEFENSIVE: Final = frozenset({State.WARNING_L2, State.HEDGED})


class Protection(StrEnum):
    """What DTMS may do for a trade: send orders, or only advise."""

    PROTECT = "PROTECT"
    OBSERVE = "OBSERVE"


class CloseReason(StrEnum):
    """Why a position closed, as its last deal tells; DTMS: the deal carries our intent."""

    SL = "SL"
    TP = "TP"
    STOP_OUT = "STOP_OUT"
    MANUAL = "MANUAL"
    PROGRAM = "PROGRAM"
    BROKER = "BROKER"
    DTMS = "DTMS"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Hedge:
    """An opposite position of ours, which belongs to its trade; `opened_at` in UTC."""

    ticket: int
    position_id: int
    volume_lots: float
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """What may change about a trade while it stays in its state.

    `r_distance` is what R stands for, in price; None until the first analysis. In grace the trade
    shows its score and stays HEALTHY, until `grace_until` (None: it has none). `hedge_profit` is
    realised by its hedges that are gone, None where there was none.
    """

    position_ticket: int
    position_id: int
    entry_price: float
    volume_lots: float
    stop_loss: float | None
    take_profit: float | None
    protection: Protection
    labels: Mapping[str, str] = field(default_factory=dict)
    closing_unconfirmed: bool = False
    r_distance: float | None = None
    grace_until: datetime | None = None
    hedge: Hedge | None = None
    hedge_profit: float | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """How a position ended: read from its deals. `profit` is profit + swap + commission + fee of
    all its deals, in the account's currency."""

    reason: CloseReason
    profit: float
    price: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Descent:
    """What was done since the trade last was well; it ends when HEALTHY has held for long enough.

    `half_closed`: the half-close is done, or skipped for good. `closed_lots` were closed by DTMS
    and not added again. `refused` are openings that the broker refused for good.
    """

    half_closed: bool = False
    closed_lots: float = 0.0
    readded: bool = False
    refused: tuple[ActionKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Defence:
    """What the defence of a trade must remember, over restarts too.

    `acted_bar_at` ended the closed M5 bar whose score was acted on last. `owed` are the actions of
    the state that are still to be done. `trailed_at` is when the stop was trailed last: structural
    breaks before are done with. `deadline` ends HEDGED or RECOVERING, put off by the minutes for
    which the market is closed. `exit_reason`: the trade is being closed, and why; only its end or a
    release moves it. `told` names what need not be told again: rails that held an action back, and
    advice.
    """

    acted_bar_at: datetime | None = None
    owed: tuple[ActionKind, ...] = ()
    descent: Descent = Descent()
    trailed_at: datetime | None = None
    deadline: datetime | None = None
    exit_reason: str | None = None
    missing_stop_set: bool = False
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trade:
    """One row of the trades table. Times are UTC by the terminal's clock, prices in the symbol's
    quote currency; `ticket` is the one registered and never changes. `parent_ticket` is that of the
    trade which this one was added to again. `state_reason`: why a score or a hedge moved it to its
    state, in words."""

    account: str
    ticket: int
    symbol: str
    direction: Direction
    initial_volume_lots: float
    initial_stop_loss: float | None
    account_currency: str
    terms: Terms
    state: State
    state_entered_at: datetime
    registered_at: datetime
    updated_at: datetime
    closing: Closing | None = None
    parent_ticket: int | None = None
    defence: Defence = Defence()
    state_reason: str = ""

    @property
    def position_id(self) -> int:
        """The position's identifier, by which its deals are asked for."""
        return self.terms.position_id

    @property
    def is_guarded(self) -> bool:
        """Is its own position watched and defended?"""
        return self.state in GUARDED

    @property
    def is_active(self) -> bool:
        """Is there something of it to look after: its position, or a hedge that outlived it?"""
        return self.is_guarded or self.terms.hedge is not None

    @property
    def is_defensive(self) -> bool:
        """Must other managers keep their hands off?"""
        return self.state in DEFENSIVE
