"""The broker's book: balance, open positions, and the history of orders and deals."""

from dataclasses import dataclass

import msgspec

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.netting import Holding, Netted, net
from dtms_server.terminal.simulator.records import TradeDeal, TradeOrder, TradePosition
from dtms_server.terminal.simulator.symbols import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An order that is being filled: `direction` is DEAL_TYPE_…, `reason` DEAL_REASON_…, `at`
    server milliseconds."""

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


class Book(msgspec.Struct):
    """All that a broker must not forget of an account. Positions are kept by ticket; what they
    are worth just now is not kept."""

    balance: float = 0.0
    next_order: int = 50_000_001
    next_deal: int = 70_000_001
    positions: dict[int, TradePosition] = msgspec.field(default_factory=dict)
    orders: list[TradeOrder] = msgspec.field(default_factory=list)
    deals: list[TradeDeal] = msgspec.field(default_factory=list)

    def deposit(self, amount: float, at: int) -> None:
        """Begin the history with a deposit."""
        self._settle(
            TradeDeal(
                time=at // 1000,
                time_msc=at,
                type=c.DEAL_TYPE_BALANCE,
                profit=amount,
                comment="Deposit",
            )
        )

    def fill(self, fill: Fill, position: TradePosition | None) -> TradeDeal:
        """Fill an order against a position (None: it opens one), and return the deal."""
        held = Holding(fill.direction, 0.0, 0.0)
        if position is not None:
            held = Holding(position.type, position.volume, position.price_open)
        netted = net(held, Holding(fill.direction, fill.volume, fill.price))
        ticket = self.next_order
        self.next_order += 1
        identifier = ticket if position is None else position.identifier
        self.orders.append(_order(fill, ticket, identifier))
        profit = 0.0
        if netted.closed:
            profit = fill.symbol.profit(held.direction, netted.closed, held.price, fill.price)
        deal = self._settle(_deal(fill, netted.entry, ticket, identifier, profit))
        self._hold(fill, netted, position, ticket)
        return deal

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
