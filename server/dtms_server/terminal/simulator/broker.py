"""The broker: carries out orders, closes positions at their stops and targets, values them."""

import math
from dataclasses import dataclass, replace
from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.admission import admit
from dtms_server.terminal.simulator.book import Book, Fill, Waiting
from dtms_server.terminal.simulator.conditions import Rules
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.netting import Holding, net
from dtms_server.terminal.simulator.orders import CloseBy, Deal, Order, Protect
from dtms_server.terminal.simulator.quotes import Jump, Quote, Quotes
from dtms_server.terminal.simulator.records import OrderSendResult, TradePosition, TradeRequest
from dtms_server.terminal.simulator.symbols import Symbol
from dtms_server.terminal.simulator.triggers import Trigger, triggered

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

    def __init__(self, terms: Terms, rules: Rules, quotes: Quotes, book: Book, now: int) -> None:
        self.terms = terms
        self.rules = rules
        self.quotes = quotes
        self.book = book
        self.now = now

    @property
    def hedging(self) -> bool:
        """Does each order open a position of its own?"""
        return self.terms.hedging

    def advance(self, now: int) -> bool:
        """Go on to `now` through every tick and every order that waits; did anything change?"""
        changed = False
        for waiting in sorted(self.book.waiting, key=lambda waiting: waiting.at):
            if waiting.at <= now:
                changed = True
                self._tick(waiting.at)
                self._come_true(waiting)
        return self._tick(now) or changed

    def jump(self, name: str, points: int) -> None:
        """Bend a symbol's price from now on; this very moment has a tick that shows it, and what
        that triggers is done on return."""
        symbol, quote = self._bendable(name)
        if symbol.points(quote.bid) + points <= 0:
            raise Refused(c.TRADE_RETCODE_INVALID_PRICE, "The price would be nothing or less")
        self.quotes.jump(Jump(name, self.now, points))
        self._again()

    def widen(self, name: str, points: int, until: int) -> None:
        """Let a symbol's ask be `points` higher until then (server milliseconds)."""
        self._bendable(name)
        self.quotes.jump(Jump(name, self.now, 0, points))
        self.quotes.jump(Jump(name, until, 0, -points))
        self._again()

    def calm(self) -> None:
        """End every wide spread now."""
        self.quotes.calm(self.now)
        self._again()

    def judge(self, request: TradeRequest, reason: int) -> Order:
        """Return what a request asks, changing nothing; `reason` is DEAL_REASON_CLIENT or _EXPERT.

        Raises Refused with the retcode, Failed for an action that is not supported.
        """
        return admit(self, request, reason)

    def execute(self, request: TradeRequest, reason: int) -> OrderSendResult:
        """Carry out a request at once. Raises as `judge` does."""
        return self.carry_out(self.judge(request, reason), request)

    def carry_out(self, order: Order, request: TradeRequest) -> OrderSendResult:
        """Carry out what was judged just now."""
        done = _done(request, order.quote)
        match order:
            case Deal():
                deal = self.book.fill(order.fill, order.position)
            case CloseBy():
                deal = self.book.close_by(order.fill, order.position, order.by)
            case Protect():
                self._protect(order)
                return done
        return done._replace(
            deal=deal.ticket, order=deal.order, volume=deal.volume, price=deal.price
        )

    def symbol(self, name: str) -> Symbol:
        """Return a symbol's facts; Refused where it is not there."""
        try:
            return self.quotes.symbols[name]
        except KeyError:
            raise Refused(c.TRADE_RETCODE_INVALID, f"Invalid request: no symbol {name!r}") from None

    def open_quote(self, symbol: Symbol) -> Quote:
        """Return the symbol's price to deal at; Refused while the market is closed."""
        quote = self.quotes.last(symbol.name, self.now)
        if not self.quotes.market.is_open(symbol.name, self.now // 1000):
            raise Refused(c.TRADE_RETCODE_MARKET_CLOSED, "Market closed")
        if quote is None:
            raise Refused(c.TRADE_RETCODE_PRICE_OFF, "No prices")
        return quote

    def positions(self) -> tuple[TradePosition, ...]:
        """Return the open positions with what they are worth now, by ticket."""
        return tuple(self.valued(position) for position in self.book.positions.values())

    def valued(self, position: TradePosition) -> TradePosition:
        """Return a position with its current price and profit."""
        quote = self.quotes.last(position.symbol, self.now)
        assert quote is not None, "a position was opened before the market's first tick"
        price = quote.bid if position.type == c.POSITION_TYPE_BUY else quote.ask
        symbol = self.quotes.symbols[position.symbol]
        profit = symbol.profit(position.type, position.volume, position.price_open, price)
        return position._replace(price_current=price, profit=profit)

    @property
    def profit(self) -> float:
        """What the open positions earn now, in the account's currency."""
        return round(math.fsum(position.profit for position in self.positions()), 2)

    @property
    def margin(self) -> float:
        """What the open positions bind: the plain sum, hedged or not."""
        held = self.book.positions.values()
        return round(math.fsum(self._margin(p.symbol, p.volume, p.price_open) for p in held), 2)

    @property
    def margin_free(self) -> float:
        """What is left for new positions."""
        return round(self.book.balance + self.profit - self.margin, 2)

    def margin_of(self, order: Deal) -> float:
        """Return the margin that a deal would bind on top of what is bound."""
        name, fill, held = order.symbol.name, order.fill, order.position
        dealt = Holding(fill.direction, fill.volume, fill.price)
        if held is None:
            return self._margin(name, dealt.volume, dealt.price)
        after = net(Holding(held.type, held.volume, held.price_open), dealt).holding
        bound = self._margin(name, held.volume, held.price_open)
        return round(self._margin(name, after.volume, after.price) - bound, 2)

    def _margin(self, name: str, volume: float, price: float) -> float:
        return self.quotes.symbols[name].margin(volume, price, self.terms.leverage)

    def _bendable(self, name: str) -> tuple[Symbol, Quote]:
        symbol = self.symbol(name)
        quote = self.open_quote(symbol)
        if not self.quotes.has_bar(name, self.now // 1000):
            raise Refused(c.TRADE_RETCODE_PRICE_OFF, "No prices in this minute")
        return symbol, quote

    def _again(self) -> None:
        """Go through this very moment once more: it has other ticks now."""
        now, self.now = self.now, self.now - 1
        self.advance(now)

    def _tick(self, now: int) -> bool:
        if now <= self.now:  # also the hour that a clock shows twice in autumn
            return False
        held = self.book.positions.values()
        found = triggered(self.quotes, held, self.now, now) if held else []
        for trigger in found:
            self._trigger(trigger)
        self.now = now
        return bool(found)

    def _come_true(self, waiting: Waiting) -> None:
        """Carry out an order that waited, or let it come to nothing if it may not be any more."""
        self.book.waiting.remove(waiting)
        try:
            order = self.judge(waiting.request, waiting.reason)
        except Refused:
            self.book.rejected(waiting)
            return
        if not isinstance(order, Protect):
            order = replace(order, fill=replace(order.fill, order=waiting.ticket))
        self.carry_out(order, waiting.request)

    def _protect(self, order: Protect) -> None:
        self.book.positions[order.position.ticket] = order.position._replace(
            sl=order.levels[0],
            tp=order.levels[1],
            time_update=self.now // 1000,
            time_update_msc=self.now,
        )

    def _trigger(self, trigger: Trigger) -> None:
        position = self.book.positions[trigger.ticket]
        symbol = self.quotes.symbols[position.symbol]
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


def _done(request: TradeRequest, quote: Quote) -> OrderSendResult:
    return OrderSendResult(
        retcode=c.TRADE_RETCODE_DONE,
        bid=quote.bid,
        ask=quote.ask,
        comment="Request executed",
        request=request,
    )
