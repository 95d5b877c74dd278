"""A symbol's history: real bars from files, the quotes inside them, and the M5 and M15 bars that
they make."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from dtms_server.domain.bars import Bars, Integers
from dtms_server.domain.charts import PriceFacts
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.domain.trade import Direction
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import replay, symbols
from dtms_server.terminal.simulator.bars import (
    PIECE,
    Rows,
    build,
    pieces_of_bars,
    pieces_of_ticks,
    starts,
    ticks_of,
)
from dtms_server.terminal.simulator.clock import ServerZone
from dtms_server.terminal.simulator.symbols import Symbol

BUY, SELL = Direction.BUY, Direction.SELL
M5_SECONDS: Final = 300
M15_SECONDS: Final = 900
HOLE_SECONDS: Final = 600
"""Without a bar for longer the market is closed, as the simulated terminal has it."""
_PAGE: Final = 200  # bars whose ticks are made at once: all of a year's would fill the memory


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """How far bid and ask went within each M5 bar, where they ended, and how near they came to each
    other, in points; and how many milliseconds before the bar's end the last quote came."""

    bid_low: Integers
    bid_high: Integers
    ask_low: Integers
    ask_high: Integers
    last_bid: Integers
    last_ask: Integers
    least_spread: Integers
    last_age: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """Quotes in order: UTC epochs in milliseconds, prices in points."""

    at: Integers
    bid: Integers
    ask: Integers

    def closing(self, direction: Direction) -> Integers:
        """Return the prices that a position on that side closes at."""
        return self.bid if direction is BUY else self.ask


@dataclass(frozen=True, eq=False)
class History:
    """All M5 bars of a symbol, in UTC; `server_ahead` is by how many seconds the broker's clock
    runs ahead of UTC at each. M5 and M15 bars are made where they are no sums of the files' own,
    tick volumes where the files hold none."""

    symbol: Symbol
    m5: Bars
    m15: Bars
    reach: Reach
    server_ahead: Integers
    is_m5_made: bool
    is_m15_made: bool
    is_volume_made: bool
    market: replay.ReplayMarket
    _ticks: dict[int, Ticks] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.m5)

    @cached_property
    def lows(self) -> dict[Direction, list[int]]:
        """The lowest price within each M5 bar, in points, at which a side's position closed."""
        return {BUY: self.reach.bid_low.tolist(), SELL: self.reach.ask_low.tolist()}

    @cached_property
    def highs(self) -> dict[Direction, list[int]]:
        """The highest such price."""
        return {BUY: self.reach.bid_high.tolist(), SELL: self.reach.ask_high.tolist()}

    @cached_property
    def lasts(self) -> dict[Direction, list[int]]:
        """The last such price."""
        return {BUY: self.reach.last_bid.tolist(), SELL: self.reach.last_ask.tolist()}

    @cached_property
    def closes_at(self) -> list[int]:
        """When each M5 bar ends, in UTC epoch seconds."""
        ends: list[int] = (self.m5.time + M5_SECONDS).tolist()
        return ends

    @cached_property
    def m15_closed(self) -> list[int]:
        """How many M15 bars have ended when each M5 bar ends."""
        begun_by = self.m5.time + (M5_SECONDS - M15_SECONDS)
        counts: list[int] = np.searchsorted(self.m15.time, begun_by, side="right").tolist()
        return counts

    @cached_property
    def is_open_after(self) -> list[bool]:
        """Is the market open when each M5 bar ends? After the last one nothing says otherwise."""
        holes = np.diff(self.m5.time) - M5_SECONDS
        return [*(holes < HOLE_SECONDS).tolist(), True]

    def day_start(self, bar: int, at: int) -> int:
        """Return when the broker's day began that holds a moment of an M5 bar; UTC epochs."""
        return self.facts(bar).day_start(at)

    def facts(self, bar: int) -> PriceFacts:
        """Return how prices are written, and the server's clock at an M5 bar."""
        return PriceFacts(1 / self.symbol.scale, self.symbol.digits, int(self.server_ahead[bar]))

    def ticks(self, bar: int) -> Ticks:
        """Return the quotes within an M5 bar."""
        if bar in self._ticks:
            return self._ticks[bar]
        ahead = int(self.server_ahead[bar])
        begin = int(self.m5.time[bar]) + ahead
        period = self.market.period
        rows = self.market.bars(self.symbol.name, begin - period + 1, begin + M5_SECONDS)
        ticks = ticks_of(rows, period)
        within = ticks["time"] // 1000 // M5_SECONDS == begin // M5_SECONDS
        found = ticks[within]
        made = Ticks(found["time"] - ahead * 1000, found["bid"], found["ask"])
        self._ticks.clear()  # all trades look at one bar before any looks at the next
        self._ticks[bar] = made
        return made


