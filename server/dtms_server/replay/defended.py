"""A replayed trade with DTMS: what happens to it bar by bar, and at the prices within them that
touch a stop, a target or a trigger of the defence, or find one of its timers run out."""

from math import ceil
from typing import Final

import numpy as np

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Trade
from dtms_server.replay.book import Book
from dtms_server.replay.entries import Entry
from dtms_server.replay.guarded import Guarded
from dtms_server.replay.history import History, Ticks
from dtms_server.replay.market import Moment, Moments
from dtms_server.replay.plan import LOTS
from dtms_server.replay.readings import Reading
from dtms_server.replay.touches import Levels, first_touch, levels

_DUST: Final = 1e-6  # points that binary fractions leave


class Defended:
    """The trade of an entry, from its opening on."""

    def __init__(
        self,
        entry: Entry,
        history: History,
        moments: Moments,
        book: Book,
        guarded: Guarded,
        policy: Policy,
    ) -> None:
        self.entry = entry
        self._history = history
        self._moments = moments
        self._book = book
        self._guarded = guarded
        self._states = policy.defence.states
        self._watched: list[Levels] = []
        self._due: list[float] = []  # when timers run out, in UTC epoch seconds

    @property
    def is_over(self) -> bool:
        """Is nothing of it open any more?"""
        return not self._book.held

    @property
    def money(self) -> float:
        """What all of it made, its hedges and what was added again too."""
        return round(self._book.money, 2)

    def begin(self, moment: Moment) -> None:
        """Open it and put it under guard."""
        entry = self.entry
        opened = self._book.open(entry.direction, LOTS, moment, entry.stop, entry.target)
        self._guarded.arm(opened, moment)
        self._live(moment)

    def step(self, bar: int, before: Reading | None, moment: Moment) -> None:
        """Live through an M5 bar to its end at `moment`; within it what the bar before told,
        `before`, is what is known."""
        begin = 0
        while not self.is_over and (at := self._next(bar, begin, before)) is not None:
            self._live(self._moments.within(bar, at, before))
            begin = at + 1
        if self.is_over:
            return
        if self._history.closes_at[bar] >= self.entry.ends_at and moment.is_open:
            self._book.leave(moment)
            self._guarded.see_all(moment)
        else:
            self._live(moment)

    def _live(self, moment: Moment) -> None:
        self._book.strike(moment)
        self._guarded.live(moment)
        held = [held.levels for held in self._book.held.values()]
        fresh = [self._grace(trade) for trade in self._guarded.in_grace(moment.at)]
        self._watched = [*held, *fresh]
        self._due = [at.timestamp() for at in self._guarded.timers(moment)]

    def _next(self, bar: int, begin: int, before: Reading | None) -> int | None:
        """Return the tick of a bar, from `begin` on, at which something happens next: a price or a
        timer that makes a difference. At all others nothing would be decided."""
        history = self._history
        if begin == 0 and bar > 0 and not history.is_open_after[bar - 1]:
            return 0  # something may have waited for the market to open
        watched = [each for each in self._watched if each.within(history, bar)]
        waits = [trade for trade in self._guarded.waits_for_break_even() if self._may(trade, bar)]
        due = [at for at in self._due if at < history.closes_at[bar]] if _is_known(before) else []
        if not (watched or waits or due):
            return None
        ticks = history.ticks(bar)
        found = [self._break_even(trade, bar, begin, before) for trade in waits]
        late = [_first_from(ticks, begin, at) for at in due]
        touched = (first_touch(ticks, begin, watched), *found, *late)
        return min((at for at in touched if at is not None), default=None)

    def _grace(self, trade: Trade) -> Levels:
        """Return the prices that end a trade's grace."""
        r_points = (trade.terms.r_distance or 0.0) * self._history.symbol.scale
        entry, sign = self._book.held[trade.position_id].entry, trade.direction.sign
        behind = ceil(self._states.grace_loss_r * r_points - _DUST)
        ahead = ceil(self._states.grace_gain_r * r_points - _DUST)
        return levels(trade.direction, entry - sign * behind, entry + sign * ahead)

    def _may(self, trade: Trade, bar: int) -> bool:
        """Can the stop go to break-even within a bar? Not unless it could at the best price of the
        bar with its narrowest spread."""
        history, direction = self._history, trade.direction
        spread = int(history.reach.least_spread[bar])
        if direction.sign > 0:
            bid = history.highs[direction][bar]
        else:
            bid = history.lows[direction][bar] - spread
        best = self._moments.supposed(bar, bid, bid + spread)
        return isinstance(self._guarded.sized(trade.ticket, ActionKind.BREAK_EVEN, best), Order)

    def _break_even(self, trade: Trade, bar: int, begin: int, before: Reading | None) -> int | None:
        """Return the first tick at which the stop can go to break-even."""
        ticks, tried = self._history.ticks(bar), list[tuple[int, int]]()
        gains = ticks.closing(trade.direction)[begin:] * trade.direction.sign
        spreads = (ticks.ask - ticks.bid)[begin:]
        pairs = zip(gains.tolist(), spreads.tolist(), strict=True)
        for at, (gain, spread) in enumerate(pairs, begin):
            if any(gain <= better and spread >= narrower for better, narrower in tried):
                continue  # one that was no worse was in vain
            tried.append((gain, spread))
            moment = self._moments.within(bar, at, before)
            sized = self._guarded.sized(trade.ticket, ActionKind.BREAK_EVEN, moment)
            if isinstance(sized, Order):
                return at
        return None


def _is_known(reading: Reading | None) -> bool:
    return reading is not None and reading.analysis is not None


def _first_from(ticks: Ticks, begin: int, at: float) -> int | None:
    """Return the first tick, from `begin` on, not before a UTC epoch in seconds."""
    found = max(begin, int(np.searchsorted(ticks.at, at * 1000)))
    return found if found < len(ticks.at) else None
