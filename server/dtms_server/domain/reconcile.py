"""What the terminal's picture means for a trade: unchanged, changed, absent, or proved closed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from dtms_server.domain.actions import OUR_COMMENT
from dtms_server.domain.events import ChangeCause, TradeChanged
from dtms_server.domain.market import Deal, DealEntry, DealReason, Position, Snapshot
from dtms_server.domain.trade import CloseReason, Closing, Direction, Terms, Trade

VOLUME_EPSILON: Final = 1e-9
"""Lots below which a sum of volumes is zero: it only has to swallow binary rounding."""

MONEY_DIGITS: Final = 8
"""Decimals of a sum of money: more than any currency has, fewer than binary rounding leaves."""

REASON: Final[Mapping[DealReason, CloseReason]] = MappingProxyType(
    {
        DealReason.CLIENT: CloseReason.MANUAL,
        DealReason.MOBILE: CloseReason.MANUAL,
        DealReason.WEB: CloseReason.MANUAL,
        DealReason.EXPERT: CloseReason.PROGRAM,
        DealReason.SL: CloseReason.SL,
        DealReason.TP: CloseReason.TP,
        DealReason.STOP_OUT: CloseReason.STOP_OUT,
        DealReason.ROLLOVER: CloseReason.BROKER,
        DealReason.VARIATION_MARGIN: CloseReason.BROKER,
        DealReason.SPLIT: CloseReason.BROKER,
        DealReason.OTHER: CloseReason.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Picture:
    """The positions of one snapshot, ready to be looked up."""

    by_identifier: Mapping[int, Position]
    by_ticket: Mapping[int, Position]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Picture":
        """Index the snapshot's positions."""
        return cls(
            {position.identifier: position for position in snapshot.positions},
            {position.ticket: position for position in snapshot.positions},
        )

    def hedge_of(self, trade: Trade) -> Position | None:
        """Return the trade's hedge, by identifier."""
        hedge = trade.terms.hedge
        return None if hedge is None else self.by_identifier.get(hedge.position_id)

    def position_of(self, trade: Trade) -> Position | None:
        """Return the trade's position, by identifier, then by ticket.

        A position that now stands on the other side is not the trade's any more (a netting
        account's reversal): the trade was closed on the way.
        """
        found = self.by_identifier.get(trade.position_id)
        found = found or self.by_ticket.get(trade.terms.position_ticket)
        if found is None or found.direction is not trade.direction:
            return None
        return found


def seen(trade: Trade, position: Position | None, hedge: Position | None) -> TradeChanged | None:
    """Return what position and hedge show to have changed since the trade was last written; one
    that is None shows nothing."""
    before = trade.terms
    after = terms_now(before, position, hedge)
    if after == before:
        return None
    cause = ChangeCause.PRESENCE if before.closing_unconfirmed else ChangeCause.OUTSIDE
    return TradeChanged(cause, before, after)


def terms_now(before: Terms, position: Position | None, hedge: Position | None) -> Terms:
    """Return a trade's terms as position and hedge show them: the terminal decides these."""
    after = before
    if position is not None:
        after = replace(
            after,
            position_ticket=position.ticket,
            position_id=position.identifier,
            entry_price=position.entry_price,
            volume_lots=position.volume_lots,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            closing_unconfirmed=False,
        )
    if hedge is not None and before.hedge is not None:
        known = replace(before.hedge, ticket=hedge.ticket, volume_lots=hedge.volume_lots)
        after = replace(after, hedge=known)
    return after


def is_renamed(trade: Trade, position: Position) -> bool:
    """Does the position bear another ticket than the trade? Then it was opened again by a swap, or
    it turned, perhaps twice, and only its deals tell which."""
    return position.ticket != trade.terms.position_ticket


def closing(trade: Trade, deals: Iterable[Deal]) -> Closing | None:
    """Return how the trade's position closed, or None where its deals do not prove that it did.

    The proof is the volume: what went out (OUT, OUT_BY, the closing part of an INOUT) equals what
    came in, and that is at least what the trade was last seen with. Less went out: it is open, or
    a deal is late. More went out, or the first deal closes: the terminal is still loading its
    history. A position that turns lives on under its identifier, but the trade was a leg of it.
    """
    return _closing(_holding(trade), deals)


