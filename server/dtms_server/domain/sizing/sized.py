"""What sizing reads of the market, and what it may answer."""

from dataclasses import dataclass
from math import isfinite
from typing import Final

from dtms_server.domain.actions import Order
from dtms_server.domain.analysis import Analysis
from dtms_server.domain.market import Quote


@dataclass(frozen=True, slots=True)
class Market:
    """A symbol's newest quote and, in its quote currency, what its closed M15 bars tell: ATR(14)
    and the newest swings. None is not known; so is an ATR of 0 or what is no number."""

    quote: Quote
    atr: float | None
    swing_low: float | None
    swing_high: float | None

    @classmethod
    def of(cls, quote: Quote, analysis: Analysis | None) -> "Market":
        """Return what an analysis tells beside a quote; without one, nothing."""
        if analysis is None:
            return cls(quote, None, None, None)
        m15 = analysis.m15
        low, high = m15.structure.lows.newest, m15.structure.highs.newest
        return cls(quote, m15.atr, low.price if low else None, high.price if high else None)


@dataclass(frozen=True, slots=True)
class Needless:
    """It is so already, or better: nothing to send, and the action is done with."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """Not in this market: the action waits."""

    reason: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """No order can do it; `code` names why."""

    code: str
    reason: str


Sized = Order | Needless | NotYet | Impossible

NO_R: Final = Impossible("NO_R", "R is not known")
NO_ATR: Final = Impossible("NO_ATR", "the ATR is not known")
NO_DATA: Final = (NO_R, NO_ATR)
"""What cannot be sized for want of an analysis."""


def known(number: float | None) -> float | None:
    """Return a distance or price that can be reckoned with, else None."""
    return number if number is not None and isfinite(number) and number > 0 else None


def too_small(lots: float, volume_min: float) -> Impossible:
    """Return that the broker takes no such volume."""
    return Impossible("VOLUME_TOO_SMALL", f"{lots:g} lots, and the minimum is {volume_min:g}")
