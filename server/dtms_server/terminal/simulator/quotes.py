"""The prices that the broker shows: a market's ticks, bent from outside, on the symbol's grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

import msgspec
import numpy as np

from dtms_server.terminal.simulator.bars import (
    PIECE,
    TICK,
    Rows,
    pieces_of_bars,
    pieces_of_ticks,
    ticks_of,
)
from dtms_server.terminal.simulator.symbols import Symbol


class Market(Protocol):
    """Where bars come from: the seeded market or a replay. Times are server epochs in seconds."""

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        """The symbols that have prices, by name."""

    @property
    def period(self) -> int:
        """How many seconds each bar lasts."""

    @property
    def start(self) -> float:
        """Where a new world's clock begins."""

    @property
    def first(self) -> int:
        """When the first bar begins."""

    def bars(self, symbol: str, start: int, end: int) -> Rows:
        """Return the bars that begin from `start` up to, but not at `end`."""

    def last_bar(self, symbol: str, at: int) -> Rows:
        """Return the newest bar that begins at or before `at`; no row where there is none."""

    def is_open(self, symbol: str, at: int) -> bool:
        """Is the symbol traded at this time?"""


class Jump(msgspec.Struct, frozen=True):
    """From `at` (server epoch, milliseconds) on a symbol costs `points` more, and its ask `spread`
    points on top of that; at `at` it has a tick that shows it, if it is traded then."""

    symbol: str
    at: int
    points: int
    spread: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest tick of a symbol: time in server milliseconds, prices in its quote currency."""

    time: int
    bid: float
    ask: float


class Quotes:
    """The ticks of a market with jumps, kept in order of time; times are server epochs in
    milliseconds. `symbols` are the market's under the broker's present conditions."""

    def __init__(self, market: Market, jumps: list[Jump]) -> None:
        self.market = market
        self.symbols = dict(market.symbols)
        self.jumps = jumps
        self._bars: dict[str, tuple[int, Rows]] = {}  # the ticks of each symbol's newest bar
        self._quotes: dict[str, tuple[int, Quote]] = {}  # what was last asked, and when

    def jump(self, jump: Jump) -> None:
        """Bend a symbol's price from a moment on."""
        self.jumps.append(jump)
        self.jumps.sort(key=attrgetter("at"))
        self._forget()

    def change(self, symbol: Symbol) -> None:
        """Show a symbol under other conditions: all its prices are on its grid of ticks."""
        self.symbols[symbol.name] = symbol
        self._forget()

    def calm(self, now: int) -> None:
        """Let everything that is yet to bend happen now, so that a wide spread is over."""
        for place, jump in enumerate(self.jumps):
            if jump.at > now:
                self.jumps[place] = msgspec.structs.replace(jump, at=now)
        self._forget()

    def _forget(self) -> None:
        self._bars.clear()
        self._quotes.clear()

    def has_bar(self, symbol: str, at: int) -> bool:
        """Does a bar hold this time (server seconds)?"""
        bar = self.market.last_bar(symbol, at)
        return bool(len(bar)) and at < int(bar["time"][0]) + self.market.period

    def ticks(self, symbol: str, after: int, until: int) -> Rows:
        """Return the ticks later than `after` and not later than `until`."""
        period = self.market.period
        bars = self.market.bars(symbol, after // 1000 - period + 1, until // 1000 + 1)
        ticks = self._bent(symbol, ticks_of(bars, period))
        return ticks[(ticks["time"] > after) & (ticks["time"] <= until)]

    def reach(self, symbol: str, after: int, until: int) -> tuple[float, float]:
        """Return prices that no bid later than `after` and not later than `until` is below, and no
        ask above, quickly: as of the bars that hold this time."""
        begin = self.market.last_bar(symbol, after // 1000)
        start = int(begin["time"][0]) if len(begin) else after // 1000
        bars = self.market.bars(symbol, start, until // 1000 + 1)
        bids, spreads = self._all_offsets(symbol)
        grid, facts = self.symbols[symbol].tick_points, self.symbols[symbol]
        lowest = _down(bars["low"].min() + bids.min(), grid)
        highest = _up(
            (bars["high"] + bars["spread"].max(axis=1)).max() + (bids + spreads).max(), grid
        )
        return facts.from_points(int(lowest)), facts.from_points(int(highest))

    def last(self, symbol: str, at: int) -> Quote | None:
        """Return the newest tick not later than `at`; None before the market's first."""
        known = self._quotes.get(symbol)
        if known is not None and known[0] == at:
            return known[1]
        bar = self.market.last_bar(symbol, at // 1000)
        if not len(bar):
            return None
        ticks = self._ticks_of(symbol, bar)
        tick = ticks[np.searchsorted(ticks["time"], at, side="right") - 1]
        facts = self.symbols[symbol]
        bid, ask = facts.from_points(int(tick["bid"])), facts.from_points(int(tick["ask"]))
        quote = Quote(int(tick["time"]), bid, ask)
        self._quotes[symbol] = at, quote
        return quote

    def _ticks_of(self, symbol: str, bar: Rows) -> Rows:
        begin = int(bar["time"][0])
        known = self._bars.get(symbol)
        if known is None or known[0] != begin:
            known = begin, self._bent(symbol, ticks_of(bar, self.market.period))
            self._bars[symbol] = known
        return known[1]

    def pieces(self, symbol: str, start: int, until: int, finest: int) -> Rows:
        """Return what bars of `finest` seconds and longer are built of: what was traded from
        `start` (server seconds) up to `until` (milliseconds)."""
        period = self.market.period
        bars = self.market.bars(symbol, start, until // 1000 + 1)
        begins = bars["time"] * 1000
        whole = (begins + period * 1000 <= until) & (finest % period == 0)
        for jump in self._jumps(symbol):
            whole &= (jump.at < begins) | (jump.at >= begins + period * 1000)
        coarse = self._bent_bars(symbol, pieces_of_bars(bars[whole]))
        ticks = self._bent(symbol, ticks_of(bars[~whole], period))
        fine = pieces_of_ticks(ticks[ticks["time"] <= until])
        pieces = np.concatenate([np.empty(0, PIECE), coarse, fine])
        return pieces[np.argsort(pieces["time"], kind="stable")]

    def _jumps(self, symbol: str) -> list[Jump]:
        return [jump for jump in self.jumps if jump.symbol == symbol]

    def _offsets(self, symbol: str, times: Rows) -> tuple[Rows, Rows]:
        """Return what bid and spread are off by at each time."""
        jumps = self._jumps(symbol)
        if not jumps:
            return np.zeros(len(times), np.int64), np.zeros(len(times), np.int64)
        done = np.searchsorted([jump.at for jump in jumps], times, side="right")
        bids, spreads = self._all_offsets(symbol)
        return np.asarray(bids[done]), np.asarray(spreads[done])

    def _all_offsets(self, symbol: str) -> tuple[Rows, Rows]:
        """Return what bid and spread are off by before the first jump and after each."""
        jumps = self._jumps(symbol)
        bids = np.cumsum([0] + [jump.points for jump in jumps])
        spreads = np.cumsum([0] + [jump.spread for jump in jumps])
        return bids, spreads

    def _bent_bars(self, symbol: str, pieces: Rows) -> Rows:
        """Shift whole bars by the jumps before them."""
        bids, spreads = self._offsets(symbol, pieces["time"] * 1000)
        grid = self.symbols[symbol].tick_points
        asks = _up(pieces["open"] + bids + pieces["spread"] + spreads, grid)
        for level in ("open", "high", "low", "close"):
            pieces[level] = _down(pieces[level] + bids, grid)
        pieces["spread"] = asks - pieces["open"]
        return pieces

    def _bent(self, symbol: str, ticks: Rows) -> Rows:
        """Shift the ticks of whole bars by the jumps before them, and add those at the jumps."""
        if not len(ticks):
            return ticks
        end = self.market.last_bar(symbol, int(ticks["time"][-1]) // 1000)["time"][0]
        end = (int(end) + self.market.period) * 1000
        within = [j.at for j in self._jumps(symbol) if ticks["time"][0] <= j.at < end]
        at = np.unique([moment for moment in within if self.has_bar(symbol, moment // 1000)])
        extra = np.empty(len(at), TICK)
        if len(at):
            extra[:] = ticks[np.searchsorted(ticks["time"], at, side="right") - 1]
            extra["time"] = at
        both = np.concatenate([ticks, extra])
        both = both[np.argsort(both["time"], kind="stable")]
        bids, spreads = self._offsets(symbol, both["time"])
        grid = self.symbols[symbol].tick_points
        both["bid"] = _down(both["bid"] + bids, grid)
        both["ask"] = _up(both["ask"] + bids + spreads, grid)
        return both


def _down(points: Rows, grid: int) -> Rows:
    return np.asarray(points if grid == 1 else points // grid * grid)


def _up(points: Rows, grid: int) -> Rows:
    return np.asarray(points if grid == 1 else -(-points // grid) * grid)
