"""What a terminal shows: positions, deals, the account, and the clock they were read by."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dtms_server.domain.trade import Direction


class MarginMode(StrEnum):
    """How an account keeps positions: one a symbol (NETTING, EXCHANGE) or any number (HEDGING)."""

    NETTING = "NETTING"
    EXCHANGE = "EXCHANGE"
    HEDGING = "HEDGING"


class AccountKind(StrEnum):
    """Whose money is at stake."""

    DEMO = "DEMO"
    CONTEST = "CONTEST"
    REAL = "REAL"


class DealEntry(StrEnum):
    """What a deal did to its position: opened, closed or turned it, or closed it by another."""

    IN = "IN"
    OUT = "OUT"
    INOUT = "INOUT"
    OUT_BY = "OUT_BY"


class DealReason(StrEnum):
    """Who or what made a deal (ENUM_DEAL_REASON of the terminal); OTHER is any code not listed."""

    CLIENT = "CLIENT"
    MOBILE = "MOBILE"
    WEB = "WEB"
    EXPERT = "EXPERT"
    SL = "SL"
    TP = "TP"
    STOP_OUT = "STOP_OUT"
    ROLLOVER = "ROLLOVER"
    VARIATION_MARGIN = "VARIATION_MARGIN"
    SPLIT = "SPLIT"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Position:
    """An open position. `ticket` may change, `identifier` does not; no stop is None, never 0."""

    ticket: int
    identifier: int
    symbol: str
    direction: Direction
    volume_lots: float
    entry_price: float
    stop_loss: float | None
    take_profit: float | None
    current_price: float
    profit: float
    swap: float
    magic: int
    comment: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Deal:
    """One deal of a position's history; `direction` is the deal's own side, `order` the ticket of
    the order that it filled, which is the ticket of the position that it opened or turned."""

    ticket: int
    order: int
    position_id: int
    entry: DealEntry
    reason: DealReason
    direction: Direction
    volume_lots: float
    price: float
    profit: float
    swap: float
    commission: float
    fee: float
    magic: int
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the terminal is logged in to; money in `currency`."""

    login: int
    server: str
    currency: str
    kind: AccountKind
    margin_mode: MarginMode
    balance: float
    equity: float
    profit: float
    margin: float
    trade_allowed: bool

    @property
    def name(self) -> str:
        """The account as "login@server"."""
        return f"{self.login}@{self.server}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one cycle reads, in one step of the terminal. `at` is the terminal's clock in UTC,
    `speed` how fast it runs against the wall's (1 but for a simulated terminal)."""

    at: datetime
    speed: float
    terminal: str
    connected: bool
    trade_allowed: bool
    account: Account
    positions: tuple[Position, ...]

    @property
    def shows_absence(self) -> bool:
        """May a position that is not listed be gone? A terminal that synchronises lists nothing
        while the account still carries margin or profit."""
        return bool(self.positions) or (self.account.margin == 0 and self.account.profit == 0)
