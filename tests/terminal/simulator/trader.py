"""What a program does at the simulated terminal, in a line each."""

from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.facts import AccountInfo, SymbolInfo, Tick
from dtms_server.terminal.simulator.records import (
    OrderSendResult,
    TradeDeal,
    TradeOrder,
    TradePosition,
)

BUY, SELL = mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL
DONE = mt5.TRADE_RETCODE_DONE


def send(**fields: object) -> OrderSendResult:
    sent = mt5.order_send(dict(fields))
    assert sent is not None, mt5.last_error()
    return sent


def deal(**fields: object) -> OrderSendResult:
    whole = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.1, "type": BUY}
    return send(**(whole | fields))


def protect(ticket: int, sl: float = 0.0, tp: float = 0.0) -> OrderSendResult:
    return send(action=mt5.TRADE_ACTION_SLTP, symbol="EURUSD", position=ticket, sl=sl, tp=tp)


def close(ticket: int, **fields: object) -> OrderSendResult:
    held = next(p for p in control.positions() if p.ticket == ticket)
    closing = {"type": 1 - held.type, "volume": held.volume, "symbol": held.symbol}
    return deal(**({"position": ticket} | closing | fields))


def close_by(ticket: int, other: int, **fields: object) -> OrderSendResult:
    both = {"position": ticket, "position_by": other}
    return send(**({"action": mt5.TRADE_ACTION_CLOSE_BY} | both | fields))


def opened(direction: int = BUY, volume: float = 0.1, **fields: object) -> int:
    """Open a position and return its ticket."""
    sent = deal(type=direction, volume=volume, **fields)
    assert sent.retcode == DONE, sent
    return sent.order


def tick(symbol: str = "EURUSD") -> Tick:
    found = mt5.symbol_info_tick(symbol)
    assert found is not None
    return found


def facts(symbol: str = "EURUSD") -> SymbolInfo:
    found = mt5.symbol_info(symbol)
    assert found is not None
    return found


def account() -> AccountInfo:
    found = mt5.account_info()
    assert found is not None
    return found


def held() -> dict[int, TradePosition]:
    positions = mt5.positions_get()
    assert positions is not None
    return {position.ticket: position for position in positions}


def deals(ticket: int) -> tuple[TradeDeal, ...]:
    found = mt5.history_deals_get(position=ticket)
    assert found is not None
    return found


def waiting() -> tuple[TradeOrder, ...]:
    found = mt5.orders_get()
    assert found is not None
    return found


def points(price: float, by: int) -> float:
    """Return a price so many of EURUSD's points higher."""
    return round(price + by / 100_000, 5)
