"""What a broker changes of a symbol's trading conditions, and of the account's rules."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.symbols import ORDER_CLOSE_BY, Symbol

Points = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Number = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Swap = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
SwapMode = Literal[
    "disabled",
    "points",
    "currency_symbol",
    "currency_margin",
    "currency_deposit",
    "interest_current",
    "interest_open",
    "reopen_current",
    "reopen_bid",
]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
EXECUTIONS: Final = {
    "request": c.SYMBOL_TRADE_EXECUTION_REQUEST,
    "instant": c.SYMBOL_TRADE_EXECUTION_INSTANT,
    "market": c.SYMBOL_TRADE_EXECUTION_MARKET,
    "exchange": c.SYMBOL_TRADE_EXECUTION_EXCHANGE,
}
TRADE_MODES: Final = {
    "disabled": c.SYMBOL_TRADE_MODE_DISABLED,
    "long_only": c.SYMBOL_TRADE_MODE_LONGONLY,
    "short_only": c.SYMBOL_TRADE_MODE_SHORTONLY,
    "close_only": c.SYMBOL_TRADE_MODE_CLOSEONLY,
    "full": c.SYMBOL_TRADE_MODE_FULL,
}
SWAP_MODES: Final = {
    "disabled": c.SYMBOL_SWAP_MODE_DISABLED,
    "points": c.SYMBOL_SWAP_MODE_POINTS,
    "currency_symbol": c.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL,
    "currency_margin": c.SYMBOL_SWAP_MODE_CURRENCY_MARGIN,
    "currency_deposit": c.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT,
    "interest_current": c.SYMBOL_SWAP_MODE_INTEREST_CURRENT,
    "interest_open": c.SYMBOL_SWAP_MODE_INTEREST_OPEN,
    "reopen_current": c.SYMBOL_SWAP_MODE_REOPEN_CURRENT,
    "reopen_bid": c.SYMBOL_SWAP_MODE_REOPEN_BID,
}
DAYS: Final = {
    "monday": c.DAY_OF_WEEK_MONDAY,
    "tuesday": c.DAY_OF_WEEK_TUESDAY,
    "wednesday": c.DAY_OF_WEEK_WEDNESDAY,
    "thursday": c.DAY_OF_WEEK_THURSDAY,
    "friday": c.DAY_OF_WEEK_FRIDAY,
}
CODES: Final = {
    "execution": EXECUTIONS,
    "trade_mode": TRADE_MODES,
    "swap_mode": SWAP_MODES,
    "swap_rollover3days": DAYS,
}
"""What the module's codes are called here, by the name of the condition."""


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is changed of a symbol; what is left out is as its facts have it. Volumes in lots,
    levels in points, `tick_size` in price, `filling_mode` FOK 1 and IOC 2, `commission` USD a lot
    and side, `margin_hedged` as a contract's size, `fee` as commission, `swap_long` and
    `swap_short` a night in what `swap_mode` says."""

    stops_level: Points | UnsetType = UNSET
    freeze_level: Points | UnsetType = UNSET
    filling_mode: Annotated[int, msgspec.Meta(ge=0, le=3)] | UnsetType = UNSET
    execution: Literal["request", "instant", "market", "exchange"] | UnsetType = UNSET
    trade_mode: Literal["disabled", "long_only", "short_only", "close_only", "full"] | UnsetType = (
        UNSET
    )
    volume_min: Positive | UnsetType = UNSET
    volume_max: Positive | UnsetType = UNSET
    volume_step: Positive | UnsetType = UNSET
    volume_limit: Number | UnsetType = UNSET
    tick_size: Positive | UnsetType = UNSET
    commission: Number | UnsetType = UNSET
    close_by: bool | UnsetType = UNSET
    margin_hedged: Number | UnsetType = UNSET
    margin_hedged_use_leg: bool | UnsetType = UNSET
    fee: Number | UnsetType = UNSET
    swap_mode: SwapMode | UnsetType = UNSET
    swap_long: Swap | UnsetType = UNSET
    swap_short: Swap | UnsetType = UNSET
    swap_rollover3days: Day | UnsetType = UNSET

    def of(self, symbol: Symbol) -> Symbol:
        """Return the symbol under these conditions. Raises ValueError where they make no sense."""
        named = {n: v for n in self.__struct_fields__ if (v := getattr(self, n)) is not UNSET}
        if "tick_size" in named:
            named["tick_points"] = _whole_points(symbol, named.pop("tick_size"))
        for name, codes in CODES.items():
            if name in named:
                named[name] = codes[named[name]]
        if "close_by" in named:
            rest = symbol.order_mode & ~ORDER_CLOSE_BY
            named["order_mode"] = rest | (ORDER_CLOSE_BY if named.pop("close_by") else 0)
        changed = replace(symbol, **named)
        if not (changed.volume_min <= changed.volume_max and changed.on_step(changed.volume_min)):
            raise ValueError(
                f"{symbol.name}: a volume from {changed.volume_min} to {changed.volume_max} "
                f"in steps of {changed.volume_step} cannot be"
            )
        return changed


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account's rules: positions of a symbol close oldest first (`fifo`); no two of a symbol on
    opposite sides (`hedge_prohibited`); so many positions and so many requests in a second of the
    virtual clock at most (0: no limit); below a margin level of `margin_call_level` percent nothing
    that binds more is opened, and at `stop_out_level` percent positions are closed (0: never)."""

    fifo: bool = False
    hedge_prohibited: bool = False
    max_positions: Count = 0
    requests_per_second: Count = 0
    margin_call_level: Number = 100.0
    stop_out_level: Number = 50.0


def conditions(changes: Mapping[str, object], before: Conditions | None = None) -> Conditions:
    """Return what was changed before and these changes. Raises ValueError, naming what is known."""
    known = {} if before is None else msgspec.to_builtins(before)
    try:
        return msgspec.convert({**known, **changes}, Conditions, strict=False)
    except msgspec.ValidationError as error:
        fields = ", ".join(Conditions.__struct_fields__)
        raise ValueError(f"{error}; a symbol's conditions are {fields}") from error


def rules(changes: Mapping[str, object], before: Rules) -> Rules:
    """Return the rules with these changes. Raises ValueError, naming what is known."""
    try:
        return msgspec.convert({**msgspec.to_builtins(before), **changes}, Rules, strict=False)
    except msgspec.ValidationError as error:
        fields = ", ".join(Rules.__struct_fields__)
        raise ValueError(f"{error}; an account's rules are {fields}") from error


def _whole_points(symbol: Symbol, tick_size: float) -> int:
    points = symbol.points(tick_size)
    if points < 1 or abs(tick_size * symbol.scale - points) > 1e-6:
        raise ValueError(f"{symbol.name}: a tick of {tick_size} is not a whole number of points")
    return points
