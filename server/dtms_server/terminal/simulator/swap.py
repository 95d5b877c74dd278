"""Swap: what a position pays or earns for being held over the end of a trading day."""

from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.symbols import Symbol

REOPENING: Final = (c.SYMBOL_SWAP_MODE_REOPEN_CURRENT, c.SYMBOL_SWAP_MODE_REOPEN_BID)
_YEAR_DAYS: Final = 360
_WEEKEND: Final = (c.DAY_OF_WEEK_SATURDAY, c.DAY_OF_WEEK_SUNDAY)


def nights(symbol: Symbol, day: int) -> int:
    """Return for how many nights swap is charged at the end of a day (since the epoch, by the
    server's clock).

    MQL5 Reference, SYMBOL_SWAP_ROLLOVER3DAYS: three on that day, which makes up for the weekend's
    two; one on the other trading days.
    """
    weekday = (day + c.DAY_OF_WEEK_THURSDAY) % 7  # the epoch was a Thursday
    if weekday in _WEEKEND:
        return 0
    return 3 if weekday == symbol.swap_rollover3days else 1


def accrued(symbol: Symbol, position: TradePosition, count: int) -> float:
    """Return the swap in USD of so many nights, for a position that has its current price.

    MQL5 Reference, ENUM_SYMBOL_SWAP_MODE: points; an amount a lot in the symbol's base currency, in
    its margin currency (the same here) or in the account's; a share in percent of the price, now or
    at the opening, for a bank's year of 360 days. Modes that open the position again charge by its
    price, not here.
    """
    rate = _rate(symbol, position) * count
    lots, price = position.volume, position.price_current
    match symbol.swap_mode:
        case c.SYMBOL_SWAP_MODE_POINTS:
            amount = symbol.usd(rate / symbol.scale * lots, price)
        case c.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL | c.SYMBOL_SWAP_MODE_CURRENCY_MARGIN:
            amount = symbol.usd(rate / symbol.contract_size * price * lots, price)
        case c.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT:
            amount = rate * lots
        case c.SYMBOL_SWAP_MODE_INTEREST_CURRENT:
            amount = symbol.usd(_interest(rate, price) * lots, price)
        case c.SYMBOL_SWAP_MODE_INTEREST_OPEN:
            amount = symbol.usd(_interest(rate, position.price_open) * lots, price)
        case _:
            amount = 0.0
    return round(amount, 2) + 0.0


def reopened(symbol: Symbol, position: TradePosition, count: int, bid: float) -> float:
    """Return the price at which a position is opened again after so many nights.

    MQL5 Reference, ENUM_SYMBOL_SWAP_MODE: SYMBOL_SWAP_MODE_REOPEN_CURRENT by the close price,
    _REOPEN_BID by the bid of the new day, plus or minus the swap's points; what is to be paid makes
    a buy dearer and a sell cheaper. On the symbol's grid.
    """
    current = symbol.swap_mode == c.SYMBOL_SWAP_MODE_REOPEN_CURRENT
    price = position.price_current if current else bid
    moved = _rate(symbol, position) * count / symbol.scale
    return symbol.nearest(price - moved if position.type == c.POSITION_TYPE_BUY else price + moved)


def _rate(symbol: Symbol, position: TradePosition) -> float:
    buy = position.type == c.POSITION_TYPE_BUY
    return symbol.swap_long if buy else symbol.swap_short


def _interest(percent: float, price: float) -> float:
    return price * percent / 100 / _YEAR_DAYS
