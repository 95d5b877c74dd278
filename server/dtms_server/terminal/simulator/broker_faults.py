"""Faults that last for a while, by the virtual clock: of the broker, and of the way to it."""

from typing import Annotated, Final

import msgspec

from dtms_server.terminal.simulator.order_faults import Count, Seconds, Text


class Lasting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lasts `seconds` of the virtual clock (None: until cleared). `until`, in server milliseconds,
    is set when it begins; one of an older state, in seconds of our clock, is long past."""

    seconds: Seconds | None = None
    until: int | float | None = None


class Disconnect(Lasting, frozen=True, tag="disconnect"):
    """The terminal has no connection to the broker, for `seconds` of the virtual clock (None: until
    cleared): orders are refused, positions still listed."""


class Synchronising(Lasting, frozen=True, tag="synchronising"):
    """The terminal has just started, and shows neither positions nor orders nor history, nor margin
    and profit of the account, for `seconds` of the virtual clock (None: until cleared)."""


class WrongClock(Lasting, frozen=True, tag="clock"):
    """The clock of the terminal's machine is `ahead` seconds ahead (less than 0: behind), for
    `seconds` of the virtual clock (None: until cleared); the market's is right."""

    ahead: Annotated[float, msgspec.Meta(ge=-86_400, le=86_400)]


class MarketClosed(Lasting, frozen=True, tag="market_closed"):
    """Orders in `symbol` (None: in any) are refused with 10018 for `seconds` of the virtual clock
    (None: until cleared); quotes go on, and stops are carried out all the same: a real broker does
    that only when the market opens again."""

    symbol: Text | None = None


class Suspended(Lasting, frozen=True, tag="suspended"):
    """The trade mode of `symbol` (None: of all) is "disabled" for `seconds` of the virtual clock
    (None: until cleared): orders are refused with 10017; quotes go on, and stops are carried out
    all the same: a real broker does that only when the market opens again."""

    symbol: Text | None = None


class AutoTradingOff(Lasting, frozen=True, tag="autotrading_off"):
    """Somebody has switched AutoTrading off in the terminal: orders are refused with 10027, for
    `seconds` of the virtual clock (None: until cleared)."""


class ExpertsOff(Lasting, frozen=True, tag="experts_off"):
    """The broker lets no program trade: orders are refused with 10026, for `seconds` of the virtual
    clock (None: until cleared)."""


class ReadOnly(Lasting, frozen=True, tag="read_only"):
    """The account may not trade at all, as with an investor's password: orders are refused with
    10017, for `seconds` of the virtual clock (None: until cleared)."""


class WideSpread(Lasting, frozen=True, kw_only=True, tag="spread"):
    """The ask of `symbol` (None: of each) is `points` higher for `seconds` of the virtual clock, or
    until cleared."""

    symbol: Text | None = None
    points: Count
    seconds: Annotated[float, msgspec.Meta(gt=0, le=1e9)]


BrokerFault = (
    Disconnect
    | Synchronising
    | WrongClock
    | MarketClosed
    | Suspended
    | AutoTradingOff
    | ExpertsOff
    | ReadOnly
    | WideSpread
)
KINDS: Final = (
    *(Disconnect, Synchronising, WrongClock),
    *(MarketClosed, Suspended, AutoTradingOff, ExpertsOff, ReadOnly, WideSpread),
)
