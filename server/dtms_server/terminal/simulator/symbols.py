"""The facts of symbols, and what a position in them is worth."""

import math
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dtms_server.terminal.simulator import constants as c

# Bits of SYMBOL_FILLING_MODE and SYMBOL_ORDER_MODE; the API's package has no names for them.
FILLING_FOK: Final = 1
FILLING_IOC: Final = 2
ORDER_MARKET: Final = 1
ORDER_SL: Final = 16
ORDER_TP: Final = 32
ORDER_CLOSE_BY: Final = 64
Money = TypeVar("Money", float, NDArray[np.float64])
_DUST: Final = 1e-6  # what binary fractions leave of a whole number of ticks or steps


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol: volumes in lots, commission in USD a lot and side, `daily_move` as a share of the
    price; `price` and `daily_move` are typical values that the seeded market begins with.

    What a broker may change is as in MQL5's symbol properties: `stops_level` (0: the spread counts)
    and `freeze_level` (0: nothing is frozen) in points; `filling_mode` and `order_mode` bit masks;
    `execution` SYMBOL_TRADE_EXECUTION_…, `trade_mode` SYMBOL_TRADE_MODE_…; `volume_limit` lots on
    one side of the symbol (0: no limit); prices in steps of `tick_points` points; `margin_hedged`
    the contract's size by which hedged lots bind margin, unless the larger leg alone does; `fee` as
    commission; `swap_long` and `swap_short` a night, in what `swap_mode` (SYMBOL_SWAP_MODE_…) says,
    three times in the night after `swap_rollover3days` (DAY_OF_WEEK_…); typical ones here.
    """

    name: str
    base: str
    quote: str
    digits: int
    price: float
    daily_move: float
    spread_points: int
    contract_size: float = 100_000.0
    commission: float = 3.5
    volume_min: float = 0.01
    volume_max: float = 100.0
    volume_step: float = 0.01
    calc_mode: int = c.SYMBOL_CALC_MODE_FOREX
    tick_points: int = 1
    volume_limit: float = 0.0
    stops_level: int = 0
    freeze_level: int = 0
    filling_mode: int = FILLING_FOK | FILLING_IOC
    order_mode: int = ORDER_MARKET | ORDER_SL | ORDER_TP | ORDER_CLOSE_BY
    execution: int = c.SYMBOL_TRADE_EXECUTION_MARKET
    trade_mode: int = c.SYMBOL_TRADE_MODE_FULL
    margin_hedged: float = 100_000.0
    margin_hedged_use_leg: bool = False
    fee: float = 0.0
    swap_mode: int = c.SYMBOL_SWAP_MODE_POINTS
    swap_long: float = 0.0
    swap_short: float = 0.0
    swap_rollover3days: int = c.DAY_OF_WEEK_WEDNESDAY

    @property
    def scale(self) -> int:
        """Points in one unit of price."""
        return int(10**self.digits)

    def points(self, price: float) -> int:
        """Return a price in points."""
        return round(price * self.scale)

    def from_points(self, points: int) -> float:
        """Return the price of that many points: the float nearest to the decimal."""
        return points / self.scale

    def on_grid(self, price: float) -> bool:
        """Is a price a whole number of ticks?"""
        ticks = price * self.scale / self.tick_points
        return abs(ticks - round(ticks)) < _DUST

    def nearest(self, price: float) -> float:
        """Return the price on the grid that is nearest to `price`; what is none stays as it is."""
        if not math.isfinite(price):
            return price
        ticks = round(price * self.scale / self.tick_points)
        return self.from_points(ticks * self.tick_points)

    def on_step(self, volume: float) -> bool:
        """Is a volume a whole number of steps?"""
        steps = volume / self.volume_step
        return abs(steps - round(steps)) < _DUST

    def profit(self, direction: int, volume: float, opened: float, closed: float) -> float:
        """Return the profit in USD of a position of POSITION_TYPE_… `direction`, in cents."""
        move = closed - opened if direction == c.POSITION_TYPE_BUY else opened - closed
        return round(self.usd(move * volume, closed), 2) + 0.0  # no negative zero

    def margin(self, volume: float, price: float, leverage: int) -> float:
        """Return the margin in USD that a position opened at `price` binds."""
        value = volume * self.contract_size
        return round((value if self.base == "USD" else value * price) / leverage, 2)

    def usd(self, moved: Money, price: Money) -> Money:
        """Return what `moved` lots by price are worth in USD while the symbol costs `price`."""
        value = moved * self.contract_size
        return value if self.quote == "USD" else value / price


def _pair(
    name: str,
    digits: int,
    price: float,
    daily_move: float,
    spread_points: int,
    swaps: tuple[float, float],
) -> Symbol:
    facts = Symbol(name, name[:3], name[3:], digits, price, daily_move, spread_points)
    return replace(facts, swap_long=swaps[0], swap_short=swaps[1])


_GOLD: Final = replace(
    _pair("XAUUSD", 2, 2650.0, 0.009, 18, (-38.0, 21.0)),
    contract_size=100.0,
    margin_hedged=100.0,
    commission=5.0,
    calc_mode=c.SYMBOL_CALC_MODE_CFDLEVERAGE,
)
KNOWN: Final = {
    symbol.name: symbol
    for symbol in (
        _pair("EURUSD", 5, 1.08, 0.0050, 8, (-7.5, 3.1)),
        _pair("GBPUSD", 5, 1.27, 0.0055, 10, (-2.9, -2.2)),
        _pair("USDJPY", 3, 150.0, 0.0060, 9, (9.8, -21.4)),
        _GOLD,
        _pair("AUDUSD", 5, 0.66, 0.0060, 9, (-2.4, -0.6)),
        _pair("NZDUSD", 5, 0.60, 0.0060, 12, (-1.8, -1.9)),
        _pair("USDCAD", 5, 1.36, 0.0045, 11, (1.7, -7.3)),
        _pair("USDCHF", 5, 0.88, 0.0050, 10, (5.6, -12.2)),
    )
}
DEFAULT: Final = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")


def facts(name: str) -> Symbol:
    """Return the facts of a symbol; a suffix ("EURUSDc", "EURUSD.m") has those of its base.

    Raises ValueError where the name has no base that is known.
    """
    for base, symbol in KNOWN.items():
        if name.upper().startswith(base):
            return replace(symbol, name=name)
    known = ", ".join(KNOWN)
    raise ValueError(f"symbol {name!r} is not known; known, with any suffix, are {known}")
