"""The broker's book: balance, open positions, orders that wait, history of orders and deals."""

from dataclasses import replace

import msgspec

from dtms_server.terminal.options import FIRST_TICKET
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import fills
from dtms_server.terminal.simulator.fills import Fill, Waiting
from dtms_server.terminal.simulator.netting import Holding, Netted, lots, net
from dtms_server.terminal.simulator.records import (
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)


class Book(msgspec.Struct):
    """All that a broker must not forget of an account. Positions are kept by ticket; what they
    are worth just now is not kept. `rolled` is the last midnight (server milliseconds) that they
    were held over."""

    balance: float = 0.0
    next_order: int = FIRST_TICKET
    next_deal: int = 70_000_001
    positions: dict[int, TradePosition] = msgspec.field(default_factory=dict)
    orders: list[TradeOrder] = msgspec.field(default_factory=list)
    deals: list[TradeDeal] = msgspec.field(default_factory=list)
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    rolled: int = 0

    def charge(self, amount: float, at: int) -> None:
        """Take so much for something that no deal made, at a moment (server milliseconds).

        MQL5 Reference, ENUM_DEAL_TYPE: DEAL_TYPE_CHARGE, an additional charge.
        """
        charged = TradeDeal(time=at // 1000, time_msc=at, type=c.DEAL_TYPE_CHARGE)
        self._settle(charged._replace(profit=-amount, comment="Charge"))

    def deposit(self, amount: float, at: int) -> None:
        """Pay so much in at a moment (server milliseconds), or below 0 out.

        MQL5 Reference, ENUM_DEAL_TYPE: DEAL_TYPE_BALANCE; it has neither symbol nor order.
        """
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
        self.orders.append(fills.done(fill, ticket, identifier))
        deal = fills.deal(fill, netted.entry, ticket, identifier)
        if position is not None and netted.closed:
            deal, position = _closed(fill, netted.closed, deal, position)
        deal = self._settle(deal)
        self._hold(fill, netted, position, ticket)
        return deal

    def close_by(self, fill: Fill, position: TradePosition, by: TradePosition) -> TradeDeal:
        """Close two opposite positions by each other, both at the opening price of `by`; what the
        larger has more stays. Return the deal of `position`.

        MQL5 book, "Closing opposite positions"; MetaTrader 5 Help, "Close By": two deals of type
        "out by", the whole profit in one of them, as both are made at that one price. Each pays
        the swap of its own lots.
        """
        ticket = fill.order or self.ticket()
        order = fills.done(fill, ticket, position.identifier)
        self.orders.append(order._replace(type=c.ORDER_TYPE_CLOSE_BY, position_by_id=by.identifier))
        deals = []
        for held in (position, by):
            part = replace(fill, direction=1 - held.type)
            made = fills.deal(part, c.DEAL_ENTRY_OUT_BY, ticket, held.identifier)
            made, left = _closed(part, fill.volume, made, held)
            deals.append(self._settle(made))
            closed = Holding(part.direction, fill.volume, fill.price)
            netted = net(Holding(held.type, held.volume, held.price_open), closed)
            self._hold(part, netted, left, ticket)
        return deals[0]

    def accrue(self, position: TradePosition, swap: float) -> None:
        """Let a position have gathered so much more swap (USD, below 0: paid); it is settled with
        the deal that closes it."""
        gathered = round(position.swap + swap, 2) + 0.0
        self.positions[position.ticket] = position._replace(swap=gathered)

    def reopen(self, position: TradePosition, closing: Fill, price: float) -> None:
        """Close a position and open it again at `price`, under another ticket.

        MQL5 Reference, Position Properties: POSITION_TICKET changes where swap is charged by
        re-opening, POSITION_IDENTIFIER stays; ENUM_DEAL_REASON, DEAL_REASON_ROLLOVER. Nothing tells
        what such a position keeps: here its side, lots, stop, target, magic number and comment, and
        not the time of its opening.
        """
        self.fill(closing, position)
        opening = replace(
            closing,
            direction=position.type,
            price=price,
            stop_loss=position.sl,
            take_profit=position.tp,
            comment=position.comment,
        )
        ticket = self.ticket()
        self.orders.append(fills.done(opening, ticket, position.identifier))
        self._settle(fills.deal(opening, c.DEAL_ENTRY_IN, ticket, position.identifier))
        self.positions[ticket] = fills.opened(opening, ticket)._replace(
            identifier=position.identifier, reason=position.reason
        )

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
        self.orders.append(fills.order_of(waiting, c.ORDER_STATE_REJECTED, done=waiting.at))

    def ticket(self) -> int:
        """Return the next order's ticket."""
        self.next_order += 1
        return self.next_order - 1

    def _settle(self, deal: TradeDeal) -> TradeDeal:
        deal = deal._replace(ticket=self.next_deal)
        self.next_deal += 1
        self.deals.append(deal)
        self.balance = round(self.balance + deal.profit + deal.swap + deal.commission + deal.fee, 2)
        return deal

    def _hold(
        self, fill: Fill, netted: Netted, position: TradePosition | None, ticket: int
    ) -> None:
        holding = netted.holding
        if position is None:
            self.positions[ticket] = fills.opened(fill, ticket)
        elif holding.volume == 0:
            del self.positions[position.ticket]
        elif netted.entry == c.DEAL_ENTRY_INOUT:  # a turned position has a new ticket
            del self.positions[position.ticket]
            self.positions[ticket] = fills.opened(fill, ticket)._replace(
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


def _closed(
    fill: Fill, volume: float, deal: TradeDeal, position: TradePosition
) -> tuple[TradeDeal, TradePosition]:
    """Return the deal with profit and swap of the lots that it closes, and the position less that
    swap.

    MQL5 Reference, Deal Properties: DEAL_SWAP is settled on closing. Of a part closed it is that
    share, to the cent, so that all deals together have paid what was gathered.
    """
    whole = lots(position.volume - volume) == 0
    swap = position.swap if whole else round(position.swap * volume / position.volume, 2)
    profit = fill.symbol.profit(position.type, volume, position.price_open, fill.price)
    left = position._replace(swap=round(position.swap - swap, 2) + 0.0)
    return deal._replace(profit=profit, swap=swap), left