def hedge_closing(trade: Trade, deals: Iterable[Deal]) -> Closing | None:
    """Return how the trade's hedge closed, or None where its deals do not prove that it did."""
    hedge = trade.terms.hedge
    if hedge is None:
        return None
    side, since = trade.direction.opposite, hedge.opened_at
    holding = _Holding(hedge.position_id, hedge.ticket, side, hedge.volume_lots, since)
    return _closing(holding, deals)


@dataclass(frozen=True, slots=True)
class _Holding:
    """What is known of a position whose end is to be proved; it was there at `since`."""

    position_id: int
    ticket: int
    direction: Direction
    volume_lots: float
    since: datetime


def _holding(trade: Trade) -> _Holding:
    terms = trade.terms
    return _Holding(
        terms.position_id,
        terms.position_ticket,
        trade.direction,
        terms.volume_lots,
        trade.registered_at,
    )


def _closing(holding: _Holding, deals: Iterable[Deal]) -> Closing | None:
    own = [deal for deal in deals if deal.position_id == holding.position_id]
    leg = _leg_of(holding, _legs(own))
    if leg is None or not leg.is_closed or leg.in_lots < holding.volume_lots - VOLUME_EPSILON:
        return None
    end = leg.deals[-1]
    profit = sum(deal.profit + deal.swap + deal.commission + deal.fee for deal in leg.deals)
    return Closing(_reason(end), round(profit, MONEY_DIGITS), end.price, end.at)


def is_same_leg(trade: Trade, position: Position, deals: Iterable[Deal]) -> bool:
    """Do the deals show that a position under another ticket is still the trade's leg?"""
    legs = _legs(deal for deal in deals if deal.position_id == trade.position_id)
    leg = _leg_of(_holding(trade), legs)
    if leg is None or leg is not legs[-1]:
        return False
    return abs(leg.open_lots - position.volume_lots) <= VOLUME_EPSILON


@dataclass(slots=True)
class _Leg:
    """A stretch of a position's history on one side, from its opening to its end or its turn."""

    opened_by: Deal
    in_lots: float = 0.0
    out_lots: float = 0.0
    deals: list[Deal] = field(default_factory=list)

    @property
    def open_lots(self) -> float:
        return self.in_lots - self.out_lots

    @property
    def is_closed(self) -> bool:
        return abs(self.open_lots) <= VOLUME_EPSILON


def _legs(deals: Iterable[Deal]) -> list[_Leg]:
    """Cut a position's deals into legs; none where they begin with anything but an opening."""
    legs: list[_Leg] = []
    for deal in sorted(deals, key=lambda deal: (deal.at, deal.ticket)):
        if not legs:
            if deal.entry is not DealEntry.IN:
                return []
            legs.append(_Leg(deal))
        leg = legs[-1]
        leg.deals.append(deal)
        if deal.direction is leg.opened_by.direction:
            leg.in_lots += deal.volume_lots
        elif deal.entry is DealEntry.INOUT:
            turned = _Leg(deal, in_lots=deal.volume_lots - leg.open_lots)
            leg.out_lots = leg.in_lots
            legs.append(turned)
        else:
            leg.out_lots += deal.volume_lots
    return legs


def _leg_of(holding: _Holding, legs: list[_Leg]) -> _Leg | None:
    """Return the leg that is held: the one whose order gave the position its ticket, else (a swap
    has renamed it) the last on its side that began before it was known."""
    side = [leg for leg in legs if leg.opened_by.direction is holding.direction]
    for leg in side:
        if leg.opened_by.order == holding.ticket:
            return leg
    before = [leg for leg in side if leg.opened_by.at <= holding.since]
    return before[-1] if before else next(iter(side), None)


def is_ours(position: Position | Deal, magic: int) -> bool:
    """Tell whether DTMS's own order made it: our magic number, and an intent's id as comment."""
    return position.magic == magic and position.comment.startswith(OUR_COMMENT)


def _reason(deal: Deal) -> CloseReason:
    by_us = deal.reason is DealReason.EXPERT and deal.comment.startswith(OUR_COMMENT)
    return CloseReason.DTMS if by_us else REASON[deal.reason]
