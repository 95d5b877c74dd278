"""Faults of the terminal, injected by command: what goes wrong, for which calls, how long."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec

from dtms_server.terminal.simulator import broker_faults, order_faults
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.broker_faults import (
    BrokerFault,
    Lasting,
    MarketClosed,
    Suspended,
)
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.order_faults import Count, Hand, OrderFault, Seconds, Text
from dtms_server.terminal.simulator.orders import Kind

Call = Literal[
    "Buy",
    "Close",
    "Sell",
    "account_info",
    "copy_rates_from",
    "copy_rates_from_pos",
    "copy_rates_range",
    "copy_ticks_from",
    "copy_ticks_range",
    "history_deals_get",
    "history_deals_total",
    "history_orders_get",
    "history_orders_total",
    "initialize",
    "login",
    "market_book_add",
    "market_book_get",
    "market_book_release",
    "order_calc_margin",
    "order_calc_profit",
    "order_check",
    "order_send",
    "orders_get",
    "orders_total",
    "positions_get",
    "positions_total",
    "symbol_info",
    "symbol_info_tick",
    "symbol_select",
    "symbols_get",
    "symbols_total",
    "terminal_info",
    "version",
]  # the calls that a fault can strike: all but shutdown and last_error


class Pipe(msgspec.Struct, frozen=True, tag="pipe", forbid_unknown_fields=True):
    """The connection to the terminal is broken until the next `initialize()`."""


class Nothing(msgspec.Struct, frozen=True, tag="none", forbid_unknown_fields=True):
    """The next `count` calls of `call` (None: of any getter) answer None with this error code."""

    call: Call | None = None
    code: int = c.RES_E_FAIL
    count: Count = 1


class Empty(msgspec.Struct, frozen=True, tag="empty", forbid_unknown_fields=True):
    """The next `count` lists of positions are empty; `flat`: the account then shows neither margin
    nor profit."""

    count: Count = 1
    flat: bool = False


class Login(msgspec.Struct, frozen=True, tag="login", forbid_unknown_fields=True):
    """The terminal shows another account, which has no positions and no history."""

    login: int = 99_000_001
    server: Text = "Other-Server"


class Hang(msgspec.Struct, frozen=True, tag="hang", forbid_unknown_fields=True):
    """The next `count` calls of `call` answer after `seconds` of the wall's clock (None: never)."""

    call: Call = "positions_get"
    seconds: Seconds | None = None
    count: Count = 1


class LateDeals(msgspec.Struct, frozen=True, tag="late_deals", forbid_unknown_fields=True):
    """The next `count` lists of the history are empty; with `seconds`, until cleared, every deal
    and order is listed only so many seconds of the virtual clock after it was made."""

    count: Count = 1
    seconds: Seconds | None = None


NO_GETTERS: Final = ("initialize", "login", "symbol_select")  # these answer False
TerminalFault = Pipe | Nothing | Empty | Login | Hang | LateDeals
Fault = TerminalFault | BrokerFault | Hand | OrderFault
KINDS: Final = (
    *(Pipe, Nothing, Empty, Login, Hang, LateDeals),
    *broker_faults.KINDS,
    *(Hand, *order_faults.KINDS),
)
F = TypeVar("F", bound=Fault)
Counted = TypeVar("Counted", Nothing, Empty, Hang, LateDeals)
BY_NAME: Final = {str(kind.__struct_config__.tag): kind for kind in KINDS}


def read(name: str, parameters: Mapping[str, object], now: int) -> Fault:
    """Return a fault by its name that begins `now` (server milliseconds); Refused, naming what is
    known, for another name or parameter."""
    takes = ", ".join(f for f in named(name).__struct_fields__ if f != "until") or "no parameters"
    if "until" in parameters:
        raise Refused(0, f"fault {name!r} takes {takes}: until is not for others to set")
    try:
        fault: Fault = msgspec.convert({**parameters, "type": name}, Fault, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(0, f"fault {name!r} takes {takes}: {error}") from error
    match fault:
        case Lasting(seconds=float(seconds)):
            return msgspec.structs.replace(fault, until=now + round(seconds * 1000))
    return fault


def named(name: str) -> type[msgspec.Struct]:
    """Return the kind of fault of this name; Refused, naming what is known, for another."""
    if name not in BY_NAME:
        raise Refused(0, f"no fault {name!r}; known are {', '.join(BY_NAME)}")
    return BY_NAME[name]


class Faults:
    """The faults that are in force, oldest first."""

    def __init__(self, active: Sequence[Fault]) -> None:
        self.active = list(active)

    def expire(self, now: int) -> None:
        """End what lasts no longer than to `now` (server milliseconds)."""
        self.active = [fault for fault in self.active if not _is_over(fault, now)]

    def find(self, kind: type[F]) -> F | None:
        """Return the oldest fault of a kind that is in force."""
        return next(self._all(kind), None)

    def strikes(self, kind: type[MarketClosed] | type[Suspended], symbol: str) -> bool:
        """Is a symbol under a fault that may name one?"""
        return any(fault.symbol in (None, symbol) for fault in self._all(kind))

    @property
    def history_lag(self) -> float:
        """How many seconds of the virtual clock deals and orders are listed late."""
        return max((fault.seconds or 0.0 for fault in self._all(LateDeals)), default=0.0)

    def take(self, kind: type[Counted], call: str = "") -> Counted | None:
        """Return the oldest fault of a kind that strikes this call, and count it."""
        for place, fault in enumerate(self.active):
            if isinstance(fault, kind) and _strikes(fault, call):
                self._count(place, fault)
                return fault
        return None

    def take_order(self, order: Kind, *, divisible: bool) -> OrderFault | None:
        """Return the oldest fault that strikes an order of this kind, and count it; only one that
        is `divisible` can be filled in part."""
        for place, fault in enumerate(self.active):
            if not isinstance(fault, OrderFault) or fault.order not in (None, order):
                continue
            if divisible or not isinstance(fault, order_faults.Partial):
                self._count(place, fault)
                return fault
        return None

    def take_hand(self, order: Kind) -> Hand | None:
        """Return the oldest hand that is quicker than an order of this kind, and count it."""
        for place, fault in enumerate(self.active):
            if isinstance(fault, Hand) and fault.order in (None, order):
                self._count(place, fault)
                return fault
        return None

    def end(self, kind: type[msgspec.Struct]) -> None:
        """End all faults of a kind."""
        self.active = [fault for fault in self.active if not isinstance(fault, kind)]

    def _all(self, kind: type[F]) -> Iterator[F]:
        for fault in self.active:
            if isinstance(fault, kind):
                yield fault

    def _count(
        self, place: int, fault: Nothing | Empty | Hang | LateDeals | Hand | OrderFault
    ) -> None:
        left = [msgspec.structs.replace(fault, count=fault.count - 1)]
        self.active[place : place + 1] = left if fault.count > 1 else []


def _is_over(fault: Fault, now: int) -> bool:
    return isinstance(fault, Lasting) and fault.until is not None and fault.until <= now


def _strikes(fault: Fault, call: str) -> bool:
    match fault:
        case Nothing(call=None):
            return call not in NO_GETTERS
        case Nothing(call=name) | Hang(call=name):
            return name == call
        case LateDeals(seconds=seconds):
            return seconds is None
        case _:
            return True
