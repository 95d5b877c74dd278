"""What a position's deals prove, and what its appearance tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from dtms_server.domain import reconcile
from dtms_server.domain.actions import OUR_COMMENT
from dtms_server.domain.events import ChangeCause
from dtms_server.domain.market import (
    Account,
    AccountKind,
    Deal,
    DealEntry,
    DealReason,
    MarginMode,
    Position,
    Snapshot,
)
from dtms_server.domain.reconcile import Picture
from dtms_server.domain.trade import CloseReason, Direction, Protection, State, Terms, Trade
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OTHER_SIDE = {Direction.BUY: Direction.SELL, Direction.SELL: Direction.BUY}


def a_trade(direction: Direction = Direction.BUY, **terms: object) -> Trade:
    usual = Terms(
        position_ticket=7,
        position_id=7,
        entry_price=1.1,
        volume_lots=1.0,
        stop_loss=1.09,
        take_profit=None,
        protection=Protection.PROTECT,
    )
    return Trade(
        account="1@House",
        ticket=7,
        symbol="EURUSD",
        direction=direction,
        initial_volume_lots=1.0,
        initial_stop_loss=1.09,
        account_currency="USD",
        terms=replace(usual, **terms),  # type: ignore[arg-type]  # names are checked by replace
        state=State.HEALTHY,
        state_entered_at=NOON,
        registered_at=NOON,
        updated_at=NOON,
    )


def a_position(direction: Direction = Direction.BUY) -> Position:
    return Position(
        ticket=7,
        identifier=7,
        symbol="EURUSD",
        direction=direction,
        volume_lots=1.0,
        entry_price=1.1,
        stop_loss=1.09,
        take_profit=None,
        current_price=1.11,
        profit=10.0,
        swap=0.0,
        magic=0,
        comment="",
        opened_at=NOON,
    )


def a_deal(
    entry: DealEntry,
    direction: Direction,
    lots: float,
    *,
    minute: int = 0,
    reason: DealReason = DealReason.CLIENT,
    profit: float = 0.0,
    comment: str = "",
    position_id: int = 7,
) -> Deal:
    return Deal(
        ticket=100 + minute,
        order=7 + minute,
        position_id=position_id,
        symbol="EURUSD",
        entry=entry,
        reason=reason,
        direction=direction,
        volume_lots=lots,
        price=1.1 + minute / 1000,
        profit=profit,
        swap=-0.5,
        commission=-1.0,
        fee=-0.25,
        magic=0,
        comment=comment,
        at=NOON + timedelta(minutes=minute),
    )


def a_snapshot(*positions: Position, margin: float = 0.0, profit: float = 0.0) -> Snapshot:
    account = Account(
        login=1,
        server="House",
        currency="USD",
        kind=AccountKind.DEMO,
        margin_mode=MarginMode.HEDGING,
        balance=1000.0,
        equity=1000.0,
        profit=profit,
        margin=margin,
        trade_allowed=True,
    )
    return Snapshot(NOON, 1.0, "House terminal", True, True, account, positions)


def opened_and_closed(*outs: float, side: Direction = Direction.BUY) -> list[Deal]:
    deals = [a_deal(DealEntry.IN, side, 1.0)]
    for minute, lots in enumerate(outs, start=1):
        deals.append(a_deal(DealEntry.OUT, OTHER_SIDE[side], lots, minute=minute, profit=10.0))
    return deals


def test_no_deals_prove_nothing() -> None:
    assert reconcile.closing(a_trade(), []) is None


def test_an_open_position_s_deals_prove_nothing() -> None:
    assert reconcile.closing(a_trade(), opened_and_closed(0.4)) is None


def test_out_volume_equal_to_in_volume_proves_the_close() -> None:
    closing = reconcile.closing(a_trade(), opened_and_closed(0.4, 0.6))
    assert closing is not None
    assert closing.reason is CloseReason.MANUAL
    assert closing.at == NOON + timedelta(minutes=2)
    assert closing.profit == pytest.approx(20.0 - 3 * 1.75)


def test_a_history_that_begins_with_a_close_is_still_loading() -> None:
    assert reconcile.closing(a_trade(), opened_and_closed(1.0)[1:]) is None


def test_more_out_than_in_is_a_history_with_holes() -> None:
    assert reconcile.closing(a_trade(), opened_and_closed(1.0, 0.5)) is None
    assert reconcile.closing(a_trade(), opened_and_closed(1.5)) is None


def test_deals_of_other_positions_do_not_count() -> None:
    foreign = a_deal(DealEntry.OUT, Direction.SELL, 1.0, minute=3, position_id=8)
    assert reconcile.closing(a_trade(), [*opened_and_closed(), foreign]) is None


def test_a_reversal_closes_the_trade_though_the_position_lives_on() -> None:
    deals = opened_and_closed()
    deals.append(a_deal(DealEntry.INOUT, Direction.SELL, 3.0, minute=1, profit=5.0))
    deals.append(a_deal(DealEntry.IN, Direction.SELL, 1.0, minute=2))
    closing = reconcile.closing(a_trade(), deals)
    assert closing is not None
    assert closing.at == NOON + timedelta(minutes=1)


def test_the_leg_after_a_turn_is_a_trade_of_its_own() -> None:
    deals = opened_and_closed()
    deals.append(a_deal(DealEntry.INOUT, Direction.SELL, 3.0, minute=1, profit=5.0))
    second = a_trade(Direction.SELL, position_ticket=8, volume_lots=2.0)
    assert reconcile.closing(second, deals) is None
    deals.append(a_deal(DealEntry.OUT, Direction.BUY, 2.0, minute=2, profit=9.0))
    closing = reconcile.closing(second, deals)
    assert closing is not None
    assert closing.at == NOON + timedelta(minutes=2)
    assert closing.profit == pytest.approx(9.0 - 1.75)


def test_a_position_that_turned_twice_does_not_prove_its_last_leg_closed() -> None:
    deals = opened_and_closed()
    deals.append(a_deal(DealEntry.INOUT, Direction.SELL, 2.0, minute=1))
    deals.append(a_deal(DealEntry.INOUT, Direction.BUY, 2.0, minute=2))
    assert reconcile.closing(a_trade(position_ticket=7), deals) is not None
    assert reconcile.closing(a_trade(position_ticket=9), deals) is None


def test_a_leg_whose_ticket_a_swap_renamed_is_told_by_its_time() -> None:
    deals = opened_and_closed(1.0)
    assert reconcile.closing(a_trade(position_ticket=99), deals) is not None


def test_a_renamed_position_is_the_same_leg_only_if_its_deals_say_so() -> None:
    renamed = replace(a_position(), ticket=9)
    assert reconcile.is_same_leg(a_trade(), renamed, opened_and_closed())
    assert not reconcile.is_same_leg(a_trade(), renamed, [])
    assert not reconcile.is_same_leg(
        a_trade(), replace(renamed, volume_lots=0.5), opened_and_closed()
    )
    turned = [*opened_and_closed(), a_deal(DealEntry.INOUT, Direction.SELL, 2.0, minute=1)]
    assert not reconcile.is_same_leg(a_trade(), renamed, turned)


def test_deals_of_less_than_was_seen_open_prove_nothing() -> None:
    assert reconcile.closing(a_trade(volume_lots=1.5), opened_and_closed(1.0)) is None


def test_a_close_by_counts_as_a_close() -> None:
    deals = [*opened_and_closed(), a_deal(DealEntry.OUT_BY, Direction.SELL, 1.0, minute=1)]
    assert reconcile.closing(a_trade(), deals) is not None


@pytest.mark.parametrize("reason", DealReason)
def test_every_reason_of_a_deal_has_its_reason_of_a_close(reason: DealReason) -> None:
    deals = [
        *opened_and_closed(),
        a_deal(DealEntry.OUT, Direction.SELL, 1.0, minute=1, reason=reason),
    ]
    closing = reconcile.closing(a_trade(), deals)
    assert closing is not None
    assert closing.reason is reconcile.REASON[reason]


def test_a_deal_with_our_intent_was_ours() -> None:
    ours = a_deal(
        DealEntry.OUT,
        Direction.SELL,
        1.0,
        minute=1,
        reason=DealReason.EXPERT,
        comment=OUR_COMMENT + "1",
    )
    closing = reconcile.closing(a_trade(), [*opened_and_closed(), ours])
    assert closing is not None
    assert closing.reason is CloseReason.DTMS


@given(
    side=st.sampled_from(Direction),
    steps=st.lists(st.integers(1, 100), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_any_split_of_a_close_is_proved_only_by_its_last_part(
    side: Direction, steps: list[int], order: object
) -> None:
    total = sum(steps)
    deals = [a_deal(DealEntry.IN, side, total / 100)]
    for minute, step in enumerate(steps, start=1):
        deals.append(a_deal(DealEntry.OUT, OTHER_SIDE[side], step / 100, minute=minute))
    trade = a_trade(side, volume_lots=total / 100)
    assert reconcile.closing(trade, deals[:-1]) is None
    order.shuffle(deals)  # type: ignore[attr-defined]  # random.Random: the order must not matter
    closing = reconcile.closing(trade, deals)
    assert closing is not None
    assert closing.at == NOON + timedelta(minutes=len(steps))


def test_a_position_is_found_by_identifier_before_ticket() -> None:
    renamed = replace(a_position(), ticket=70)
    other = replace(a_position(), identifier=9)
    picture = Picture.of(a_snapshot(renamed, other))
    assert picture.position_of(a_trade()) == renamed


def test_a_position_that_turned_is_not_the_trade_s_any_more() -> None:
    picture = Picture.of(a_snapshot(a_position(Direction.SELL)))
    assert picture.position_of(a_trade(Direction.BUY)) is None


def test_a_position_as_last_written_shows_no_change() -> None:
    assert reconcile.seen(a_trade(), a_position(), None) is None


@pytest.mark.parametrize(
    "outside",
    [{"volume_lots": 0.5}, {"stop_loss": None}, {"take_profit": 1.2}, {"ticket": 70}],
)
def test_what_others_change_is_told_with_both_sides(outside: dict[str, object]) -> None:
    position = replace(a_position(), **outside)  # type: ignore[arg-type]  # checked by replace
    change = reconcile.seen(a_trade(), position, None)
    assert change is not None
    assert change.cause is ChangeCause.OUTSIDE
    assert change.before == a_trade().terms
    assert change.after == reconcile.terms_now(a_trade().terms, position, None)


def test_a_position_found_again_is_no_longer_unconfirmed() -> None:
    change = reconcile.seen(a_trade(closing_unconfirmed=True), a_position(), None)
    assert change is not None
    assert change.cause is ChangeCause.PRESENCE
    assert not change.after.closing_unconfirmed


def test_an_empty_list_beside_margin_or_profit_shows_no_absence() -> None:
    assert a_snapshot().shows_absence
    assert not a_snapshot(margin=33.0).shows_absence
    assert not a_snapshot(profit=-1.5).shows_absence
    assert a_snapshot(a_position(), margin=33.0).shows_absence
