"""Stop-out: at which tick the margin level is too low, and which position goes first."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.portfolio import Portfolio, margin_level, worth
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.records import TradePosition

_CENT: Final = 0.01  # each position's profit is rounded to it, and less than it is looked at again
Curve = NDArray[np.float64]


def first_breach(portfolio: Portfolio, level: float, begin: int, end: int) -> int | None:
    """Return when, by the ticks from `begin` to `end` (server milliseconds, both included), the
    margin level is first at or below `level` percent; None where it never is.

    MQL5 Reference, ACCOUNT_MARGIN_SO_SO, with ACCOUNT_STOPOUT_MODE_PERCENT; that the level itself
    is too low is on brokers' help pages, as is what hedged positions that bind no margin get: they
    are stopped out when no equity is left. 0 is off.
    """
    held = tuple(portfolio.book.positions.values())
    if not level or not held:
        return None
    floor = portfolio.margin * level / 100
    swap = math.fsum(position.swap for position in held)
    slack = floor - portfolio.book.balance - swap + _CENT * (len(held) + 1)
    by_symbol: dict[str, list[TradePosition]] = {}
    for position in held:
        by_symbol.setdefault(position.symbol, []).append(position)
    courses = [_Course(portfolio.quotes, name, positions) for name, positions in by_symbol.items()]
    if math.fsum(course.worst(begin, end) for course in courses) > slack:
        return None
    for at in _suspects(courses, begin, end, slack):
        if is_breached(portfolio, level, at):
            return at
    return None


def is_breached(portfolio: Portfolio, level: float, at: int) -> bool:
    """Is the margin level at or below `level` percent at this moment?"""
    return portfolio.equity(at) * 100 <= portfolio.margin * level


def next_victim(portfolio: Portfolio, at: int) -> TradePosition:
    """Return the position that is closed first, as it is valued: the one with the largest loss.

    Brokers' help pages on MetaTrader 5 (AvaFutures, "Stop-out or liquidation on MT5"): from the
    largest loss on, the level looked at again after each. Of equal ones the oldest: none says it.
    """
    return min(portfolio.positions(at), key=lambda held: (worth(held), held.ticket))


def comment(portfolio: Portfolio, at: int) -> str:
    """Return what a stop-out writes on order and deal: level, equity and margin just before.

    Brokers' help pages quote the three in this order; in brackets as "[sl 1.23]" is.
    """
    equity, margin = portfolio.equity(at), portfolio.margin
    return f"[so {margin_level(equity, margin):.2f}%/{equity:.2f}/{margin:.2f}]"


class _Course:
    """What the positions of one symbol earn, without rounding, as its ticks go by."""

    def __init__(self, quotes: Quotes, name: str, positions: Sequence[TradePosition]) -> None:
        self._quotes = quotes
        self._symbol = quotes.symbols[name]
        bought = [held for held in positions if held.type == c.POSITION_TYPE_BUY]
        sold = [held for held in positions if held.type != c.POSITION_TYPE_BUY]
        self._bought, self._sold = _leg(bought), _leg(sold)

    def worst(self, begin: int, end: int) -> float:
        """Return less than or just what they earn at the worst tick from `begin` to `end`."""
        lowest, highest = self._quotes.reach(self._symbol.name, begin - 1, end)
        return float(self._earned(np.array([lowest]), np.array([highest]))[0])

    def ticks(self, begin: int, end: int) -> tuple[NDArray[np.int64], Curve]:
        """Return the times of the ticks from `begin` to `end`, and what is earned before the first
        and at each."""
        quote = self._quotes.last(self._symbol.name, begin - 1)
        assert quote is not None, "a position was opened before the market's first tick"
        ticks = self._quotes.ticks(self._symbol.name, begin - 1, end)
        bids = np.append(quote.bid, ticks["bid"] / self._symbol.scale)
        asks = np.append(quote.ask, ticks["ask"] / self._symbol.scale)
        return ticks["time"], self._earned(bids, asks)

    def _earned(self, bids: Curve, asks: Curve) -> Curve:
        (bought, cost), (sold, income) = self._bought, self._sold
        return self._symbol.usd(bought * bids - cost, bids) + self._symbol.usd(
            income - sold * asks, asks
        )


def _leg(held: Sequence[TradePosition]) -> tuple[float, float]:
    """Return lots, and lots by opening price, of one side."""
    volumes = math.fsum(position.volume for position in held)
    return volumes, math.fsum(position.volume * position.price_open for position in held)


def _suspects(courses: Sequence[_Course], begin: int, end: int, slack: float) -> list[int]:
    """Return when all that is earned is no more than `slack`, in order of time."""
    found = [course.ticks(begin, end) for course in courses]
    times = np.unique(np.concatenate([at for at, _ in found]))
    total = np.zeros(len(times))
    for at, earned in found:
        total += earned[np.searchsorted(at, times, side="right")]
    return [int(at) for at in times[total <= slack]]
