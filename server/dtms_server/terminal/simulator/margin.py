"""The margin that positions bind: each symbol's larger leg, and what hedged lots cost."""

import math
from collections.abc import Iterable, Sequence

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.netting import Holding, lots
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.symbols import Symbol


def bound(symbol: Symbol, positions: Iterable[TradePosition], leverage: int) -> float:
    """Return the margin in USD that a symbol's positions bind.

    MetaTrader 5 Help, "Margin Calculation: Retail Forex, Futures", hedging: the lots that one leg
    has more than the other, at the weighted price of that leg, and the hedged lots at the weighted
    price of all, each lot as SYMBOL_MARGIN_HEDGED has it (100,000 of EURUSD: a buy and a sell of
    one lot bind as much as one lot; 0: nothing). With `margin_hedged_use_leg` what the dearer leg
    binds alone. A netting account has one leg only.
    """
    legs = _legs(positions)
    bought, sold = (_whole(leg) for leg in legs)
    if not bought.volume or not sold.volume or symbol.margin_hedged_use_leg:
        return max(_margin(symbol, bought, leverage), _margin(symbol, sold, leverage))
    larger, smaller = (bought, sold) if bought.volume >= sold.volume else (sold, bought)
    over = Holding(larger.direction, lots(larger.volume - smaller.volume), larger.price)
    both = _whole([*legs[0], *legs[1]])
    share = symbol.margin_hedged / symbol.contract_size
    hedged = Holding(larger.direction, smaller.volume * share, both.price)
    return round(_margin(symbol, over, leverage) + _margin(symbol, hedged, leverage), 2)


def _legs(positions: Iterable[TradePosition]) -> tuple[list[TradePosition], list[TradePosition]]:
    legs: tuple[list[TradePosition], list[TradePosition]] = ([], [])
    for position in positions:
        legs[position.type != c.POSITION_TYPE_BUY].append(position)
    return legs


def _whole(leg: Sequence[TradePosition]) -> Holding:
    """Return a leg as if it were one position, at its price weighted by volume."""
    if not leg:
        return Holding(c.POSITION_TYPE_BUY, 0.0, 0.0)
    volume = lots(math.fsum(held.volume for held in leg))
    price = math.fsum(held.price_open * held.volume for held in leg) / volume
    return Holding(leg[0].type, volume, price)


def _margin(symbol: Symbol, held: Holding, leverage: int) -> float:
    return symbol.margin(held.volume, held.price, leverage)
