"""The broker's book: balance, open positions, orders that wait, history of orders and deals."""

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.netting import Holding, Netted, net
from dtms_server.terminal.simulator.records import (
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
from dtms_server.terminal.simulator.symbols import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An order that is being filled: `direction` is DEAL_TYPE_…, `reason` DEAL_REASON_…, `at`
    server milliseconds, `order` its ticket (0: the next one)."""

    symbol: Symbol
    direction: int
    volume: float
    price: float
    at: int
    reason: int
    magic: int = 0
    comment: str = ""
    stop_loss: float = 0.0
    take_profit: float = 0.0
    filling: int = c.ORDER_FILLING_FOK
    order: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """A request that the broker carries out at `at` (server milliseconds), if it may be then; its
    order has had this ticket since `since`, and is listed if `shown`."""

    at: int
    since: int
    ticket: int
    request: TradeRequest
    reason: int
    shown: bool


class Book(msgspec.Struct):
    """All that a broker must not forget of an account. Positions are kept by ticket; what they
    are worth just now is not kept."""

    balance: float = 0.0
    next_order: int = 50_000_001
    next_deal: int = 70_000_001
    positions: dict[int, TradePosition] = msgspec.field(default_factory=dict)
    orders: list[TradeOrder] = msgspec.field(default_factory=list)
    deals: list[TradeDeal] = msgspec.field(default_factory=list)
    waiting: list[Waiting] = msgspec.field(default_factory=list)

    def deposit(self, amount: float, at: int) -> None:
        """Pay so much in at a moment (server milliseconds), or below 0 out."""
        self._settle(
            TradeDeal(
                time=at // 1000,
                time_msc=at,
                type=c.DEAL_TYPE_BALANCE,
                profit=amount,
                comment="Deposit" if amount >= 0 else "Withdrawal",
            )
        )

    def fill(self, fill: Fill, position: TradePosition | None) -> TradeDeal:
        """Fill an order against a position (None: it opens one), and return the deal."""
        held = Holding(fill.direction, 0.0, 0.0)
        if position is not None:
            held = Holding(position.type, position.volume, position.price_open)
        netted = net(held, Holding(fill.direction, fill.volume, fill.price))
        ticket = fill.order or self.ticket()
        identifier = ticket if position is None else position.identifier
        self.orders.append(_order(fill, ticket, identifier))
        profit = 0.0
        if netted.closed:
            profit = fill.symbol.profit(held.direction, netted.closed, held.price, fill.price)
        deal = self._settle(_deal(fill, netted.entry, ticket, identifier, profit))
        self._hold(fill, netted, position, ticket)
        return deal

    def close_by(self, fill: Fill, position: TradePosition, by: TradePosition) -> TradeDeal:
        """Close two opposite positions by each other, both at the opening price of `by`; what the
        larger has more stays. Return the deal of `position`.

        MQL5 book, "Closing opposite positions"; MetaTrader 5 Help, "Close By": two deals of type
        "out by", the whole profit in one of them, as both are made at that one price.
        """
        ticket = fill.order or self.ticket()
        order = _order(fill, ticket, position.identifier)
        self.orders.append(order._replace(type=c.ORDER_TYPE_CLOSE_BY, position_by_id=by.identifier))
        deals = []
        for held in (position, by):
            part = replace(fill, direction=1 - held.type)
            profit = fill.symbol.profit(held.type, fill.volume, held.price_open, fill.price)
            deal = _deal(part, c.DEAL_ENTRY_OUT_BY, ticket, held.identifier, profit)
            deals.append(self._settle(deal))
            closed = Holding(part.direction, fill.volume, fill.price)
            netted = net(Holding(held.type, held.volume, held.price_open), closed)
            self._hold(part, netted, held, ticket)
        return deals[0]

    def wait(
        self, request: TradeRequest, reason: int, since: int, at: int, *, shown: bool
    ) -> Waiting:
        """Keep a request to be carried out later; its order has a ticket from now on."""
        waiting = Waiting(at, since, self.ticket(), request, reason, shown)
        self.waiting.append(waiting)
        return waiting

    def rejected(self, waiting: Waiting) -> None:
        """Keep in the history that an order that waited came to nothing; new stops are none."""
        if waiting.request.action == c.TRADE_ACTION_SLTP:
            return
        self.orders.append(order_of(waiting, c.ORDER_STATE_REJECTED, done=waiting.at))

    def ticket(self) -> int:
        """Return the next order's ticket."""
        self.next_order += 1
        return self.next_order - 1

    def _settle(self, deal: TradeDeal) -> TradeDeal:
        deal = deal._replace(ticket=self.next_deal)
        self.next_deal += 1
        self.deals.append(deal)
        self.balance = round(self.balance + deal.profit + deal.commission, 2)
        return deal

    def _hold(
        self, fill: Fill, netted: Netted, position: TradePosition | None, ticket: int
    ) -> None:
        holding = netted.holding
        if position is None:
            self.positions[ticket] = _opened(fill, ticket)
        elif holding.volume == 0:
            del self.positions[position.ticket]
        elif netted.entry == c.DEAL_ENTRY_INOUT:  # a turned position has a new ticket
            del self.positions[position.ticket]
            self.positions[ticket] = _opened(fill, ticket)._replace(
                identifier=position.identifier, volume=holding.volume
            )
        else:
            self.positions[position.ticket] = position._replace(
                volume=holding.volume,
                price_open=holding.price,
                sl=fill.stop_loss or position.sl,
                tp=fill.take_profit or position.tp,
                time_update=fill.at // 1000,
                time_update_msc=fill.at,
            )


def order_of(waiting: Waiting, state: Literal[1, 5], done: int = 0) -> TradeOrder:
    """Return the order of a request that waits: ORDER_STATE_PLACED, or _REJECTED when `done`."""
    request = waiting.request
    return TradeOrder(
        ticket=waiting.ticket,
        time_setup=waiting.since // 1000,
        time_setup_msc=waiting.since,
        time_done=done // 1000,
        time_done_msc=done,
        type=request.type,
        type_filling=request.type_filling,
        state=state,
        magic=request.magic,
        position_id=request.position,
        position_by_id=request.position_by,
        reason=waiting.reason,
        volume_initial=request.volume,
        volume_current=request.volume,
        price_open=request.price,
        sl=request.sl,
        tp=request.tp,
        symbol=request.symbol,
        comment=request.comment,
    )


def _opened(fill: Fill, ticket: int) -> TradePosition:
    return TradePosition(
        ticket=ticket,
        identifier=ticket,
        time=fill.at // 1000,
        time_msc=fill.at,
        time_update=fill.at // 1000,
        time_update_msc=fill.at,
        type=fill.direction,
        magic=fill.magic,
        reason=fill.reason,
        volume=fill.volume,
        price_open=fill.price,
        sl=fill.stop_loss,
        tp=fill.take_profit,
        symbol=fill.symbol.name,
        comment=fill.comment,
    )


def _order(fill: Fill, ticket: int, identifier: int) -> TradeOrder:
    return TradeOrder(
        ticket=ticket,
        time_setup=fill.at // 1000,
        time_setup_msc=fill.at,
        time_done=fill.at // 1000,
        time_done_msc=fill.at,
        type=fill.direction,
        type_filling=fill.filling,
        state=c.ORDER_STATE_FILLED,
        magic=fill.magic,
        position_id=identifier,
        reason=fill.reason,
        volume_initial=fill.volume,
        price_open=fill.price,
        sl=fill.stop_loss,
        tp=fill.take_profit,
        price_current=fill.price,
        symbol=fill.symbol.name,
        comment=fill.comment,
    )


def _deal(fill: Fill, entry: int, order: int, identifier: int, profit: float) -> TradeDeal:
    return TradeDeal(
        order=order,
        time=fill.at // 1000,
        time_msc=fill.at,
        type=fill.direction,
        entry=entry,
        magic=fill.magic,
        position_id=identifier,
        reason=fill.reason,
        volume=fill.volume,
        price=fill.price,
        commission=-round(fill.symbol.commission * fill.volume, 2),
        profit=profit,
        symbol=fill.symbol.name,
        comment=fill.comment,
    )
