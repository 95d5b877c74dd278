"""The broker: executes requests, closes positions at their stops and targets, values them."""

import math
from dataclasses import dataclass
from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.book import Book, Fill
from dtms_server.terminal.simulator.failure import Refused, unsupported
from dtms_server.terminal.simulator.netting import lots
from dtms_server.terminal.simulator.quotes import Jump, Quote, Quotes
from dtms_server.terminal.simulator.records import OrderSendResult, TradePosition, TradeRequest
from dtms_server.terminal.simulator.symbols import Symbol
from dtms_server.terminal.simulator.triggers import Trigger, triggered

_SIDES: Final = (c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL)
_WITHOUT: Final = (
    c.TRADE_ACTION_PENDING,
    c.TRADE_ACTION_MODIFY,
    c.TRADE_ACTION_REMOVE,
    c.TRADE_ACTION_CLOSE_BY,
)
_STOPS: Final = {c.DEAL_REASON_SL: "sl", c.DEAL_REASON_TP: "tp"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the broker agreed with the account's owner."""

    login: int
    server: str
    hedging: bool
    leverage: int

    @property
    def margin_mode(self) -> int:
        """One of ACCOUNT_MARGIN_MODE_…"""
        if self.hedging:
            return c.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
        return c.ACCOUNT_MARGIN_MODE_RETAIL_NETTING


class Broker:
    """One account at a broker; `now` is the server's clock in milliseconds."""

    def __init__(self, terms: Terms, quotes: Quotes, book: Book, now: int) -> None:
        self.terms = terms
        self.quotes = quotes
        self.book = book
        self.now = now

    def advance(self, now: int) -> bool:
        """Go on to `now` through every tick before it; did anything change?"""
        if now <= self.now:  # also the hour that a clock shows twice in autumn
            return False
        held = self.book.positions.values()
        found = triggered(self.quotes, held, self.now, now) if held else []
        for trigger in found:
            self._trigger(trigger)
        self.now = now
        return bool(found)

    def jump(self, name: str, points: int) -> None:
        """Bend a symbol's price from now on; this very moment has a tick that shows it, and what
        that triggers is done on return."""
        symbol = self.symbol(name)
        quote = self.open_quote(symbol)
        if not self.quotes.has_bar(name, self.now // 1000):
            raise Refused(c.TRADE_RETCODE_PRICE_OFF, "No prices in this minute")
        if symbol.points(quote.bid) + points <= 0:
            raise Refused(c.TRADE_RETCODE_INVALID_PRICE, "The price would be nothing or less")
        self.quotes.jump(Jump(name, self.now, points))
        now, self.now = self.now, self.now - 1  # the moment is gone through once more
        self.advance(now)

    def execute(self, request: TradeRequest, reason: int) -> OrderSendResult:
        """Carry out a request at once; `reason` is DEAL_REASON_CLIENT or _EXPERT.

        Raises Refused with the retcode, Failed for an action that is not supported.
        """
        match request.action:
            case c.TRADE_ACTION_DEAL:
                return self._deal(request, reason)
            case c.TRADE_ACTION_SLTP:
                return self._protect(request)
            case action if action in _WITHOUT:
                return unsupported()
            case _:
                raise Refused(c.TRADE_RETCODE_INVALID, "Invalid request")

    def symbol(self, name: str) -> Symbol:
        """Return a symbol's facts; Refused where it is not there."""
        try:
            return self.quotes.market.symbols[name]
        except KeyError:
            raise Refused(c.TRADE_RETCODE_INVALID, f"Invalid request: no symbol {name!r}") from None

    def open_quote(self, symbol: Symbol) -> Quote:
        """Return the symbol's price to deal at; Refused while the market is closed."""
        quote = self.quotes.last(symbol.name, self.now)
        if quote is None or not self.quotes.market.is_open(symbol.name, self.now // 1000):
            raise Refused(c.TRADE_RETCODE_MARKET_CLOSED, "Market closed")
        return quote

    def positions(self) -> tuple[TradePosition, ...]:
        """Return the open positions with what they are worth now, by ticket."""
        return tuple(self.valued(position) for position in self.book.positions.values())

    def valued(self, position: TradePosition) -> TradePosition:
        """Return a position with its current price and profit."""
        quote = self.quotes.last(position.symbol, self.now)
        assert quote is not None, "a position was opened before the market's first tick"
        price = quote.bid if position.type == c.POSITION_TYPE_BUY else quote.ask
        symbol = self.quotes.market.symbols[position.symbol]
        profit = symbol.profit(position.type, position.volume, position.price_open, price)
        return position._replace(price_current=price, profit=profit)

    def margin(self, position: TradePosition) -> float:
        """Return the margin that a position binds, in the account's currency."""
        symbol = self.quotes.market.symbols[position.symbol]
        return symbol.margin(position.volume, position.price_open, self.terms.leverage)

    def _deal(self, request: TradeRequest, reason: int) -> OrderSendResult:
        symbol = self.symbol(request.symbol)
        if request.type not in _SIDES:
            raise Refused(
                c.TRADE_RETCODE_INVALID, "Invalid request: an order type of no market order"
            )
        volume = _whole_steps(symbol, request.volume)
        position = self._target(request, symbol, volume)
        quote = self.open_quote(symbol)
        levels = (0.0, 0.0)
        if position is None or position.type == request.type or volume > position.volume:
            levels = self._levels(symbol, request, quote, request.type)
        fill = Fill(
            symbol=symbol,
            direction=request.type,
            volume=volume,
            price=quote.ask if request.type == c.ORDER_TYPE_BUY else quote.bid,
            at=self.now,
            reason=reason,
            magic=request.magic,
            comment=request.comment,
            stop_loss=levels[0],
            take_profit=levels[1],
            filling=request.type_filling,
        )
        deal = self.book.fill(fill, position)
        return _done(request, quote)._replace(
            deal=deal.ticket, order=deal.order, volume=deal.volume, price=deal.price
        )

    def _target(self, request: TradeRequest, symbol: Symbol, volume: float) -> TradePosition | None:
        """Return the position that a deal changes, None where it opens one."""
        if not request.position:
            return None if self.terms.hedging else self._of_symbol(symbol.name)
        position = self._position(request)
        if self.terms.hedging and request.type == position.type:
            raise Refused(
                c.TRADE_RETCODE_INVALID, "Invalid request: the position has the same side"
            )
        if self.terms.hedging and volume > position.volume:
            raise Refused(c.TRADE_RETCODE_INVALID_CLOSE_VOLUME, "Volume exceeds the position's")
        return position

    def _position(self, request: TradeRequest) -> TradePosition:
        position = self.book.positions.get(request.position)
        if position is None:
            raise Refused(c.TRADE_RETCODE_POSITION_CLOSED, "Position doesn't exist")
        if request.symbol and request.symbol != position.symbol:
            raise Refused(
                c.TRADE_RETCODE_INVALID, "Invalid request: the position has another symbol"
            )
        return position

    def _of_symbol(self, name: str) -> TradePosition | None:
        held = (p for p in self.book.positions.values() if p.symbol == name)
        return next(held, None)

    def _protect(self, request: TradeRequest) -> OrderSendResult:
        if request.position or self.terms.hedging:
            position = self._position(request)
        else:
            position = self._of_symbol(request.symbol) or self._position(request)
        symbol = self.symbol(position.symbol)
        quote = self.open_quote(symbol)
        levels = self._levels(symbol, request, quote, position.type)
        if levels == (position.sl, position.tp):
            raise Refused(c.TRADE_RETCODE_NO_CHANGES, "No changes")
        self.book.positions[position.ticket] = position._replace(
            sl=levels[0],
            tp=levels[1],
            time_update=self.now // 1000,
            time_update_msc=self.now,
        )
        return _done(request, quote)

    def _levels(
        self, symbol: Symbol, request: TradeRequest, quote: Quote, side: int
    ) -> tuple[float, float]:
        """Return stop and target in whole points (0: none); Refused on the price's wrong side."""
        levels = []
        for level, is_stop in ((request.sl, True), (request.tp, False)):
            if not (math.isfinite(level) and level >= 0):
                raise Refused(c.TRADE_RETCODE_INVALID_STOPS, "Invalid stops")
            below = is_stop == (side == c.POSITION_TYPE_BUY)
            price = quote.bid if side == c.POSITION_TYPE_BUY else quote.ask
            rounded = round(level, symbol.digits)
            if level and (rounded >= price if below else rounded <= price):
                raise Refused(c.TRADE_RETCODE_INVALID_STOPS, "Invalid stops")
            levels.append(rounded)
        return levels[0], levels[1]

    def _trigger(self, trigger: Trigger) -> None:
        position = self.book.positions[trigger.ticket]
        symbol = self.quotes.market.symbols[position.symbol]
        kind = _STOPS[trigger.reason]
        level = position.sl if trigger.reason == c.DEAL_REASON_SL else position.tp
        fill = Fill(
            symbol=symbol,
            direction=1 - position.type,
            volume=position.volume,
            price=trigger.price,
            at=trigger.at,
            reason=trigger.reason,
            magic=position.magic,
            comment=f"[{kind} {level:.{symbol.digits}f}]",
        )
        self.book.fill(fill, position)


def _whole_steps(symbol: Symbol, volume: float) -> float:
    if math.isfinite(volume) and symbol.volume_min <= volume <= symbol.volume_max:
        steps = round(volume / symbol.volume_step)
        if abs(volume / symbol.volume_step - steps) < 1e-6:
            return lots(steps * symbol.volume_step)
    raise Refused(c.TRADE_RETCODE_INVALID_VOLUME, "Invalid volume")


def _done(request: TradeRequest, quote: Quote) -> OrderSendResult:
    return OrderSendResult(
        retcode=c.TRADE_RETCODE_DONE,
        bid=quote.bid,
        ask=quote.ask,
        comment="Request executed",
        request=request,
    )
