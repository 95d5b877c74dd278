"""The plain exits that the defence is held against."""

from collections.abc import Callable
from functools import partial
from math import ceil, isfinite
from typing import Final

from dtms_server.domain.analysis.indicators import atr
from dtms_server.domain.bars import Floats
from dtms_server.domain.trade import Direction
from dtms_server.replay.entries import Entry
from dtms_server.replay.exits import Rule
from dtms_server.replay.history import History
from dtms_server.replay.plan import Exit

CHANDELIER_ATR: Final = 3.0
CHANDELIER_BARS: Final = 22
"""M15 bars of the chandelier's ATR."""
BREAKEVEN_R: Final = 1.0
"""How far ahead, in R, the price must have gone."""


class Chandelier:
    """The stop hangs 3 ATR(22) from the best price since the entry (C. LeBeau's chandelier exit, in
    A. Elder, "Come Into My Trading Room", 2002), here on M15, moved when an M5 bar has closed. The
    trade keeps its target, and its first stop while that is nearer."""

    trigger: int | None = None

    def __init__(self, atr_points: Floats, history: History, entry: Entry) -> None:
        self._atr_points = atr_points
        self._history = history
        self._entry = entry
        self._best = history.lasts[entry.direction][entry.bar]

    def at_trigger(self) -> int:
        """See Rule; nothing triggers it."""
        return self._entry.stop

    def at_close(self, bar: int) -> int | None:
        """See Rule."""
        history, direction = self._history, self._entry.direction
        is_buy = direction is Direction.BUY
        seen = (history.highs if is_buy else history.lows)[direction][bar]
        self._best = max(self._best, seen) if is_buy else min(self._best, seen)
        reach = float(self._atr_points[history.m15_closed[bar] - 1]) * CHANDELIER_ATR
        if not isfinite(reach):
            return None
        grid = history.symbol.tick_points
        return self._best - direction.sign * ceil(reach / grid) * grid


class Breakeven:
    """The stop goes to the entry price once the price is 1 R ahead of it, as discretionary traders
    commonly do; the rest of the trade stays as it is."""

    def __init__(self, entry: Entry) -> None:
        ahead = round(abs(entry.price - entry.stop) * BREAKEVEN_R)
        self.trigger: int | None = entry.price + entry.direction.sign * ahead
        self._entry = entry

    def at_trigger(self) -> int:
        """See Rule."""
        self.trigger = None
        return self._entry.price

    def at_close(self, bar: int) -> int | None:
        """See Rule; a bar's close moves nothing."""
        return None


def rule_makers(history: History, wanted: tuple[Exit, ...]) -> dict[Exit, Callable[[Entry], Rule]]:
    """Return for each exit what makes its rule for a trade."""
    makers: dict[Exit, Callable[[Entry], Rule]] = {}
    for exit_ in wanted:
        match exit_:
            case Exit.CHANDELIER:
                points = atr(history.m15.in_points(1 / history.symbol.scale), CHANDELIER_BARS)
                makers[exit_] = partial(Chandelier, points, history)
            case Exit.BREAKEVEN:
                makers[exit_] = Breakeven
    return makers
