"""The seeded market: prices that depend on seed, symbol and time alone."""

import hashlib
import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dtms_server.terminal.simulator.bars import BAR, DAY, Rows
from dtms_server.terminal.simulator.symbols import Symbol

FIRST_DAY: Final = 20_031  # Monday 2024-11-04, in days since the epoch: the market's first
START: Final = 20_094 * DAY + 10 * 3600.0  # Monday 2025-01-06, 10:00 on the server's clock
_MINUTES: Final = 1440
_DAYS_KEPT: Final = 64
_PULL: Final = 0.04  # share of the way back to its typical price that a price goes in a day
_TRADING_DAYS: Final = 5  # of a week
_SMALL_GAP, _LARGE_GAP, _LARGE_GAP_ODDS = 0.15, 1.0, 1 / 8  # usual size in daily moves
_SPELLS: Final = ("calm", "trending", "reversing", "crashing")
_ODDS: Final = (0.35, 0.3, 0.25, 0.1)
_UNREST: Final = {"calm": 0.5, "trending": 0.8, "reversing": 1.0, "crashing": 1.6}

Curve = NDArray[np.float64]


class SeededMarket:
    """M1 bars from Monday to Friday by the server's clock, each day made when it is asked for.

    A day goes through spells of one to five hours: calm, trending, reversing and crashing (which
    may also shoot up). It opens where the day before closed, but on Monday: over the weekend the
    price moves by a share of a usual day's move that is mostly small, and one in eight times large.
    """

    period = 60

    def __init__(self, seed: int, symbols: Mapping[str, Symbol], min_spread: int) -> None:
        self.symbols = symbols
        self._seed = seed
        self._min_spread = min_spread
        self._opens = {name: [symbol.points(symbol.price)] for name, symbol in symbols.items()}
        self._days: dict[tuple[str, int], Rows] = {}

    @property
    def start(self) -> float:
        """The server epoch where a new world's clock begins."""
        return START

    @property
    def first(self) -> int:
        """The server epoch of the first bar."""
        return FIRST_DAY * DAY

    def bars(self, symbol: str, start: int, end: int) -> Rows:
        """Return the bars that begin from `start` up to, but not at `end` (server epochs)."""
        days = [np.empty(0, BAR)]
        for day in range(max(FIRST_DAY, start // DAY), (end - 1) // DAY + 1):
            if not _is_weekend(day):
                begin = day * DAY
                days.append(self._day(symbol, day)[_minute(start - begin) : _minute(end - begin)])
        return np.concatenate(days)

    def last_bar(self, symbol: str, at: int) -> Rows:
        """Return the newest bar that begins at or before `at`; no row before the market's first."""
        day = at // DAY
        while _is_weekend(day):
            day -= 1
        if day < FIRST_DAY:
            return np.empty(0, BAR)
        end = _minute(at + 1 - day * DAY)
        return self._day(symbol, day)[end - 1 : end]

    def is_open(self, symbol: str, at: int) -> bool:
        """Is the symbol traded at this server epoch?"""
        return at // DAY >= FIRST_DAY and not _is_weekend(at // DAY)

    def _day(self, symbol: str, day: int) -> Rows:
        opens = self._opens[symbol]
        number = _trading_day(day)
        for missing in range(len(opens) - 1, number):
            closed = int(self._make(symbol, missing, opens[missing])["close"][-1])
            opens.append(round(closed * math.exp(self._gap(symbol, missing + 1))))
        if (symbol, day) not in self._days:
            if len(self._days) >= _DAYS_KEPT * len(self.symbols):
                del self._days[next(iter(self._days))]
            self._days[symbol, day] = self._make(symbol, number, opens[number])
        return self._days[symbol, day]

    def _gap(self, name: str, number: int) -> float:
        """Return by which share a day opens above where the one before closed: weekends only."""
        if number % _TRADING_DAYS:
            return 0.0
        random = self._random(f"{name}/{number}/gap")
        usual = _LARGE_GAP if random.random() < _LARGE_GAP_ODDS else _SMALL_GAP
        return float(random.standard_normal()) * usual * self.symbols[name].daily_move

    def _random(self, of: str) -> np.random.Generator:
        key = hashlib.blake2b(f"{self._seed}/{of}".encode(), digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))

    def _make(self, name: str, number: int, opened: int) -> Rows:
        symbol = self.symbols[name]
        random = self._random(f"{name}/{number}")
        drift, unrest = _spells(random)
        minute = symbol.daily_move / math.sqrt(_MINUTES)
        home = math.log(symbol.points(symbol.price) / opened) * _PULL / _MINUTES
        moves = drift * symbol.daily_move + unrest * minute * random.standard_normal(_MINUTES)
        closes = np.rint(opened * np.exp(np.cumsum(moves + home))).astype(np.int64)

        bars = np.empty(_MINUTES, BAR)
        bars["time"] = _day_of(number) * DAY + 60 * np.arange(_MINUTES)
        bars["close"] = closes
        bars["open"] = np.append(opened, closes[:-1])
        reach = np.abs(random.standard_normal((2, _MINUTES))) * unrest * minute * 0.5 * opened
        bars["high"] = np.maximum(bars["open"], closes) + np.rint(reach[0]).astype(np.int64)
        bars["low"] = np.minimum(bars["open"], closes) - np.rint(reach[1]).astype(np.int64)
        widened = symbol.spread_points * (0.7 + 0.4 * unrest) + random.integers(0, 3, _MINUTES)
        bars["spread"] = np.maximum(self._min_spread, np.rint(widened).astype(np.int64))[:, None]
        bars["ticks"] = random.integers(4, 9, _MINUTES) + np.rint(4 * unrest).astype(np.int64)
        return bars


def _spells(random: np.random.Generator) -> tuple[Curve, Curve]:
    """Return a day's drift (shares of its usual move) and unrest, a value a minute each."""
    drift, unrest = np.zeros(_MINUTES), np.zeros(_MINUTES)
    begin = 0
    while begin < _MINUTES:
        end = min(_MINUTES, begin + int(random.integers(60, 300)))
        spell = _SPELLS[int(random.choice(len(_SPELLS), p=_ODDS))]
        strength = random.uniform(0.5, 1.0) * random.choice((-1, 1))
        drift[begin:end] = _curve(spell, end - begin) * strength
        unrest[begin:end] = _UNREST[spell]
        begin = end
    return drift, unrest


def _curve(spell: str, minutes: int) -> Curve:
    """Return the drift of a spell of full strength, in usual daily moves a minute."""
    at = np.arange(minutes) / minutes
    match spell:
        case "trending":
            return np.full(minutes, 0.9 / minutes)
        case "reversing":
            return np.where(at < 0.5, 1.4, -1.4) / minutes
        case "crashing":  # a fifth of the spell falls, the rest takes a third of it back
            falling = (at >= 0.3) & (at < 0.5)
            recovering = at >= 0.5
            return (np.where(falling, -9.0, 0.0) + np.where(recovering, 1.2, 0.0)) / minutes
        case _:
            return np.zeros(minutes)


def _minute(seconds: int) -> int:
    """Return how many of a day's bars begin before so many seconds into it."""
    return min(_MINUTES, max(0, -(-seconds // 60)))


def _is_weekend(day: int) -> bool:
    return (day + 3) % 7 >= 5  # the epoch was a Thursday


def _trading_day(day: int) -> int:
    weeks, weekday = divmod(day - FIRST_DAY, 7)
    return weeks * _TRADING_DAYS + weekday


def _day_of(number: int) -> int:
    weeks, weekday = divmod(number, _TRADING_DAYS)
    return FIRST_DAY + weeks * 7 + weekday
