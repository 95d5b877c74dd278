"""When a price within a bar first touches a level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dtms_server.domain.trade import Direction
from dtms_server.replay.history import History, Ticks

NEVER_BELOW, NEVER_ABOVE = -(2**62), 2**62


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices in points, at or below and at or above which something happens to a position on this
    side; it is watched by the price that the position closes at."""

    direction: Direction
    below: int = NEVER_BELOW
    above: int = NEVER_ABOVE

    def within(self, history: History, bar: int) -> bool:
        """Does an M5 bar reach either?"""
        lows, highs = history.lows[self.direction], history.highs[self.direction]
        return lows[bar] <= self.below or highs[bar] >= self.above


def levels(direction: Direction, behind: int | None, ahead: int | None) -> Levels:
    """Return the levels of a side's prices: one behind it, as a stop is, and one ahead."""
    if direction is Direction.SELL:
        behind, ahead = ahead, behind
    return Levels(
        direction,
        NEVER_BELOW if behind is None else behind,
        NEVER_ABOVE if ahead is None else ahead,
    )


def first_touch(ticks: Ticks, begin: int, watched: Sequence[Levels]) -> int | None:
    """Return the index of the first tick, from `begin` on, that touches any of the levels."""
    found = [_first(ticks, begin, each) for each in watched]
    return min((at for at in found if at is not None), default=None)


def _first(ticks: Ticks, begin: int, watched: Levels) -> int | None:
    prices = ticks.closing(watched.direction)[begin:]
    touching = (prices <= watched.below) | (prices >= watched.above)
    at = int(np.argmax(touching)) if len(touching) else 0
    return begin + at if len(touching) and touching[at] else None
