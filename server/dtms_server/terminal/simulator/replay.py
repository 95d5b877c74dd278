"""The market of a replay: real bars from CSV files."""

import csv
import gzip
import itertools
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from dtms_server.terminal.simulator.bars import BAR, MIN_TICKS, Rows, Whole
from dtms_server.terminal.simulator.clock import ServerZone
from dtms_server.terminal.simulator.symbols import Symbol

EXPORT: Final = ["Date", "Open", "High", "Low", "Close", "Tickvol", "Volume", "Spread"]
EXPORT_BARS: Final = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
"""What the terminal's Symbols window writes by "Export Bars"."""
PAIR: Final = ["timestamp", "open", "high", "low", "close"]
_LEVELS: Final = ("open", "high", "low", "close")
_TO_ANALYSE_SECONDS: Final = 1000 * 900  # of bars before the clock begins: 1,000 of M15
_HOLE_SECONDS: Final = 600  # a longer hole between bars is a closed market


class ReplayMarket:
    """One symbol's bars, in order; the market is closed before, between (where the hole is longer
    than ten minutes) and after them."""

    def __init__(self, symbol: Symbol, bars: Rows, period: int) -> None:
        self.symbols: Mapping[str, Symbol] = {symbol.name: symbol}
        self.period = period
        self._bars = bars
        self._times: Whole = np.ascontiguousarray(bars["time"])

    @property
    def start(self) -> float:
        """The server epoch with 1,000 M15 bars before it, or a third of all where that is less."""
        count = min(_TO_ANALYSE_SECONDS // self.period, len(self._bars) // 3)
        return float(self._times[count])

    @property
    def first(self) -> int:
        """The server epoch of the first bar."""
        return int(self._times[0])

    def bars(self, symbol: str, start: int, end: int) -> Rows:
        """Return the bars that begin from `start` up to, but not at `end` (server epochs)."""
        return self._bars[slice(*np.searchsorted(self._times, (start, end)))]

    def last_bar(self, symbol: str, at: int) -> Rows:
        """Return the newest bar that begins at or before `at`; no row before the first."""
        count = int(np.searchsorted(self._times, at, side="right"))
        return self._bars[max(0, count - 1) : count]

    def is_open(self, symbol: str, at: int) -> bool:
        """Is the symbol traded at this server epoch?"""
        after = int(np.searchsorted(self._times, at, side="right"))
        if after == 0:
            return False
        ended = int(self._times[after - 1]) + self.period
        if at < ended:
            return True
        return after < len(self._times) and int(self._times[after]) - ended < _HOLE_SECONDS


def read(source: str, symbol: Symbol, zone: ServerZone, min_spread: int) -> ReplayMarket:
    """Read a replay: "FILE" as MetaTrader 5 exports it (broker's clock; commas, or the tabs of its
    "Export Bars"; the last bar, which was still forming, is left out) or "BIDFILE,ASKFILE" (UTC).
    Files may be compressed (.gz).

    Raises ValueError, naming file and line, where one cannot be read or makes no sense.
    """
    names = source.split(",")
    match names:
        case [name]:
            bars = _export(Path(name), symbol, min_spread)
        case [bid, ask]:
            bars = _pair(Path(bid), Path(ask), symbol, zone, min_spread)
        case _:
            raise ValueError(f"replay {source!r} is neither FILE nor BIDFILE,ASKFILE")
    if len(bars) < 3:
        raise ValueError(f"replay {source!r} holds {len(bars)} closed bars, fewer than 3")
    period = int(np.diff(bars["time"]).min())
    if period <= 0:
        raise ValueError(
            f"replay {source!r} is traded in the hour that the server's clock shows twice: give a "
            "fixed server offset such as +02:00"
        )
    return ReplayMarket(symbol, bars, period)


def files(source: str) -> tuple[tuple[str, int], ...]:
    """Return name and size in bytes of each file of a replay; ValueError where one is missing."""
    paths = [Path(name) for name in source.split(",")]
    try:
        return tuple((path.name, path.stat().st_size) for path in paths)
    except OSError as error:
        raise ValueError(f"replay {source} cannot be read: {error}") from error


def _export(path: Path, symbol: Symbol, min_spread: int) -> Rows:
    rows = [
        (time, *levels, (max(min_spread, int(spread)),) * 4, max(MIN_TICKS, int(ticks)))
        for time, levels, (ticks, _, spread) in list(_rows(path, EXPORT, symbol))[:-1]
    ]
    return np.array(rows, BAR)


def _pair(bid: Path, ask: Path, symbol: Symbol, zone: ServerZone, min_spread: int) -> Rows:
    bids, asks = list(_rows(bid, PAIR, symbol)), list(_rows(ask, PAIR, symbol))
    if [row[0] for row in bids] != [row[0] for row in asks]:
        raise ValueError(f"replay files {bid} and {ask} do not hold the same minutes")
    bars = np.empty(len(bids), BAR)
    bars["time"] = zone.servers(np.array([row[0] for row in bids], np.int64))
    levels = np.array([row[1] for row in bids], np.int64).reshape(-1, 4)
    for column, name in enumerate(_LEVELS):
        bars[name] = levels[:, column]
    above = np.array([row[1] for row in asks], np.int64).reshape(-1, 4) - levels
    bars["spread"] = np.clip(above, min_spread, None)
    bars["ticks"] = MIN_TICKS + np.clip((bars["high"] - bars["low"]) // 2, 0, 56)
    return bars


Row = tuple[int, tuple[int, ...], tuple[float, ...]]  # epoch as written, levels in points, the rest


def _rows(path: Path, header: list[str], symbol: Symbol) -> Iterator[Row]:
    before = 0
    for line, fields in _lines(path):
        if line == 1:
            if fields != header:
                raise ValueError(f"replay file {path} does not begin with {','.join(header)}")
            continue
        try:
            row = _row(fields, header, symbol)
        except ValueError as error:
            raise ValueError(f"replay file {path}, line {line}: {error}") from error
        if row[0] <= before:
            raise ValueError(f"replay file {path}, line {line}: not later than the line before")
        before = row[0]
        yield row


def _row(fields: list[str], header: list[str], symbol: Symbol) -> Row:
    if len(fields) != len(header):
        raise ValueError(f"{len(fields)} fields, not {len(header)}")
    at = datetime.fromisoformat(fields[0].replace(".", "-"))
    numbers = [float(field) for field in fields[1:]]
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("a number is negative or not finite")
    opened, high, low, closed = levels = tuple(symbol.points(number) for number in numbers[:4])
    if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high:
        raise ValueError("open, high, low and close contradict each other")
    return (
        int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()),
        levels,
        tuple(numbers[4:]),
    )


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if header == [EXPORT_BARS]:
                header, rows = EXPORT, csv.reader(_one_moment(file))
            yield from enumerate(itertools.chain([header], rows), start=1)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"replay file {path} cannot be read: {error}") from error


def _one_moment(lines: Iterable[str]) -> Iterator[str]:
    """Write lines with tabs, date and time apart, as those with commas are."""
    return (line.replace("\t", " ", 1).replace("\t", ",") for line in lines)
