"""What DTMS does for a trade: the intent, the order that it becomes, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.trade import Direction

OUR_COMMENT: Final = "dtms-"
"""How the comment of every order of ours begins; the intent's id follows."""
COMMENT_LENGTH: Final = 26
"""Characters of an order's comment, at most: terminals cut or refuse longer ones."""


class ActionState(StrEnum):
    """How an action stands. STARTED: its intent is on disk. UNKNOWN: its order was sent, and
    whether it was carried out is not known yet; so is what STARTED is found as after a crash."""

    STARTED = "STARTED"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"
    FAILED = "FAILED"


UNSETTLED: Final = frozenset({ActionState.STARTED, ActionState.UNKNOWN})


class Verb(StrEnum):
    """What an order does to a position: open one, close one (or a part), set its stop and target,
    or close it by an opposite one."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    PROTECT = "PROTECT"
    CLOSE_BY = "CLOSE_BY"


@dataclass(frozen=True, slots=True)
class Order:
    """One request to the broker. `direction` is the side of the deal that it makes (PROTECT: of the
    position); `price` the market's for that side when it was made, in the quote currency.

    All but OPEN name the position that they change, by ticket and identifier, with the lots that it
    then had. PROTECT sends both stop and target, since an omitted one is deleted; None removes.
    """

    verb: Verb
    symbol: str
    direction: Direction
    price: float
    volume_lots: float = 0.0
    stop_loss: float | None = None
    take_profit: float | None = None
    position_ticket: int | None = None
    position_id: int | None = None
    position_lots: float = 0.0
    by_ticket: int | None = None
    by_id: int | None = None


@dataclass(frozen=True, slots=True)
class Became:
    """What an order made true, as read back from the terminal; None: it did not change that."""

    volume_lots: float | None = None
    price: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One attempt to change a position. `sends` counts the orders sent for it, each one refused for
    certain before the next; `sent_at` is just before the last of them. Times are UTC by the
    terminal's clock."""

    id: str
    ticket: int
    kind: ActionKind
    state: ActionState
    reason: str
    order: Order
    started_at: datetime
    sent_at: datetime
    sends: int = 1
    became: Became | None = None
    retcode: int | None = None
    message: str = ""
    ended_at: datetime | None = None

    @property
    def comment(self) -> str:
        """What the order carries, and the deals that it makes: by this it is found again."""
        return OUR_COMMENT + self.id

    @property
    def is_unsettled(self) -> bool:
        """May its order still be carried out, or have been?"""
        return self.state in UNSETTLED


class Verdict(StrEnum):
    """What a terminal's answer to an order means; terminal/retcodes.py has the table."""

    DONE = "DONE"
    """Carried out, in part, placed, or so already: read back what became true."""
    UNKNOWN = "UNKNOWN"
    """Carried out or not: settle it before anything else."""
    NOT_SENT = "NOT_SENT"
    """It certainly never left."""
    FRESH_PRICE = "FRESH_PRICE"
    """The price has moved on: again with a fresh one."""
    RECOMPUTE = "RECOMPUTE"
    """A number does not fit the market any more: again with fresh ones."""
    BACK_OFF = "BACK_OFF"
    """Too many, or locked: again next cycle."""
    PARKED = "PARKED"
    """Not now: told, and again at the next M5 bar while still wanted."""
    MARKET_CLOSED = "MARKET_CLOSED"
    """Again at the first fresh quote."""
    FIFO = "FIFO"
    """Parked until the older position is gone."""
    NO_HEDGING = "NO_HEDGING"
    """The account refuses opposite positions: as a netting account."""
    GONE = "GONE"
    """The position is not there any more: prove it."""
    FINAL = "FINAL"
    """Refused for this attempt."""
    FAULT = "FAULT"
    """The request was wrong: a fault of ours, unless the position is gone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the terminal answered to an order. `retcode` is None where the module gave none; then
    `message` tells its error. `order` and `deal` are tickets, 0 where there is none."""

    verdict: Verdict
    retcode: int | None
    message: str
    order: int = 0
    deal: int = 0
    volume_lots: float = 0.0
    price: float = 0.0
