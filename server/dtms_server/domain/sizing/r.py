"""R, the unit of a trade's risk."""

from typing import Final

from dtms_server.domain.policy.defence import DefencePolicy
from dtms_server.domain.sizing.sized import known
from dtms_server.domain.trade import Trade

PRICE_DIGITS: Final = 8
"""Decimals of a distance in price: as many as any symbol has, fewer than binary rounding leaves."""


def r_distance(trade: Trade, atr: float | None, policy: DefencePolicy) -> float | None:
    """Return what R stands for, in price, by the ATR(14, M15) of the first analysis; None where
    that is not known.

    It is what lies between entry and initial stop, where that stop limits a loss and is no nearer
    than noise; else a share of the ATR.
    """
    if (atr := known(atr)) is None:
        return None
    default = policy.stops.r_default_atr * atr
    if trade.initial_stop_loss is None:
        return default
    risk = trade.direction.sign * (trade.terms.entry_price - trade.initial_stop_loss)
    risk = round(risk, PRICE_DIGITS)
    return risk if risk >= round(policy.stops.r_least_atr * atr, PRICE_DIGITS) > 0 else default
