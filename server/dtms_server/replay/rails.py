"""What holds the defence back in a replay: the closed market always, the rails that hold openings
back only if they are asked for."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from dtms_server.domain import rails
from dtms_server.domain.action_kinds import OPENINGS, ActionKind
from dtms_server.domain.policy.defence import DefencePolicy
from dtms_server.domain.rails import Rail, RailMemory
from dtms_server.domain.trade import Trade
from dtms_server.replay.book import Book
from dtms_server.replay.history import History
from dtms_server.replay.market import Moment

BALANCE: Final = 10_000.0
"""What the account of each trade begins with, in USD; its equity rails are shares of it."""


class SpreadLimits:
    """How wide the spread may be, by the M15 bars that had closed when the broker's day began."""

    def __init__(self, history: History, policy: DefencePolicy) -> None:
        self._history = history
        self._policy = policy
        self._day: tuple[int, float | None] = -1, None

    def points(self, moment: Moment) -> float | None:
        """Return the limit at a moment, in points; None where too few bars tell."""
        day_start = self._history.day_start(moment.bar, int(moment.at.timestamp()))
        if self._day[0] != day_start:
            self._day = day_start, self._limit(day_start)
        return self._day[1]

    def is_exceeded(self, moment: Moment) -> bool:
        """Is the spread too wide at a moment?"""
        limit = self.points(moment)
        return limit is not None and moment.ask - moment.bid > limit

    def _limit(self, day_start: int) -> float | None:
        m15, bars = self._history.m15, rails.spread_bars(self._policy.rails)
        end = int(np.searchsorted(m15.time, day_start))
        spreads = m15.spread[max(0, end - bars) : end]
        return rails.spread_limit(spreads, self._history.symbol.name, self._policy)


class ClosedMarket:
    """The rails that always hold: nothing is done while the market is closed, and a timer that has
    run out waits for a fresh price, and for a while for the spread."""

    def __init__(self, limits: SpreadLimits, policy: DefencePolicy) -> None:
        self._limits = limits
        self._fresh_for = timedelta(seconds=policy.states.timer_tick_seconds)
        self._longest = timedelta(minutes=policy.states.timer_spread_minutes)

    def observe(self, moment: Moment, closed: Iterable[Trade]) -> None:
        """See Rails; nothing is to be learnt."""

    def blocking(self, kind: ActionKind, moment: Moment) -> Rail | None:
        """See Rails."""
        return None if moment.is_open else Rail.MARKET_CLOSED

    def is_timely(self, due_at: datetime, moment: Moment) -> bool:
        """See Rails."""
        if moment.at - moment.quote.at > self._fresh_for:
            return False
        return moment.at >= due_at + self._longest or not self._limits.is_exceeded(moment)


class AllRails(ClosedMarket):
    """These, and those that hold openings back: spread, equity and losing streak."""

    def __init__(
        self, limits: SpreadLimits, policy: DefencePolicy, book: Book, history: History
    ) -> None:
        super().__init__(limits, policy)
        self._policy = policy.rails
        self._book = book
        self._history = history
        self._memory: RailMemory | None = None

    def observe(self, moment: Moment, closed: Iterable[Trade]) -> None:
        """See Rails."""
        equity = BALANCE + self._book.money + self._book.floating(moment)
        day_start = self._history.day_start(moment.bar, int(moment.at.timestamp()))
        begun = datetime.fromtimestamp(day_start, UTC)
        seen = rails.observe(self._memory, moment.at, equity, (), begun, self._policy)
        counted = [
            trade for trade in closed if trade.closing and trade.closing.at >= seen.streak_from
        ]
        self._memory = rails.count_stops(seen, moment.at, counted, self._policy)

    def blocking(self, kind: ActionKind, moment: Moment) -> Rail | None:
        """See Rails."""
        always = super().blocking(kind, moment)
        if always is not None or kind not in OPENINGS:
            return always
        if self._limits.is_exceeded(moment):
            return Rail.SPREAD
        memory = self._memory
        return memory.holding if memory else None
