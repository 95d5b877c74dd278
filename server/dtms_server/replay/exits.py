"""Trades without DTMS: they leave by their stop, target or time, and a plain rule may move the
stop."""

from enum import StrEnum
from typing import Protocol

from dtms_server.domain.trade import Direction
from dtms_server.replay.entries import Entry, profit
from dtms_server.replay.history import History
from dtms_server.replay.plan import LOTS
from dtms_server.replay.touches import Levels, first_touch, levels


class Left(StrEnum):
    """How a position was left."""

    STOP = "stop"
    TARGET = "target"
    TIME = "time"


class Rule(Protocol):
    """What moves a trade's stop; prices in points."""

    trigger: int | None
    """The price ahead that makes it act within a bar."""

    def at_trigger(self) -> int:
        """Return the stop that it wants when that price is touched."""

    def at_close(self, bar: int) -> int | None:
        """Return the stop that it wants when an M5 bar has closed; None: it wants none."""


class Twin:
    """One trade of 1.00 lot without DTMS. Its stop is only ever moved towards the price."""

    def __init__(
        self, entry: Entry, history: History, commission: float, rule: Rule | None = None
    ) -> None:
        self.entry = entry
        self._history = history
        self._commission = commission
        self._rule = rule
        self._stop = entry.stop
        self.left: Left | None = None
        self.money = 0.0

    def step(self, bar: int) -> None:
        """Live through an M5 bar."""
        begin = 0
        while self.left is None and (watched := self._watched()).within(self._history, bar):
            ticks = self._history.ticks(bar)
            at = first_touch(ticks, begin, (watched,))
            if at is None:
                break
            self._touched(int(ticks.closing(self.entry.direction)[at]))
            begin = at + 1
        if self.left is None:
            self._closed(bar)

    def _watched(self) -> Levels:
        sign, trigger = self.entry.direction.sign, self._rule.trigger if self._rule else None
        ahead = [price for price in (self.entry.target, trigger) if price is not None]
        nearest = min(ahead, key=lambda price: price * sign, default=None)
        return levels(self.entry.direction, self._stop, nearest)

    def _touched(self, price: int) -> None:
        entry, sign = self.entry, self.entry.direction.sign
        if (price - self._stop) * sign <= 0:
            self._leave(Left.STOP, price)
        elif entry.target is not None and (price - entry.target) * sign >= 0:
            self._leave(Left.TARGET, price)
        elif self._rule is not None:
            self._tighten(self._rule.at_trigger())

    def _closed(self, bar: int) -> None:
        history, entry = self._history, self.entry
        if history.closes_at[bar] >= entry.ends_at and history.is_open_after[bar]:
            self._leave(Left.TIME, history.lasts[entry.direction][bar])
        elif self._rule is not None:
            self._tighten(self._rule.at_close(bar))

    def _tighten(self, stop: int | None) -> None:
        if stop is not None:
            nearer = max if self.entry.direction is Direction.BUY else min
            self._stop = nearer(self._stop, stop)

    def _leave(self, how: Left, price: int) -> None:
        entry = self.entry
        made = profit(self._history.symbol, entry.direction, LOTS, entry.price, price)
        self.left = how
        self.money = round(made - 2 * self._commission * LOTS, 2)
