"""A trade: a position that DTMS guards, or has guarded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

MAX_TICKET: Final = 2**63 - 1


class Direction(StrEnum):
    """The side of a position."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """1 for BUY, -1 for SELL: what turns a move of the price into one for the side."""
        return 1 if self is Direction.BUY else -1


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
    """Why a position closed, as its last deal tells."""

    SL = "SL"
    TP = "TP"
    STOP_OUT = "STOP_OUT"
    MANUAL = "MANUAL"
    PROGRAM = "PROGRAM"
    BROKER = "BROKER"
    DTMS = "DTMS"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Terms:
    """What may change about a trade while it stays in its state."""

    position_ticket: int
    position_id: int
    entry_price: float
    volume_lots: float
    stop_loss: float | None
    take_profit: float | None
    protection: Protection
    labels: Mapping[str, str] = field(default_factory=dict)
    closing_unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """How a position ended: read from its deals. `profit` is profit + swap + commission + fee of
    all its deals, in the account's currency."""

    reason: CloseReason
    profit: float
    price: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Trade:
    """One row of the trades table. Times are UTC by the terminal's clock, prices in the symbol's
    quote currency; `ticket` is the one registered and never changes."""

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

    @property
    def position_id(self) -> int:
        """The position's identifier, by which its deals are asked for."""
        return self.terms.position_id

    @property
    def is_guarded(self) -> bool:
        """Is it watched and counted as active?"""
        return self.state in GUARDED

    @property
    def is_defensive(self) -> bool:
        """Must other managers keep their hands off?"""
        return self.state in DEFENSIVE
