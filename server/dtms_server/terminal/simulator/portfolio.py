"""What an account is worth: its positions, equity and margin at any moment."""

import math
from collections.abc import Iterable

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import margin
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.records import TradePosition


class Portfolio:
    """The book valued at the market's prices; times in server milliseconds, money in USD."""

    def __init__(self, book: Book, quotes: Quotes, leverage: int) -> None:
        self.book = book
        self.quotes = quotes
        self._leverage = leverage

    def positions(self, at: int) -> tuple[TradePosition, ...]:
        """Return the open positions with what they are worth, by ticket."""
        return tuple(self.valued(position, at) for position in self.book.positions.values())

    def valued(self, position: TradePosition, at: int) -> TradePosition:
        """Return a position with its price and profit at a moment."""
        quote = self.quotes.last(position.symbol, at)
        assert quote is not None, "a position was opened before the market's first tick"
        price = quote.bid if position.type == c.POSITION_TYPE_BUY else quote.ask
        symbol = self.quotes.symbols[position.symbol]
        profit = symbol.profit(position.type, position.volume, position.price_open, price)
        return position._replace(price_current=price, profit=profit)

    def profit(self, at: int) -> float:
        """Return what the open positions earn, with the swap that they have gathered.

        MQL5 Reference, ENUM_ACCOUNT_INFO_DOUBLE: equity is the balance and this (there is no
        credit here); swap is paid with the closing deal, and so part of what floats until then.
        """
        return round(math.fsum(worth(held) for held in self.positions(at)), 2)

    def equity(self, at: int) -> float:
        """Return the balance with what the positions earn."""
        return round(self.book.balance + self.profit(at), 2)

    @property
    def margin(self) -> float:
        """What the open positions bind; it follows their opening prices, not the market."""
        return self.margin_of(self.book.positions.values())

    def margin_of(self, positions: Iterable[TradePosition]) -> float:
        """Return what these positions would bind."""
        by_symbol: dict[str, list[TradePosition]] = {}
        for position in positions:
            by_symbol.setdefault(position.symbol, []).append(position)
        symbols = self.quotes.symbols
        return round(
            math.fsum(
                margin.bound(symbols[name], held, self._leverage)
                for name, held in by_symbol.items()
            ),
            2,
        )


def worth(position: TradePosition) -> float:
    """Return what a position that was valued would bring: its profit and swap."""
    return position.profit + position.swap


def margin_level(equity: float, margin: float) -> float:
    """Return the margin level in percent: MQL5 Reference, ACCOUNT_MARGIN_LEVEL; 0 where no margin
    is bound, as the terminal has it."""
    return equity / margin * 100 if margin else 0.0
