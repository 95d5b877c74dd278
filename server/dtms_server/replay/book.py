"""The account of one replayed trade: its positions, filled at the quote at once, and its money."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dtms_server.domain.actions import Became, Order, Verb
from dtms_server.domain.market import Position
from dtms_server.domain.trade import CloseReason, Closing, Direction
from dtms_server.replay.entries import profit
from dtms_server.replay.market import Moment
from dtms_server.replay.touches import Levels, levels
from dtms_server.terminal.simulator.symbols import Symbol

LOTS_DIGITS: Final = 8


@dataclass(slots=True)
class Holding:
    """A position: prices in points. `money` is what its closed parts made, less its commission;
    `commission` what its entry paid."""

    ticket: int
    direction: Direction
    lots: float
    entry: int
    stop: int | None
    target: int | None
    opened_at: datetime
    commission: float
    money: float

    @property
    def levels(self) -> Levels:
        """The prices that close it."""
        return levels(self.direction, self.stop, self.target)

    def struck(self, moment: Moment) -> CloseReason | None:
        """Return by what the price closes it, if it does."""
        gained = moment.closing(self.direction) * self.direction.sign
        if self.stop is not None and gained <= self.stop * self.direction.sign:
            return CloseReason.SL
        if self.target is not None and gained >= self.target * self.direction.sign:
            return CloseReason.TP
        return None


@dataclass(slots=True)
class Book:
    """Positions by ticket, and how those that are gone ended. Commission is money a lot and side;
    there is no swap."""

    symbol: Symbol
    commission: float
    held: dict[int, Holding] = field(default_factory=dict)
    ended: dict[int, Closing] = field(default_factory=dict)
    money: float = 0.0

    def open(
        self,
        direction: Direction,
        lots: float,
        moment: Moment,
        stop: int | None,
        target: int | None,
    ) -> Holding:
        """Open a position at the quote."""
        paid = self.commission * lots
        opened = Holding(
            ticket=len(self.held) + len(self.ended) + 1,
            direction=direction,
            lots=lots,
            entry=moment.closing(direction.opposite),
            stop=stop,
            target=target,
            opened_at=moment.at,
            commission=paid,
            money=-paid,
        )
        self.held[opened.ticket] = opened
        self.money -= paid
        return opened

    def close(
        self, held: Holding, lots: float, price: int, at: datetime, reason: CloseReason
    ) -> None:
        """Close a position or a part of it at a price."""
        made = profit(self.symbol, held.direction, lots, held.entry, price)
        made -= self.commission * lots
        held.money += made
        self.money += made
        held.lots = round(held.lots - lots, LOTS_DIGITS)
        if held.lots <= 0:
            del self.held[held.ticket]
            price_at = self.symbol.from_points(price)
            self.ended[held.ticket] = Closing(reason, round(held.money, 2), price_at, at)

    def floating(self, moment: Moment) -> float:
        """Return what the open positions would make if they were closed now."""
        symbol = self.symbol
        return sum(
            profit(symbol, each.direction, each.lots, each.entry, moment.closing(each.direction))
            for each in self.held.values()
        )

    def strike(self, moment: Moment) -> None:
        """Close what the quote has brought to its stop or target."""
        for held in tuple(self.held.values()):
            reason = held.struck(moment)
            if reason is not None:
                self.close(held, held.lots, moment.closing(held.direction), moment.at, reason)

    def leave(self, moment: Moment) -> None:
        """Close all that is open."""
        for held in tuple(self.held.values()):
            price = moment.closing(held.direction)
            self.close(held, held.lots, price, moment.at, CloseReason.MANUAL)

    def carry_out(self, order: Order, moment: Moment) -> tuple[Became, Holding | None]:
        """Do what an order asks for; return what became true, and the position that it opened."""
        points = self.symbol.points
        stop = None if order.stop_loss is None else points(order.stop_loss)
        target = None if order.take_profit is None else points(order.take_profit)
        if order.verb is Verb.OPEN:
            opened = self.open(order.direction, order.volume_lots, moment, stop, target)
            price = self.symbol.from_points(opened.entry)
            return Became(opened.lots, price, order.stop_loss, order.take_profit), opened
        held = self.held[order.position_ticket or 0]
        match order.verb:
            case Verb.PROTECT:
                held.stop, held.target = stop, target
                return Became(stop_loss=order.stop_loss, take_profit=order.take_profit), None
            case Verb.CLOSE:
                price_at = moment.closing(held.direction)
                self.close(held, order.volume_lots, price_at, moment.at, CloseReason.DTMS)
            case Verb.CLOSE_BY:
                by = self.held[order.by_ticket or 0]
                price_at = by.entry
                for each in (held, by):
                    self.close(each, order.volume_lots, price_at, moment.at, CloseReason.DTMS)
        return Became(order.volume_lots, self.symbol.from_points(price_at)), None

    def position(self, ticket: int, moment: Moment) -> Position | None:
        """Return a position as a terminal lists it; None where it is gone."""
        held = self.held.get(ticket)
        if held is None:
            return None
        price_of = self.symbol.from_points
        return Position(
            ticket=ticket,
            identifier=ticket,
            symbol=self.symbol.name,
            direction=held.direction,
            volume_lots=held.lots,
            entry_price=price_of(held.entry),
            stop_loss=None if held.stop is None else price_of(held.stop),
            take_profit=None if held.target is None else price_of(held.target),
            current_price=price_of(moment.closing(held.direction)),
            profit=0.0,
            swap=0.0,
            magic=0,
            comment="",
            opened_at=held.opened_at,
        )
