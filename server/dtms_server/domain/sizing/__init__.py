"""What an action asks of the broker: lots, stops and targets, by the symbol's facts."""

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import DefencePolicy
from dtms_server.domain.sizing import closings, openings, stops
from dtms_server.domain.sizing.grid import LOT_DIGITS
from dtms_server.domain.sizing.r import PRICE_DIGITS, r_distance
from dtms_server.domain.sizing.sized import (
    NO_DATA,
    Impossible,
    Market,
    Needless,
    NotYet,
    Sized,
)
from dtms_server.domain.trade import Trade

__all__ = [
    "LOT_DIGITS",
    "NO_DATA",
    "PRICE_DIGITS",
    "Impossible",
    "Market",
    "Needless",
    "NotYet",
    "Sized",
    "r_distance",
    "size",
]


def size(
    kind: ActionKind,
    trade: Trade,
    position: Position | None,
    hedge: Position | None,
    market: Market,
    policy: DefencePolicy,
    *,
    commission: float = 0.0,
    family_lots: float = 0.0,
) -> Sized:
    """Return the order that the action is now, or why there is none.

    What is open is read from `position` and `hedge`, which may be ahead of the trade's row.
    `commission` is what the position's entry deals paid (account currency, at least 0);
    `family_lots` are open in the trade and its re-added ones.
    """
    quote = market.quote
    match kind:
        case ActionKind.CLOSE_TRADE:
            return closings.close(position, quote)
        case ActionKind.CLOSE_HEDGE:
            return closings.close(hedge, quote)
        case ActionKind.CLOSE_BY:
            return closings.close_by(position, hedge, quote)
    if position is None:
        return Impossible("NO_POSITION", "its position is not there")
    match kind:
        case ActionKind.REDUCE_HEDGE:
            return closings.reduce_hedge(position, hedge, quote)
        case ActionKind.CLOSE_HALF:
            return closings.close_half(position, quote, policy.volumes)
        case ActionKind.OPEN_HEDGE:
            return openings.hedge(position, hedge, market, policy)
        case ActionKind.READD:
            return openings.readd(trade, position, market, policy, family_lots)
        case ActionKind.SET_MISSING_STOP:
            return stops.missing(trade, position, market, policy.stops)
        case ActionKind.TIGHTEN_STOP:
            return stops.tighten(trade, position, market, policy.stops)
        case ActionKind.BREAK_EVEN:
            return stops.break_even(trade, position, market, policy.stops, commission)
        case ActionKind.TRAIL_STOP:
            return stops.trail(position, market, policy.stops)
