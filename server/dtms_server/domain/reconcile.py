"""What the terminal's picture means for a trade: unchanged, changed, absent, or proved closed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from dtms_server.domain.events import ChangeCause, TradeChanged
from dtms_server.domain.market import Deal, DealEntry, DealReason, Position, Snapshot
from dtms_server.domain.trade import CloseReason, Closing, Terms, Trade

OUR_COMMENT: Final = "dtms-"
"""How the comment of every order of ours begins; the intent's id follows."""

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


def seen(trade: Trade, position: Position) -> TradeChanged | None:
    """Return what the position shows to have changed since the trade was last written."""
    before = trade.terms
    after = replace(terms_of(position, before), closing_unconfirmed=False)
    if after == before:
        return None
    cause = ChangeCause.PRESENCE if before.closing_unconfirmed else ChangeCause.OUTSIDE
    return TradeChanged(cause, before, after)


def terms_of(position: Position, terms: Terms) -> Terms:
    """Return `terms` with all that the terminal decides taken from the position."""
    return replace(
        terms,
        position_ticket=position.ticket,
        position_id=position.identifier,
        entry_price=position.entry_price,
        volume_lots=position.volume_lots,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
    )


def closing(trade: Trade, deals: Iterable[Deal]) -> Closing | None:
    """Return how the trade's position closed, or None where its deals do not prove that it did.

    The proof is the volume: what went out (OUT, OUT_BY, the closing part of an INOUT) equals what
    came in. Less went out: it is open, or a deal is late. More went out, or the first deal closes:
    the terminal is still loading its history. An INOUT ends the trade even though the position
    lives on, on the other side.
    """
    open_lots, profit = 0.0, 0.0
    history = sorted(
        (deal for deal in deals if deal.position_id == trade.position_id),
        key=lambda deal: (deal.at, deal.ticket),
    )
    for place, deal in enumerate(history, start=1):
        was_open = open_lots > VOLUME_EPSILON
        open_lots += deal.volume_lots if deal.direction is trade.direction else -deal.volume_lots
        profit += deal.profit + deal.swap + deal.commission + deal.fee
        if open_lots > VOLUME_EPSILON:
            continue
        turned = deal.entry is DealEntry.INOUT
        exact = place == len(history) and open_lots >= -VOLUME_EPSILON
        if was_open and (turned or exact):
            return Closing(_reason(deal), round(profit, MONEY_DIGITS), deal.price, deal.at)
        return None
    return None


def is_ours(position: Position | Deal, magic: int) -> bool:
    """Tell whether DTMS's own order made it: our magic number, and an intent's id as comment."""
    return position.magic == magic and position.comment.startswith(OUR_COMMENT)


def _reason(deal: Deal) -> CloseReason:
    by_us = deal.reason is DealReason.EXPERT and deal.comment.startswith(OUR_COMMENT)
    return CloseReason.DTMS if by_us else REASON[deal.reason]
