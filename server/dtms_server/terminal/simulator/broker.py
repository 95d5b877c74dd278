"""The broker: carries out orders, and lets time pass over the account."""

from dataclasses import dataclass, replace

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.admission import admit
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.conditions import Rules
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.fills import Waiting
from dtms_server.terminal.simulator.netting import Holding, net
from dtms_server.terminal.simulator.orders import CloseBy, Deal, Order, Protect
from dtms_server.terminal.simulator.passing import DAY_MS, pass_time
from dtms_server.terminal.simulator.portfolio import Portfolio
from dtms_server.terminal.simulator.quotes import Jump, Quote, Quotes
from dtms_server.terminal.simulator.records import OrderSendResult, TradePosition, TradeRequest
from dtms_server.terminal.simulator.symbols import Symbol


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
        book.rolled = book.rolled or now // DAY_MS * DAY_MS  # it begins with no night behind it
        self.portfolio = Portfolio(book, quotes, terms.leverage)

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
        return self.portfolio.positions(self.now)

    def valued(self, position: TradePosition) -> TradePosition:
        """Return a position with its current price and profit."""
        return self.portfolio.valued(position, self.now)

    @property
    def profit(self) -> float:
        """What the open positions earn now, with swap, in the account's currency."""
        return self.portfolio.profit(self.now)

    @property
    def equity(self) -> float:
        """What the account is worth now."""
        return self.portfolio.equity(self.now)

    @property
    def margin(self) -> float:
        """What the open positions bind."""
        return self.portfolio.margin

    @property
    def margin_free(self) -> float:
        """What is left for new positions."""
        return round(self.equity - self.margin, 2)

    def margin_of(self, order: Deal) -> float:
        """Return the margin that a deal would bind on top of what is bound; below 0 where it frees
        some."""
        fill, held = order.fill, order.position
        dealt = Holding(fill.direction, fill.volume, fill.price)
        if held is not None:
            dealt = net(Holding(held.type, held.volume, held.price_open), dealt).holding
        after = [other for other in self.book.positions.values() if other is not held]
        if dealt.volume:
            after.append(
                TradePosition(
                    symbol=fill.symbol.name,
                    type=dealt.direction,
                    volume=dealt.volume,
                    price_open=dealt.price,
                )
            )
        return round(self.portfolio.margin_of(after) - self.margin, 2)

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
        return pass_time(self, now)

    def _come_true(self, waiting: Waiting) -> None:
        """Carry out an order that waited, or let it come to nothing if it may not be any more."""
        self.book.waiting.remove(waiting)
        try:
            order = self.judge(waiting.request, waiting.reason)
        except Refused:
            self.book.rejected(waiting)
            return
        if not isinstance(order, Protect):
            fill = replace(order.fill, order=waiting.ticket, since=waiting.since)
            order = replace(order, fill=fill)
        self.carry_out(order, waiting.request)

    def _protect(self, order: Protect) -> None:
        self.book.positions[order.position.ticket] = order.position._replace(
            sl=order.levels[0],
            tp=order.levels[1],
            time_update=self.now // 1000,
            time_update_msc=self.now,
        )


def _done(request: TradeRequest, quote: Quote) -> OrderSendResult:
    return OrderSendResult(
        retcode=c.TRADE_RETCODE_DONE,
        bid=quote.bid,
        ask=quote.ask,
        comment="Request executed",
        request=request,
    )
