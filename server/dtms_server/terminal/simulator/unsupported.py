"""The part of the module's API that DTMS, its demo and its tests do not use: present, and answered
with -7 once there is a connection."""

from dtms_server.terminal.simulator.arguments import integer, number
from dtms_server.terminal.simulator.checks import SYMBOL, positional
from dtms_server.terminal.simulator.facts import BookInfo
from dtms_server.terminal.simulator.failure import SUCCESS, unsupported
from dtms_server.terminal.simulator.records import OrderSendResult
from dtms_server.terminal.simulator.session import SESSION, ask


@positional(integer, SYMBOL, number, number)
def order_calc_margin(action: int, symbol: str, volume: float, price: float) -> float | None:
    """Not supported."""
    return ask("order_calc_margin", unsupported)


@positional(integer, SYMBOL, number, number, number)
def order_calc_profit(
    action: int, symbol: str, volume: float, price_open: float, price_close: float
) -> float | None:
    """Not supported."""
    return ask("order_calc_profit", unsupported)


@positional(SYMBOL)
def market_book_add(symbol: str) -> bool | None:
    """Not supported."""
    return _subscribe("market_book_add")


@positional(SYMBOL)
def market_book_get(symbol: str) -> tuple[BookInfo, ...] | None:
    """Not supported."""
    return ask("market_book_get", unsupported)


@positional(SYMBOL)
def market_book_release(symbol: str) -> bool | None:
    """Not supported."""
    return _subscribe("market_book_release")


def _subscribe(call: str) -> bool | None:
    if SESSION.initialized:
        return ask(call, unsupported)
    SESSION.error = SUCCESS  # so the real one has it: observed
    return False


def Buy(  # noqa: N802 - the API's
    symbol: str,
    volume: float,
    price: float | None = None,
    *,
    comment: str | None = None,
    ticket: int | None = None,
) -> OrderSendResult | None:
    """Not supported."""
    return ask("Buy", unsupported)


def Sell(  # noqa: N802
    symbol: str,
    volume: float,
    price: float | None = None,
    *,
    comment: str | None = None,
    ticket: int | None = None,
) -> OrderSendResult | None:
    """Not supported."""
    return ask("Sell", unsupported)


def Close(  # noqa: N802
    symbol: str, *, comment: str | None = None, ticket: int | None = None
) -> OrderSendResult | None:
    """Not supported."""
    return ask("Close", unsupported)