def load(source: str, symbol: str, server_offset: str, min_spread: int = 1) -> History:
    """Read "FILE" as MetaTrader 5 exports it, or "BIDFILE,ASKFILE" of minutes in UTC.

    `min_spread` is in points. Raises ConfigurationInvalid that names what is wrong, and what would
    be right.
    """
    if min_spread < 1:
        raise ConfigurationInvalid(reason=f"--min-spread {min_spread} is not at least 1 point")
    if "," in symbol:
        raise ConfigurationInvalid(reason=f"--symbol {symbol!r} is more than one symbol")
    try:
        known = symbols.facts(symbol)
        zone, clock = ServerZone.parse(server_offset), ServerClock(server_offset)
        market = replay.read(source, known, zone, min_spread)
    except ValueError as error:
        raise ConfigurationInvalid(reason=str(error)) from error
    if market.period > M15_SECONDS:
        raise ConfigurationInvalid(
            reason=f"replay {source!r} holds bars of {market.period // 60} minutes: export bars of "
            "15 minutes or shorter, since M15 and M5 bars are made of them"
        )
    return _history(known, market, clock, is_pair="," in source)


def _history(
    symbol: Symbol, market: replay.ReplayMarket, clock: ServerClock, *, is_pair: bool
) -> History:
    pieces, reach = _within(market, symbol.name)
    m5 = build(pieces, c.TIMEFRAME_M5)
    m15 = build(m5, c.TIMEFRAME_M15)
    begins = clock.utc_seconds(m5["time"])
    return History(
        symbol=symbol,
        m5=_bars(m5, begins, M5_SECONDS, symbol),
        m15=_bars(m15, clock.utc_seconds(m15["time"]), M15_SECONDS, symbol),
        reach=reach,
        server_ahead=m5["time"] - begins,
        is_m5_made=M5_SECONDS % market.period != 0,
        is_m15_made=M15_SECONDS % market.period != 0,
        is_volume_made=is_pair,
        market=market,
    )


def _within(market: replay.ReplayMarket, name: str) -> tuple[Rows, Reach]:
    """Return what the M5 bars are built of, and how far the quotes went in each of them."""
    rows = market.bars(name, market.first, 2**62)
    pieces, reaches = [], []
    for page in _pages(rows):
        ticks = ticks_of(page, market.period)
        is_whole = M5_SECONDS % market.period == 0
        pieces.append(pieces_of_bars(page) if is_whole else build(pieces_of_ticks(ticks), 5))
        reaches.append(_reach(ticks))
    return np.concatenate([np.empty(0, PIECE), *pieces]), Reach(*np.concatenate(reaches, axis=1))


def _pages(rows: Rows) -> list[Rows]:
    """Cut bars into pages that no M5 bar spans."""
    m5 = starts(rows["time"], c.TIMEFRAME_M5)
    firsts = np.flatnonzero(np.diff(m5, prepend=m5[0] - 1))
    return np.split(rows, firsts[_PAGE::_PAGE])


def _reach(ticks: Rows) -> Integers:
    """Return the columns of Reach."""
    m5 = starts(ticks["time"] // 1000, c.TIMEFRAME_M5)
    first = np.flatnonzero(np.diff(m5, prepend=m5[0] - 1))
    last = np.append(first[1:], len(ticks)) - 1
    bid, ask = ticks["bid"], ticks["ask"]
    return np.stack(
        (
            np.minimum.reduceat(bid, first),
            np.maximum.reduceat(bid, first),
            np.minimum.reduceat(ask, first),
            np.maximum.reduceat(ask, first),
            bid[last],
            ask[last],
            np.minimum.reduceat(ask - bid, first),
            (m5[last] + M5_SECONDS) * 1000 - ticks["time"][last],
        )
    )


def _bars(rows: Rows, begins: Integers, seconds: int, symbol: Symbol) -> Bars:
    open_, high, low, close = (rows[level] / symbol.scale for level in _LEVELS)
    return Bars(seconds, begins, open_, high, low, close, rows["ticks"], rows["spread"])


_LEVELS: Final = ("open", "high", "low", "close")
