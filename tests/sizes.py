"""Positions and markets to size for: a plain one, and random ones on random symbols, mirrored."""

from dataclasses import dataclass, replace
from typing import Final

import ledgers
from dtms_server.domain.actions import Order
from dtms_server.domain.market import Instrument, Position, Quote, TradeMode
from dtms_server.domain.sizing import Market
from dtms_server.domain.trade import Direction, Trade

BUY, SELL = Direction.BUY, Direction.SELL
EURUSD: Final = Instrument(
    symbol="EURUSD",
    point=0.00001,
    digits=5,
    tick_size=0.00001,
    tick_value=1.0,
    volume_min=0.01,
    volume_max=100.0,
    volume_step=0.01,
    stops_level=20,
    freeze_level=0,
    trade_mode=TradeMode.FULL,
    allows_close_by=True,
)
QUOTE: Final = Quote(EURUSD, bid=1.10000, ask=1.10010, at=ledgers.AT)
CALM: Final = Market(QUOTE, atr=0.00100, swing_low=1.09800, swing_high=1.10300)


def on(market: Market, **facts: object) -> Market:
    """The market with other facts of its symbol."""
    quote = market.quote
    instrument = replace(quote.instrument, **facts)  # type: ignore[arg-type]  # as given
    return replace(market, quote=replace(quote, instrument=instrument))


def at(bid: float, ask: float) -> Market:
    """The calm market at another price."""
    return replace(CALM, quote=replace(QUOTE, bid=bid, ask=ask))


def a_position(direction: Direction = BUY, **facts: object) -> Position:
    """Half a lot of EURUSD from 1.10200, stop 100 points under 1.09000, target 1.12000; a SELL is
    its mirror at 1.10000."""
    buys = direction is BUY
    plain = Position(
        ticket=71,
        identifier=70,
        symbol="EURUSD",
        direction=direction,
        volume_lots=0.5,
        entry_price=1.10200 if buys else 1.09810,
        stop_loss=1.09000 if buys else 1.11010,
        take_profit=1.12000 if buys else 1.08010,
        current_price=1.10000,
        profit=0.0,
        swap=0.0,
        magic=0,
        comment="",
        opened_at=ledgers.AT,
    )
    return replace(plain, **facts)  # type: ignore[arg-type]  # as given


def a_trade(position: Position, *, r: float | None = 0.00200, closed_lots: float = 0.0) -> Trade:
    """The trade of a position, of which so many lots were closed in its descent."""
    plain = ledgers.a_trade(position.ticket)
    terms = replace(plain.terms, entry_price=position.entry_price, r_distance=r)
    descent = replace(plain.defence.descent, closed_lots=closed_lots)
    return replace(
        plain,
        symbol=position.symbol,
        direction=position.direction,
        initial_volume_lots=round(position.volume_lots + closed_lots, 8),
        terms=terms,
        defence=replace(plain.defence, descent=descent),
    )


@dataclass(frozen=True, slots=True)
class Mirror:
    """Turns everything at a price, that of a whole tick."""

    instrument: Instrument
    ticks: int

    def price(self, price: float) -> float:
        """The price as far on the other side; a tick's is the float nearest to its decimals."""
        turned = 2 * self.ticks - price / self.instrument.tick_size
        whole = round(turned)
        if abs(turned - whole) > 1e-4:
            return turned * self.instrument.tick_size
        return round(whole * self.instrument.tick_size, self.instrument.digits)

    def level(self, price: float | None) -> float | None:
        """The same of what may not be there."""
        return None if price is None else self.price(price)

    def market(self, market: Market) -> Market:
        """Bid and ask change places, as swing low and high do."""
        quote = market.quote
        return Market(
            replace(quote, bid=self.price(quote.ask), ask=self.price(quote.bid)),
            market.atr,
            self.level(market.swing_high),
            self.level(market.swing_low),
        )

    def position(self, position: Position) -> Position:
        """The same on the other side."""
        return replace(
            position,
            direction=position.direction.opposite,
            entry_price=self.price(position.entry_price),
            current_price=self.price(position.current_price),
            stop_loss=self.level(position.stop_loss),
            take_profit=self.level(position.take_profit),
        )

    def trade(self, trade: Trade) -> Trade:
        """The same on the other side."""
        terms = trade.terms
        return replace(
            trade,
            direction=trade.direction.opposite,
            initial_stop_loss=self.level(trade.initial_stop_loss),
            terms=replace(
                terms,
                entry_price=self.price(terms.entry_price),
                stop_loss=self.level(terms.stop_loss),
                take_profit=self.level(terms.take_profit),
            ),
        )

    def order(self, order: Order) -> Order:
        """The same on the other side."""
        return replace(
            order,
            direction=order.direction.opposite,
            price=self.price(order.price),
            stop_loss=self.level(order.stop_loss),
            take_profit=self.level(order.take_profit),
        )
