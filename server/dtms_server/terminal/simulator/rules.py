"""The rules a broker holds an order to, each with its retcode and the documentation it follows."""

import math
from typing import Final, NoReturn

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.netting import lots
from dtms_server.terminal.simulator.quotes import Quote
from dtms_server.terminal.simulator.records import TradePosition, TradeRequest
from dtms_server.terminal.simulator.symbols import FILLING_FOK, FILLING_IOC, Symbol

HEDGE_PROHIBITED: Final = 10046  # TRADE_RETCODE_HEDGE_PROHIBITED; the API's package lacks it
BUY: Final = c.ORDER_TYPE_BUY
_AT_STREAMED_PRICES: Final = (c.SYMBOL_TRADE_EXECUTION_REQUEST, c.SYMBOL_TRADE_EXECUTION_INSTANT)
_FILLINGS: Final = {c.ORDER_FILLING_FOK: FILLING_FOK, c.ORDER_FILLING_IOC: FILLING_IOC}


def whole_steps(symbol: Symbol, volume: float) -> float:
    """Return a volume without binary dust; 10014 where it is under the minimum, over the maximum
    or between two steps.

    MQL5 Reference, Symbol Properties: SYMBOL_VOLUME_MIN, _MAX, _STEP.
    """
    if not (math.isfinite(volume) and symbol.volume_min <= volume <= symbol.volume_max):
        refuse(c.TRADE_RETCODE_INVALID_VOLUME, "Invalid volume")
    if not symbol.on_step(volume):
        refuse(c.TRADE_RETCODE_INVALID_VOLUME, "Invalid volume")
    return lots(volume)


def rest(symbol: Symbol, left: float) -> None:
    """Refuse (10014) a close in part that leaves less than the minimum: nothing could close it.

    The documentation is silent; a broker that allowed it would be more lenient than this one.
    """
    if 0 < left < symbol.volume_min:
        refuse(c.TRADE_RETCODE_INVALID_VOLUME, "Invalid volume")


def limit(symbol: Symbol, volume: float) -> None:
    """Refuse (10034) more lots on one side of a symbol than it is limited to.

    MQL5 Reference, Symbol Properties: SYMBOL_VOLUME_LIMIT; 0 is no limit.
    """
    if symbol.volume_limit and lots(volume) > symbol.volume_limit:
        refuse(c.TRADE_RETCODE_LIMIT_VOLUME, "Volume limit reached")


def filling(symbol: Symbol, wanted: int) -> None:
    """Refuse (10030) a filling that the symbol is without.

    MQL5 Reference, Order Properties, ENUM_ORDER_TYPE_FILLING: request and instant execution take
    fill-or-kill whatever the mask; market and exchange execution go by SYMBOL_FILLING_MODE; a
    market order takes Return with exchange execution only.
    """
    if wanted not in fillings(symbol):
        refuse(c.TRADE_RETCODE_INVALID_FILL, "Unsupported filling mode")


def fillings(symbol: Symbol) -> tuple[int, ...]:
    """Return the ORDER_FILLING_… that a market order may have."""
    if symbol.execution in _AT_STREAMED_PRICES:
        return (c.ORDER_FILLING_FOK,)
    allowed = tuple(f for f, bit in _FILLINGS.items() if symbol.filling_mode & bit)
    if symbol.execution == c.SYMBOL_TRADE_EXECUTION_EXCHANGE:
        return (*allowed, c.ORDER_FILLING_RETURN)
    return allowed


def price(symbol: Symbol, request: TradeRequest, market: float) -> None:
    """Refuse a price that is none (10015), or one that the market has left by more than
    `deviation` points (10004 in instant execution, 10020 in request execution).

    MQL5 Reference, MqlTradeRequest and ENUM_SYMBOL_TRADE_EXECUTION: market and exchange execution
    do not look at price and deviation.
    """
    if symbol.execution not in _AT_STREAMED_PRICES:
        return
    asked = request.price
    if not (math.isfinite(asked) and asked > 0 and symbol.on_grid(asked)):
        refuse(c.TRADE_RETCODE_INVALID_PRICE, "Invalid price")
    if abs(symbol.points(asked) - symbol.points(market)) > request.deviation:
        if symbol.execution == c.SYMBOL_TRADE_EXECUTION_INSTANT:
            refuse(c.TRADE_RETCODE_REQUOTE, "Requote")
        refuse(c.TRADE_RETCODE_PRICE_CHANGED, "Price changed")


def stops(
    symbol: Symbol,
    quote: Quote,
    side: int,
    levels: tuple[float, float],
    before: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Refuse (10016) a new stop or target off the grid, on the wrong side, or nearer than the stops
    level to the price that closes a position of `side`: bid for BUY, ask for SELL.

    MQL5 Reference, SYMBOL_TRADE_STOPS_LEVEL, and "The checks a trading robot must pass before
    publication": the distance may equal the level. 0 means a floating one: the spread counts. A
    level that stays as it was `before` is not looked at.
    """
    closing = quote.bid if side == BUY else quote.ask
    nearest = symbol.stops_level or symbol.points(quote.ask) - symbol.points(quote.bid)
    for level, was, under in zip(levels, before, (side == BUY, side != BUY), strict=True):
        if not (math.isfinite(level) and level >= 0):
            refuse(c.TRADE_RETCODE_INVALID_STOPS, "Invalid stops")
        if level == was or level == 0:
            continue
        ahead = symbol.points(level) - symbol.points(closing)
        if not symbol.on_grid(level) or (-ahead if under else ahead) < max(1, nearest):
            refuse(c.TRADE_RETCODE_INVALID_STOPS, "Invalid stops")


def thawed(symbol: Symbol, quote: Quote, position: TradePosition) -> None:
    """Refuse (10029) to change or close a position whose stop or target is within the freeze level
    of the price that would trigger it.

    MQL5 Reference, SYMBOL_TRADE_FREEZE_LEVEL, and "The checks a trading robot must pass before
    publication": the distance must be more than the level; 0 freezes nothing.
    """
    closing = symbol.points(quote.bid if position.type == BUY else quote.ask)
    for level in (position.sl, position.tp):
        near = symbol.freeze_level and level
        if near and abs(symbol.points(level) - closing) <= symbol.freeze_level:
            refuse(c.TRADE_RETCODE_FROZEN, "Position frozen")


def permitted(symbol: Symbol, side: int | None) -> None:
    """Refuse what the symbol is closed to: anything (10017), or opening on `side` (None: nothing is
    opened): 10042, 10043, 10044.

    MQL5 Reference, ENUM_SYMBOL_TRADE_MODE.
    """
    match symbol.trade_mode, side:
        case c.SYMBOL_TRADE_MODE_DISABLED, _:
            refuse(c.TRADE_RETCODE_TRADE_DISABLED, "Trade disabled")
        case _, None:
            return
        case c.SYMBOL_TRADE_MODE_CLOSEONLY, _:
            refuse(c.TRADE_RETCODE_CLOSE_ONLY, "Only position closing is allowed")
        case c.SYMBOL_TRADE_MODE_LONGONLY, c.ORDER_TYPE_SELL:
            refuse(c.TRADE_RETCODE_LONG_ONLY, "Only long positions are allowed")
        case c.SYMBOL_TRADE_MODE_SHORTONLY, c.ORDER_TYPE_BUY:
            refuse(c.TRADE_RETCODE_SHORT_ONLY, "Only short positions are allowed")


def refuse(retcode: int, text: str) -> NoReturn:
    """Refuse an order with TRADE_RETCODE_…"""
    raise Refused(retcode, text)
