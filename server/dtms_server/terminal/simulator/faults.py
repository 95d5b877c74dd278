"""Faults of the terminal, injected by command: what goes wrong, for which calls, how long."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.failure import Refused

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
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
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Disconnect(msgspec.Struct, frozen=True, tag="disconnect", forbid_unknown_fields=True):
    """The terminal has no connection to the broker, for `seconds` of the wall's clock (None: until
    cleared): orders are refused, positions still listed. `until` is set when it begins."""

    seconds: Seconds | None = None
    until: float | None = None


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
    """The next `count` lists of the history are empty."""

    count: Count = 1


NO_GETTERS: Final = ("initialize", "login", "symbol_select")  # these answer False
Fault = Disconnect | Pipe | Nothing | Empty | Login | Hang | LateDeals
KINDS: Final = (Disconnect, Pipe, Nothing, Empty, Login, Hang, LateDeals)
F = TypeVar("F", bound=Fault)
Counted = TypeVar("Counted", Nothing, Empty, Hang, LateDeals)


class Faults:
    """The faults that are in force, oldest first."""

    def __init__(self, active: Sequence[Fault]) -> None:
        self.active = list(active)

    def inject(self, name: str, parameters: Mapping[str, object]) -> None:
        """Add a fault by name; Refused, naming what is known, for another name or parameter."""
        known = {str(kind.__struct_config__.tag): kind for kind in KINDS}
        if name not in known:
            raise Refused(0, f"no fault {name!r}; known are {', '.join(known)}")
        try:
            fault = msgspec.convert({**parameters, "type": name}, Fault, strict=False)
        except msgspec.ValidationError as error:
            takes = ", ".join(known[name].__struct_fields__) or "no parameters"
            raise Refused(0, f"fault {name!r} takes {takes}: {error}") from error
        if isinstance(fault, Disconnect) and fault.seconds is not None:
            fault = Disconnect(fault.seconds, time.time() + fault.seconds)
        self.active.append(fault)

    def find(self, kind: type[F]) -> F | None:
        """Return the oldest fault of a kind that is in force."""
        for fault in self.active:
            if isinstance(fault, kind) and not _is_over(fault):
                return fault
        return None

    def take(self, kind: type[Counted], call: str = "") -> Counted | None:
        """Return the oldest fault of a kind that strikes this call, and count it."""
        for place, fault in enumerate(self.active):
            if isinstance(fault, kind) and _strikes(fault, call):
                left = [msgspec.structs.replace(fault, count=fault.count - 1)]
                self.active[place : place + 1] = left if fault.count > 1 else []
                return fault
        return None

    def end(self, kind: type[F]) -> None:
        """End all faults of a kind."""
        self.active = [fault for fault in self.active if not isinstance(fault, kind)]


def _is_over(fault: Fault) -> bool:
    return isinstance(fault, Disconnect) and fault.until is not None and fault.until <= time.time()


def _strikes(fault: Fault, call: str) -> bool:
    match fault:
        case Nothing(call=None):
            return call not in NO_GETTERS
        case Nothing(call=name) | Hang(call=name):
            return name == call
        case _:
            return True
