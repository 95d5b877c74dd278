"""What the terminal's picture tells of a trade's hedge, and which positions and deals are ours."""

from dataclasses import replace
from datetime import timedelta

import pytest
from dtms_server.domain import reconcile
from dtms_server.domain.actions import OUR_COMMENT
from dtms_server.domain.events import ChangeCause
from dtms_server.domain.market import Deal, DealEntry, DealReason, Position, Snapshot
from dtms_server.domain.reconcile import Picture
from dtms_server.domain.trade import CloseReason, Direction, State
from situations import ACCOUNT, AT, HEDGE, HOUR, a_hedge, a_trade, with_terms
from sizes import BUY, SELL, a_position

MAGIC = 20_260_302
MEANINGS = {
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
"""What a deal's reason makes of the close, as the README names it."""


def a_snapshot(*positions: Position) -> Snapshot:
    return Snapshot(AT, 1.0, "a terminal", True, True, ACCOUNT, positions)


def a_deal(
    entry: DealEntry,
    direction: Direction,
    lots: float,
    *,
    after: timedelta = timedelta(0),
    reason: DealReason = DealReason.CLIENT,
    **facts: object,
) -> Deal:
    """A deal of the usual hedge, so long after it was opened."""
    usual = Deal(
        ticket=200 + int(after.total_seconds()),
        order=HEDGE.ticket + int(after.total_seconds()),
        position_id=HEDGE.position_id,
        symbol="EURUSD",
        entry=entry,
        reason=reason,
        direction=direction,
        volume_lots=lots,
        price=1.1,
        profit=4.0,
        swap=-0.5,
        commission=-1.0,
        fee=-0.25,
        magic=0,
        comment="",
        at=HEDGE.opened_at + after,
    )
    return replace(usual, **facts)  # type: ignore[arg-type]  # names are checked by replace


OPENED = a_deal(DealEntry.IN, SELL, HEDGE.volume_lots, profit=0.0)
CLOSED = a_deal(DealEntry.OUT, BUY, HEDGE.volume_lots, after=timedelta(seconds=60))


def test_a_hedge_is_found_by_its_identifier_alone() -> None:
    renamed = a_hedge(ticket=99)
    picture = Picture.of(a_snapshot(a_position(), renamed))
    assert picture.hedge_of(a_trade(State.HEDGED)) == renamed
    assert picture.hedge_of(a_trade()) is None
    assert Picture.of(a_snapshot(a_hedge(identifier=99))).hedge_of(a_trade(State.HEDGED)) is None


def test_a_position_is_found_by_its_ticket_where_its_identifier_is_not_known() -> None:
    moved = a_position(identifier=7)
    assert Picture.of(a_snapshot(moved)).position_of(a_trade()) == moved
    assert Picture.of(a_snapshot(replace(moved, ticket=7))).position_of(a_trade()) is None


def test_what_the_hedge_shows_is_followed_as_the_position_is() -> None:
    trade = a_trade(State.HEDGED)
    assert reconcile.seen(trade, None, None) is None
    assert reconcile.seen(trade, a_position(), a_hedge()) is None
    change = reconcile.seen(trade, None, a_hedge(ticket=99, volume_lots=0.1))
    assert change is not None
    assert change.cause is ChangeCause.OUTSIDE
    assert change.after == replace(trade.terms, hedge=replace(HEDGE, ticket=99, volume_lots=0.1))


def test_a_hedge_that_the_trade_does_not_know_shows_nothing() -> None:
    assert reconcile.seen(a_trade(), None, a_hedge()) is None


def test_the_terminal_decides_each_of_a_position_s_terms() -> None:
    trade = with_terms(a_trade(), closing_unconfirmed=True)
    now = a_position(
        ticket=1, identifier=2, entry_price=1.2, volume_lots=0.3, stop_loss=1.0, take_profit=1.3
    )
    change = reconcile.seen(trade, now, None)
    assert change is not None
    assert change.cause is ChangeCause.PRESENCE
    assert change.after == replace(
        trade.terms,
        position_ticket=1,
        position_id=2,
        entry_price=1.2,
        volume_lots=0.3,
        stop_loss=1.0,
        take_profit=1.3,
        closing_unconfirmed=False,
    )


def test_a_position_is_renamed_when_it_bears_another_ticket() -> None:
    assert not reconcile.is_renamed(a_trade(), a_position())
    assert reconcile.is_renamed(a_trade(), a_position(ticket=72))
    assert not reconcile.is_renamed(a_trade(), a_position(identifier=72))


def test_a_hedge_is_closed_when_its_deals_prove_it() -> None:
    trade = a_trade(State.HEDGED)
    assert reconcile.hedge_closing(trade, []) is None
    assert reconcile.hedge_closing(trade, [OPENED]) is None
    closing = reconcile.hedge_closing(trade, [OPENED, CLOSED])
    assert closing is not None
    assert (closing.reason, closing.price, closing.at) == (CloseReason.MANUAL, 1.1, CLOSED.at)
    assert closing.profit == 4.0 - 2 * (0.5 + 1.0 + 0.25)
    assert reconcile.hedge_closing(a_trade(), [OPENED, CLOSED]) is None


def test_a_hedge_of_a_sell_is_a_buy() -> None:
    trade = a_trade(State.HEDGED, SELL)
    assert reconcile.hedge_closing(trade, [OPENED, CLOSED]) is None
    mirrored = [replace(OPENED, direction=BUY), replace(CLOSED, direction=SELL)]
    assert reconcile.hedge_closing(trade, mirrored) is not None


def test_a_leg_whose_ticket_is_not_known_is_the_last_that_began_before_it_was_seen() -> None:
    trade = a_trade(State.HEDGED)
    hedge = replace(HEDGE, ticket=1)
    trade = with_terms(trade, hedge=hedge)
    turns = [
        a_deal(DealEntry.INOUT, BUY, 0.5, after=timedelta(seconds=60)),
        a_deal(DealEntry.INOUT, SELL, 0.5, after=timedelta(seconds=120)),
    ]
    closing = reconcile.hedge_closing(trade, [OPENED, *turns])
    assert closing is not None
    assert closing.at == turns[0].at, "the leg after both turns began later"
    late = with_terms(trade, hedge=replace(hedge, opened_at=turns[1].at))
    assert reconcile.hedge_closing(late, [OPENED, *turns]) is None, "the last leg is open"
    early = with_terms(trade, hedge=replace(hedge, opened_at=HEDGE.opened_at - HOUR))
    closing = reconcile.hedge_closing(early, [OPENED, *turns])
    assert closing is not None
    assert closing.at == turns[0].at, "the first, where all began later"


def test_a_position_that_turned_twice_and_was_renamed_is_its_last_leg() -> None:
    trade, renamed = a_trade(), a_position(ticket=99)
    minute, own = timedelta(minutes=1), trade.position_id
    opened = a_deal(DealEntry.IN, BUY, 0.5, order=1, position_id=own)
    turned = a_deal(DealEntry.INOUT, SELL, 1.0, after=minute, order=2, position_id=own)
    back = replace(turned, direction=BUY, at=turned.at + minute, order=trade.ticket)
    assert reconcile.is_same_leg(trade, renamed, [opened, turned, back])
    assert not reconcile.is_same_leg(trade, renamed, [replace(opened, order=trade.ticket), turned])


def test_no_money_is_too_little_to_be_told() -> None:
    a_satoshi = replace(CLOSED, profit=0.00000001, swap=0.0, commission=0.0, fee=0.0)
    opened = replace(OPENED, swap=0.0, commission=0.0, fee=0.0)
    closing = reconcile.hedge_closing(a_trade(State.HEDGED), [opened, a_satoshi])
    assert closing is not None
    assert closing.profit == 0.00000001


@pytest.mark.parametrize("reason", DealReason)
def test_every_reason_of_a_deal_means_what_is_laid_down_for_it(reason: DealReason) -> None:
    closing = reconcile.hedge_closing(
        a_trade(State.HEDGED), [OPENED, replace(CLOSED, reason=reason)]
    )
    assert closing is not None
    assert closing.reason is MEANINGS[reason]


@pytest.mark.parametrize("reason", DealReason)
def test_only_a_program_s_deal_with_our_comment_is_dtms_s(reason: DealReason) -> None:
    ours = replace(CLOSED, reason=reason, comment=OUR_COMMENT + "a1")
    closing = reconcile.hedge_closing(a_trade(State.HEDGED), [OPENED, ours])
    assert closing is not None
    assert (closing.reason is CloseReason.DTMS) == (reason is DealReason.EXPERT)


def test_ours_has_our_magic_number_and_our_comment() -> None:
    ours = a_position(magic=MAGIC, comment=OUR_COMMENT + "a1")
    assert reconcile.is_ours(ours, MAGIC)
    assert not reconcile.is_ours(ours, MAGIC + 1)
    assert not reconcile.is_ours(replace(ours, comment="a bot's"), MAGIC)
    assert not reconcile.is_ours(replace(ours, magic=0), MAGIC)


def test_deals_come_in_the_order_of_their_time_then_of_their_ticket() -> None:
    trade = a_trade(State.HEDGED)
    at_once = [replace(CLOSED, at=OPENED.at, ticket=OPENED.ticket + 1), OPENED]
    assert reconcile.hedge_closing(trade, at_once) is not None
    numbered_backwards = [replace(CLOSED, ticket=OPENED.ticket - 1), OPENED]
    assert reconcile.hedge_closing(trade, numbered_backwards) is not None


def test_binary_rounding_neither_proves_nor_denies() -> None:
    trade = with_terms(a_trade(State.HEDGED), hedge=replace(HEDGE, volume_lots=0.3))
    opened = [replace(OPENED, volume_lots=0.1), replace(OPENED, ticket=201, volume_lots=0.2)]
    assert sum(deal.volume_lots for deal in opened) != 0.3
    closed = replace(CLOSED, volume_lots=0.3)
    assert reconcile.hedge_closing(trade, [*opened, closed]) is not None
    a_step_less = replace(closed, volume_lots=0.29)
    assert reconcile.hedge_closing(trade, [*opened, a_step_less]) is None
