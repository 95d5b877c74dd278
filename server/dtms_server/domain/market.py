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
    symbol: str
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


class TradeMode(StrEnum):
    """What a symbol may be dealt in (ENUM_SYMBOL_TRADE_MODE)."""

    DISABLED = "DISABLED"
    LONG_ONLY = "LONG_ONLY"
    SHORT_ONLY = "SHORT_ONLY"
    CLOSE_ONLY = "CLOSE_ONLY"
    FULL = "FULL"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol's facts. Prices move in steps of `tick_size`; one such step is worth `tick_value` a
    lot, in the account's currency. Levels are in points; a stops level of 0 is a floating one."""

    symbol: str
    point: float
    digits: int
    tick_size: float
    tick_value: float
    volume_min: float
    volume_max: float
    volume_step: float
    stops_level: int
    freeze_level: int
    trade_mode: TradeMode
    allows_close_by: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """A symbol's newest tick, `at` in UTC, with the symbol's facts of the same step."""

    instrument: Instrument
    bid: float
    ask: float
    at: datetime

    @property
    def spread(self) -> float:
        """Ask over bid, in the quote currency."""
        return self.ask - self.bid

    def closing_price(self, direction: Direction) -> float:
        """What a position on that side closes at: bid for BUY, ask for SELL."""
        return self.bid if direction is Direction.BUY else self.ask

    def opening_price(self, direction: Direction) -> float:
        """What a position on that side opens at: ask for BUY, bid for SELL."""
        return self.ask if direction is Direction.BUY else self.bid


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that the broker has placed and not carried out yet."""

    ticket: int
    symbol: str
    magic: int
    comment: str


@dataclass(frozen=True, slots=True)
class CashFlow:
    """A deposit, or below 0 a withdrawal, credit, bonus or correction: money that no trade made, in
    the account's currency."""

    amount: float
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What happened on the account since a time, oldest first, and the orders that still wait."""

    deals: tuple[Deal, ...]
    cash: tuple[CashFlow, ...]
    waiting: tuple[Waiting, ...]


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
