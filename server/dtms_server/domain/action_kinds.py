"""The kinds of actions that DTMS takes for a trade."""

from enum import StrEnum
from typing import Final


class ActionKind(StrEnum):
    """What an order is for."""

    SET_MISSING_STOP = "SET_MISSING_STOP"
    TIGHTEN_STOP = "TIGHTEN_STOP"
    CLOSE_HALF = "CLOSE_HALF"
    BREAK_EVEN = "BREAK_EVEN"
    TRAIL_STOP = "TRAIL_STOP"
    OPEN_HEDGE = "OPEN_HEDGE"
    REDUCE_HEDGE = "REDUCE_HEDGE"
    CLOSE_HEDGE = "CLOSE_HEDGE"
    CLOSE_BY = "CLOSE_BY"
    CLOSE_TRADE = "CLOSE_TRADE"
    READD = "READD"


STOPS: Final = frozenset(
    {
        ActionKind.SET_MISSING_STOP,
        ActionKind.TIGHTEN_STOP,
        ActionKind.BREAK_EVEN,
        ActionKind.TRAIL_STOP,
    }
)
"""Actions that move the trade's stop."""
OPENINGS: Final = frozenset({ActionKind.OPEN_HEDGE, ActionKind.READD})
"""Actions that open a position: the only ones that can add risk."""
