"""The regime: which session it is, how lively the market is, and whether it goes anywhere."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dtms_server.domain.analysis.symbols import base_symbol
from dtms_server.domain.policy.analysis import RegimePolicy, VwapPolicy


class Session(StrEnum):
    """The part of the trading day."""

    ASIAN = "asian"
    LONDON = "london"
    OVERLAP = "overlap"
    NEW_YORK = "new_york"


class Volatility(StrEnum):
    """The ATR against its own mean."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Shape(StrEnum):
    """Whether the Bollinger bands lie close together."""

    RANGE = "range"
    TREND = "trend"


@dataclass(frozen=True, slots=True)
class Regime:
    """The market's regime at an analysis."""

    session: Session
    volatility: Volatility
    structure: Shape


def session_at(at: datetime, policy: RegimePolicy) -> Session:
    """Return the session of a moment in UTC."""
    begins = (
        (0, Session.ASIAN),
        (policy.london_hour, Session.LONDON),
        (policy.overlap_hour, Session.OVERLAP),
        (policy.new_york_hour, Session.NEW_YORK),
        (policy.asian_hour, Session.ASIAN),
    )
    return [session for hour, session in begins if hour <= at.hour][-1]


def volatility_of(atr_ratio: float, policy: RegimePolicy) -> Volatility:
    """Return the volatility by the ATR over its mean."""
    if atr_ratio < policy.low_atr_ratio:
        return Volatility.LOW
    return Volatility.HIGH if atr_ratio > policy.high_atr_ratio else Volatility.NORMAL


def shape_of(band_width: float, reference_price: float, policy: RegimePolicy) -> Shape:
    """Return the shape by the Bollinger bands' width, in the quote currency."""
    narrow = band_width < policy.range_width_share * reference_price
    return Shape.RANGE if narrow else Shape.TREND


def vwap_threshold(symbol: str, regime: Regime, policy: VwapPolicy) -> float:
    """Return how far beyond the VWAP a close must lie to count, as a share of the price."""
    base = symbol_share(symbol, policy)
    factor = (
        {
            Session.ASIAN: policy.asian_factor,
            Session.LONDON: policy.london_factor,
            Session.NEW_YORK: policy.new_york_factor,
            Session.OVERLAP: policy.overlap_factor,
        }[regime.session]
        * {
            Volatility.LOW: policy.low_volatility_factor,
            Volatility.NORMAL: 1.0,
            Volatility.HIGH: policy.high_volatility_factor,
        }[regime.volatility]
        * {Shape.RANGE: policy.range_factor, Shape.TREND: 1.0}[regime.structure]
    )
    return base * min(factor, policy.greatest_factor)


def symbol_share(symbol: str, policy: VwapPolicy) -> float:
    """Return the threshold's base for a broker's symbol, as a share of the price: by the pair, else
    by its first currency, else by its second."""
    base = base_symbol(symbol)
    names = (base, base[:3], base[3:])
    return next(
        (policy.share_by_symbol[name] for name in names if name in policy.share_by_symbol),
        policy.share,
    )
