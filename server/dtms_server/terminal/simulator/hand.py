"""Somebody's hand at the broker: trades that no program made, and no fault can strike."""

from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.broker import Broker
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.records import OrderSendResult, TradePosition, TradeRequest
from dtms_server.terminal.simulator.rules import fillings

_ANY_DEVIATION: Final = 1_000_000_000  # points


def deal(
    broker: Broker, request: TradeRequest, reason: int = c.DEAL_REASON_CLIENT
) -> OrderSendResult:
    """Deal at the market's price with a filling that the symbol takes; stop and target are brought
    to its grid. Raises Refused."""
    symbol = broker.symbol(request.symbol)
    quote = broker.open_quote(symbol)
    filled = request._replace(
        action=c.TRADE_ACTION_DEAL,
        price=quote.ask if request.type == c.ORDER_TYPE_BUY else quote.bid,
        deviation=_ANY_DEVIATION,
        type_filling=(*fillings(symbol), c.ORDER_FILLING_FOK)[0],
        sl=symbol.nearest(request.sl),
        tp=symbol.nearest(request.tp),
    )
    return broker.execute(filled, reason)


def close(
    broker: Broker, position: TradePosition, volume: float, reason: int = c.DEAL_REASON_CLIENT
) -> None:
    """Close so many lots of a position. Raises Refused."""
    if volume > position.volume:
        raise Refused(c.TRADE_RETCODE_INVALID_CLOSE_VOLUME, "Volume exceeds the position's")
    request = TradeRequest(
        symbol=position.symbol,
        volume=volume,
        type=1 - position.type,
        position=position.ticket,
        magic=position.magic,
    )
    deal(broker, request, reason)


def protect(broker: Broker, position: TradePosition, stop_loss: float, take_profit: float) -> None:
    """Set a position's stop and target (0 is none), brought to the grid. Raises Refused."""
    symbol = broker.symbol(position.symbol)
    request = TradeRequest(
        action=c.TRADE_ACTION_SLTP,
        symbol=position.symbol,
        position=position.ticket,
        sl=symbol.nearest(stop_loss),
        tp=symbol.nearest(take_profit),
    )
    broker.execute(request, c.DEAL_REASON_CLIENT)
