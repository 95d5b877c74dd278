"""Histories to replay, from bars written as MetaTrader 5 exports them."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import markets
import numpy as np
from dtms_server.domain.bars import Bars, Integers
from dtms_server.replay.history import History, load

HEADER = "Date,Open,High,Low,Close,Tickvol,Volume,Spread"


def export(bars: Bars, path: Path) -> Path:
    """Write bars as MetaTrader 5 exports them: the last one still forms."""
    rows = [HEADER]
    for at in range(len(bars)):
        when = f"{datetime.fromtimestamp(int(bars.time[at]), UTC):%Y.%m.%d %H:%M:%S}"
        levels = (f"{each[at]:.5f}" for each in (bars.open, bars.high, bars.low, bars.close))
        rows.append(",".join((when, *levels, f"{bars.tick_volume[at]},0,{bars.spread[at]}")))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def export_pair(minutes: Bars, spreads: Integers, folder: Path) -> str:
    """Write minutes of bids, and of asks so many points above each level; return both names."""
    names = []
    for name, above in (("bid.csv", 0), ("ask.csv", spreads * markets.POINT)):
        levels = np.stack((minutes.open, minutes.high, minutes.low, minutes.close), axis=1) + above
        rows = ["timestamp,open,high,low,close"]
        for at, row in zip(minutes.time.tolist(), levels, strict=True):
            when = datetime.fromtimestamp(at, UTC)
            rows.append(",".join((when.isoformat(sep=" "), *(f"{level:.5f}" for level in row))))
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
        names.append(str(folder / name))
    return ",".join(names)


def history(bars: Bars) -> History:
    """Read bars, but for the last, as a replay does; the broker's clock shows UTC."""
    with tempfile.TemporaryDirectory() as folder:
        return load(str(export(bars, Path(folder) / "bars.csv")), "EURUSD", "+00:00")


def pair_history(seed: int, count: int = 3000) -> History:
    """Read minutes of a seeded walk whose spread changes within each of them."""
    minutes = lengthened(markets.walk(seed, count, step=8), markets.M1)
    spreads = np.sort(np.random.default_rng(seed).integers(1, 12, (count, 4)), axis=1)
    with tempfile.TemporaryDirectory() as folder:
        # the widest at the high, the narrowest at the low, as the asks of a bar must be
        source = export_pair(minutes, spreads[:, [1, 3, 0, 2]], Path(folder))
        return load(source, "EURUSD", "+00:00")


def lengthened(bars: Bars, seconds: int) -> Bars:
    """Return the same prices in bars that last so long."""
    begin = int(markets.MONDAY.timestamp())
    stretched = begin + (bars.time - begin) // bars.timeframe_seconds * seconds
    return replace(bars, timeframe_seconds=seconds, time=stretched)


def walk(seed: int, count: int = 700) -> Bars:
    """Return M5 bars of a seeded walk with a closed market of some hours in it; some have few
    ticks, and spreads change from bar to bar."""
    bars = markets.walk(seed, count)
    dice = np.random.default_rng(seed)
    closed_at = int(dice.integers(count // 2, count))
    open_ = np.r_[:closed_at, min(count, closed_at + 30) : count]
    spread = np.where(dice.random(count) < 0.1, 30, dice.integers(1, 9, count))
    ticks = np.where(dice.random(count) < 0.3, 4, bars.tick_volume)
    return replace(bars, spread=spread, tick_volume=ticks).pick(open_)
