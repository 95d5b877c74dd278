"""A symbol's charts, read from the API module: facts, bars, and the ticks of the newest bar."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dtms_server.domain.bars import Bars
from dtms_server.domain.charts import BidChanges, Charts, PriceFacts, bid_changes
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.terminal.belief import moment
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.messages import Charted, ReadCharts, Rows

M5_SECONDS: Final = 300
M15_SECONDS: Final = 900
TICKS_OF_QUOTES: Final = 1
"""COPY_TICKS_INFO: ticks that changed bid or ask."""
CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""By how much a computer's clock may be ahead of its broker's."""
TRADE_DISABLED: Final = 0
"""SYMBOL_TRADE_MODE_DISABLED."""
COLUMNS: Final = ("time", "open", "high", "low", "close", "tick_volume", "spread")


class ChartReader:
    """Reads by one module's calls; `call` raises TerminalFailed for None."""

    def __init__(self, call: Callable[..., Any], server: ServerClock) -> None:
        self._call = call
        self._server = server

    def read(self, asked: ReadCharts) -> Charted:
        """Return the charts of the bars that had closed by `asked.at`."""
        symbol = asked.symbol
        self._call("symbol_select", symbol, True)
        info = self._call("symbol_info", symbol)
        tick = self._call("symbol_info_tick", symbol)
        quote_at = moment(self._server, tick.time_msc, "symbol_info_tick")
        fresh = asked.at - quote_at < timedelta(seconds=asked.fresh_quote_seconds)
        # By its own clock a computer that is ahead would take a forming bar for closed: a bar has
        # closed once a quote came after it, or none for longer than clocks differ.
        by = min(asked.at, max(quote_at, asked.at - CLOCKS_DIFFER))
        m5 = self._rows(symbol, M5_SECONDS, asked.m5_bars, by)
        return Charted(
            symbol=symbol,
            point=float(info.point),
            digits=int(info.digits),
            server_offset_seconds=self._server.offset_seconds(asked.at),
            market_open=fresh and info.trade_mode != TRADE_DISABLED,
            m5=pack(m5),
            m15=pack(self._rows(symbol, M15_SECONDS, asked.m15_bars, by)),
            bid_changes=self._bid_changes(symbol, m5[0]),
        )

    def _rows(self, symbol: str, seconds: int, count: int, by: datetime) -> NDArray[np.float64]:
        # a timeframe under an hour is its minutes (ENUM_TIMEFRAMES); more, for the forming bar and
        # one that has closed since
        raw = self._call("copy_rates_from_pos", symbol, seconds // 60, 0, count + 2)
        rows = np.array([raw[name].astype(np.float64) for name in COLUMNS])
        rows[0] = self._server.utc_seconds(rows[0].astype(np.int64))
        return rows[:, rows[0] <= by.timestamp() - seconds]

    def _bid_changes(self, symbol: str, opened: NDArray[np.float64]) -> BidChanges | None:
        """Count within the newest M5 bar; None where the terminal keeps no ticks of it."""
        if not len(opened):
            return None
        begin = self._server.server_seconds(int(opened[-1]))
        end = begin + M5_SECONDS
        ticks = self._call("copy_ticks_range", symbol, begin, end, TICKS_OF_QUOTES)
        bids = ticks["bid"][ticks["time_msc"] < end * 1000]
        return bid_changes(bids) if len(bids) else None


def pack(rows: NDArray[np.float64]) -> Rows:
    """Return columns of COLUMNS as bytes for the link."""
    return Rows(rows.shape[1], np.ascontiguousarray(rows).tobytes())


def request(symbol: str, at: datetime, policy: AnalysisPolicy) -> ReadCharts:
    """Return the question for what the policy wants of a symbol's charts, closed by `at`."""
    return ReadCharts(symbol, at, policy.m5_bars, policy.m15_bars, policy.fresh_quote_seconds)


def unpack(charted: Charted) -> Charts:
    """Return the charts that the host packed."""
    return Charts(
        symbol=charted.symbol,
        facts=PriceFacts(charted.point, charted.digits, charted.server_offset_seconds),
        m5=_bars(charted.m5, M5_SECONDS),
        m15=_bars(charted.m15, M15_SECONDS),
        bid_changes=charted.bid_changes,
        market_open=charted.market_open,
    )


def _bars(rows: Rows, seconds: int) -> Bars:
    time, open_, high, low, close, volume, spread = np.frombuffer(rows.columns).reshape(
        len(COLUMNS), rows.count
    )
    whole = np.int64
    return Bars(
        seconds,
        time.astype(whole),
        open_,
        high,
        low,
        close,
        volume.astype(whole),
        spread.astype(whole),
    )
