"""Faults of the broker: what it lets nobody do for a while, by the virtual clock."""

from typing import Annotated, Final

import msgspec

from dtms_server.terminal.simulator.order_faults import Count, Seconds, Text


class Lasting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lasts `seconds` of the virtual clock (None: until cleared). `until`, in server milliseconds,
    is set when it begins."""

    seconds: Seconds | None = None
    until: int | None = None


class MarketClosed(Lasting, frozen=True, tag="market_closed"):
    """Orders in `symbol` (None: in any) are refused with 10018 for `seconds` of the virtual clock
    (None: until cleared); quotes go on."""

    symbol: Text | None = None


class Suspended(Lasting, frozen=True, tag="suspended"):
    """The trade mode of `symbol` (None: of all) is "disabled" for `seconds` of the virtual clock
    (None: until cleared): orders are refused with 10017, quotes go on."""

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


class WideSpread(Lasting, frozen=True, tag="spread"):
    """The ask of `symbol` is `points` higher for `seconds` of the virtual clock, or until
    cleared."""

    symbol: Text
    points: Count
    seconds: Annotated[float, msgspec.Meta(gt=0)]


BrokerFault = MarketClosed | Suspended | AutoTradingOff | ExpertsOff | ReadOnly | WideSpread
KINDS: Final = (MarketClosed, Suspended, AutoTradingOff, ExpertsOff, ReadOnly, WideSpread)
