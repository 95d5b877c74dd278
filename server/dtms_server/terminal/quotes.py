"""A symbol's newest tick and its facts, read from the API module."""

from collections.abc import Callable
from typing import Any, Final

from dtms_server.domain.market import Instrument, Quote, TradeMode
from dtms_server.terminal.belief import finite, known, lie, moment, positive
from dtms_server.terminal.clock import ServerClock

TRADE_MODES: Final = {
    0: TradeMode.DISABLED,
    1: TradeMode.LONG_ONLY,
    2: TradeMode.SHORT_ONLY,
    3: TradeMode.CLOSE_ONLY,
    4: TradeMode.FULL,
}
"""By the module's SYMBOL_TRADE_MODE_*."""
CLOSE_BY: Final = 64
"""SYMBOL_ORDER_CLOSEBY, a bit of order_mode; the package has no name for it."""
FACTS: Final = "symbol_info"
TICK: Final = "symbol_info_tick"


class QuoteReader:
    """Reads by one module's calls; `call` raises TerminalFailed for None."""

    def __init__(self, call: Callable[..., Any], server: ServerClock) -> None:
        self._call = call
        self._server = server

    def read(self, symbol: str) -> Quote:
        """Return the symbol's quote; raises TerminalFailed where tick or facts cannot be true."""
        self._call("symbol_select", symbol, True)
        instrument = _instrument(symbol, self._call(FACTS, symbol))
        tick = self._call(TICK, symbol)
        return Quote(
            instrument=instrument,
            bid=positive(tick, "bid", TICK),
            ask=positive(tick, "ask", TICK),
            at=moment(self._server, tick.time_msc, TICK),
        )


def _instrument(symbol: str, raw: Any) -> Instrument:
    loss = finite(raw, "trade_tick_value_loss", FACTS)
    return Instrument(
        symbol=symbol,
        point=positive(raw, "point", FACTS),
        digits=_whole(raw, "digits"),
        tick_size=positive(raw, "trade_tick_size", FACTS),
        tick_value=loss if loss > 0 else positive(raw, "trade_tick_value", FACTS),
        volume_min=positive(raw, "volume_min", FACTS),
        volume_max=positive(raw, "volume_max", FACTS),
        volume_step=positive(raw, "volume_step", FACTS),
        stops_level=_whole(raw, "trade_stops_level"),
        freeze_level=_whole(raw, "trade_freeze_level"),
        trade_mode=known(TRADE_MODES, raw.trade_mode, FACTS, f"{symbol}'s trade_mode"),
        allows_close_by=bool(raw.order_mode & CLOSE_BY),
    )


def _whole(raw: Any, name: str) -> int:
    value = int(getattr(raw, name))
    if value < 0:
        raise lie(FACTS, f"{name} of {raw.name} is {value}")
    return value
