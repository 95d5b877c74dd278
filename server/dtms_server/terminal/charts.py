"""A symbol's charts, read from the API module: facts, bars, and the ticks of the newest bar."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dtms_server.domain.bars import Bars
from dtms_server.domain.charts import BidChanges, Charts, PriceFacts, bid_changes
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.messages import Charted, ReadCharts, Rows

M5_SECONDS: Final = 300
M15_SECONDS: Final = 900
TICKS_OF_QUOTES: Final = 1
"""COPY_TICKS_INFO: ticks that changed bid or ask."""
TRADE_DISABLED: Final = 0
"""SYMBOL_TRADE_MODE_DISABLED."""
COLUMNS: Final = ("time", "open", "high", "low", "close", "tick_volume", "spread")


class ChartReader:
    """Reads by one module's calls; `call` raises TerminalFailed for None."""

    def __init__(self, call: Callable[..., Any], server: ServerClock) -> None:
        self._call = call
        self._server = server

    def read(self, asked: ReadCharts, now: datetime) -> Charted:
        """Return the charts at `now` (UTC); the forming bars are among them."""
        symbol = asked.symbol
        self._call("symbol_select", symbol, True)
        info = self._call("symbol_info", symbol)
        quote_at = self._server.utc(self._call("symbol_info_tick", symbol).time_msc)
        fresh = now - quote_at < timedelta(seconds=asked.fresh_quote_seconds)
        m5 = self._rows(symbol, M5_SECONDS, asked.m5_bars)
        return Charted(
            symbol=symbol,
            point=float(info.point),
            digits=int(info.digits),
            server_offset_seconds=self._server.offset_seconds(now),
            market_open=fresh and info.trade_mode != TRADE_DISABLED,
            m5=pack(m5),
            m15=pack(self._rows(symbol, M15_SECONDS, asked.m15_bars)),
            bid_changes=self._bid_changes(symbol, m5[0], now),
        )

    def _rows(self, symbol: str, seconds: int, count: int) -> NDArray[np.float64]:
        # a timeframe under an hour is its minutes (ENUM_TIMEFRAMES); one more, for the forming bar
        raw = self._call("copy_rates_from_pos", symbol, seconds // 60, 0, count + 1)
        rows = np.array([raw[name].astype(np.float64) for name in COLUMNS])
        rows[0] = self._server.utc_seconds(rows[0].astype(np.int64))
        return rows

    def _bid_changes(
        self, symbol: str, opened: NDArray[np.float64], now: datetime
    ) -> BidChanges | None:
        """Count within the newest closed M5 bar; None where the terminal keeps no ticks of it."""
        closed = opened[opened <= now.timestamp() - M5_SECONDS]
        if not len(closed):
            return None
        begin = self._server.server_seconds(int(closed[-1]))
        ticks = self._call("copy_ticks_range", symbol, begin, begin + M5_SECONDS, TICKS_OF_QUOTES)
        bids = ticks["bid"][ticks["time_msc"] < (begin + M5_SECONDS) * 1000]
        return bid_changes(bids) if len(bids) else None


def pack(rows: NDArray[np.float64]) -> Rows:
    """Return columns of COLUMNS as bytes for the link."""
    return Rows(rows.shape[1], np.ascontiguousarray(rows).tobytes())


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
