"""How much is closed and opened, and with what stops: each row of the table."""

from dataclasses import replace

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import (
    DefencePolicy,
    SmallVolume,
    StopPolicy,
    SymbolPolicy,
    VolumePolicy,
)
from dtms_server.domain.sizing import Impossible, Market, Needless, NotYet, Sized, size
from sizes import BUY, CALM, SELL, a_position, a_trade, at, on

POLICY = DefencePolicy()
CLOSE_ALL = DefencePolicy(volumes=VolumePolicy(small_volume=SmallVolume.CLOSE_ALL))
HALF, OPEN_HEDGE, READD = ActionKind.CLOSE_HALF, ActionKind.OPEN_HEDGE, ActionKind.READD
REDUCE, CLOSE_BY = ActionKind.REDUCE_HEDGE, ActionKind.CLOSE_BY
CLOSE_TRADE, CLOSE_HEDGE = ActionKind.CLOSE_TRADE, ActionKind.CLOSE_HEDGE


def a_hedge(lots: float = 0.25) -> Position:
    facts = {"ticket": 91, "identifier": 90, "volume_lots": lots, "take_profit": None}
    return a_position(SELL, **facts)


def sized(
    kind: ActionKind,
    position: Position | None,
    market: Market = CALM,
    policy: DefencePolicy = POLICY,
    hedge: Position | None = None,
    *,
    closed_lots: float = 0.0,
    family_lots: float = 0.5,
) -> Sized:
    trade = a_trade(position or a_position(), closed_lots=closed_lots)
    return size(kind, trade, position, hedge, market, policy, family_lots=family_lots)


def order(sized: Sized) -> Order:
    assert isinstance(sized, Order), sized
    return sized


def code(sized: Sized) -> str:
    assert isinstance(sized, Impossible), sized
    return sized.code


@pytest.mark.parametrize(("lots", "half"), [(0.5, 0.25), (0.07, 0.03), (0.02, 0.01), (0.3, 0.15)])
def test_half_is_rounded_down_to_the_step(lots: float, half: float) -> None:
    assert order(sized(HALF, a_position(volume_lots=lots))).volume_lots == half


def test_half_of_the_minimum_is_skipped_or_closes_all() -> None:
    smallest = a_position(volume_lots=0.01)
    skipped = sized(HALF, smallest)
    assert skipped == Impossible("VOLUME_TOO_SMALL", "0.005 lots, and the minimum is 0.01")
    assert order(sized(HALF, smallest, policy=CLOSE_ALL)).volume_lots == 0.01


def test_a_half_that_would_leave_less_than_the_minimum_is_too_small() -> None:
    market = on(CALM, volume_min=0.2, volume_step=0.1)
    policy = DefencePolicy(volumes=VolumePolicy(half_share=0.7))
    assert code(sized(HALF, a_position(volume_lots=0.3), market, policy)) == "VOLUME_TOO_SMALL"
    assert order(sized(HALF, a_position(volume_lots=0.7), market, policy)).volume_lots == 0.4


def test_a_half_may_be_all_by_policy() -> None:
    policy = DefencePolicy(volumes=VolumePolicy(half_share=1.0))
    assert order(sized(HALF, a_position(), policy=policy)).volume_lots == 0.5


def test_a_half_is_a_deal_on_the_other_side_that_names_its_position() -> None:
    assert order(sized(HALF, a_position())) == Order(
        verb=Verb.CLOSE,
        symbol="EURUSD",
        direction=SELL,
        price=1.10000,
        volume_lots=0.25,
        position_ticket=71,
        position_id=70,
        position_lots=0.5,
    )


def test_trade_and_hedge_are_closed_by_their_own_tickets() -> None:
    closes = order(sized(CLOSE_TRADE, a_position(), hedge=a_hedge()))
    assert (closes.position_ticket, closes.direction, closes.volume_lots) == (71, SELL, 0.5)
    closes = order(sized(CLOSE_HEDGE, a_position(), hedge=a_hedge()))
    assert (closes.position_ticket, closes.direction, closes.volume_lots) == (91, BUY, 0.25)
    assert closes.price == 1.10010


def test_a_hedge_that_is_alone_is_closed() -> None:
    assert order(sized(CLOSE_HEDGE, None, hedge=a_hedge())).position_ticket == 91


@pytest.mark.parametrize("kind", [CLOSE_TRADE, CLOSE_HEDGE, CLOSE_BY])
def test_what_is_gone_needs_no_close(kind: ActionKind) -> None:
    assert isinstance(sized(kind, None), Needless)


@pytest.mark.parametrize("kind", [HALF, OPEN_HEDGE, READD, REDUCE, ActionKind.TIGHTEN_STOP])
def test_nothing_is_done_to_a_position_that_is_not_there(kind: ActionKind) -> None:
    assert code(sized(kind, None, hedge=a_hedge())) == "NO_POSITION"


def test_all_is_closed_even_where_the_steps_have_become_larger() -> None:
    market = on(CALM, volume_step=0.1, volume_min=0.1)
    assert order(sized(CLOSE_TRADE, a_position(volume_lots=0.25), market)).volume_lots == 0.25


def test_more_than_one_order_may_have_is_closed_in_two() -> None:
    market = on(CALM, volume_max=1.0)
    assert order(sized(CLOSE_TRADE, a_position(volume_lots=2.5), market)).volume_lots == 1.0
    assert order(sized(CLOSE_TRADE, a_position(volume_lots=1.005), market)).volume_lots == 0.99
    assert order(sized(CLOSE_TRADE, a_position(volume_lots=1.0), market)).volume_lots == 1.0


def test_a_close_by_names_both() -> None:
    closes = order(sized(CLOSE_BY, a_position(), hedge=a_hedge()))
    assert closes.verb is Verb.CLOSE_BY
    assert (closes.position_ticket, closes.position_id) == (71, 70)
    assert (closes.by_ticket, closes.by_id, closes.volume_lots) == (91, 90, 0.25)


def test_a_broker_may_not_close_by() -> None:
    market = on(CALM, allows_close_by=False)
    assert code(sized(CLOSE_BY, a_position(), market, hedge=a_hedge())) == "CLOSE_BY_NOT_ALLOWED"


@pytest.mark.parametrize("kind", [HALF, CLOSE_TRADE, CLOSE_BY])
def test_a_frozen_position_is_not_closed_yet(kind: ActionKind) -> None:
    market, near = on(CALM, freeze_level=30), a_position(stop_loss=1.09970)
    assert isinstance(sized(kind, near, market, hedge=a_hedge()), NotYet)


def test_without_a_freeze_level_nothing_is_frozen() -> None:
    at_its_stop = a_position(stop_loss=1.10000)
    assert order(sized(CLOSE_TRADE, at_its_stop)).volume_lots == 0.5


@pytest.mark.parametrize("kind", [CLOSE_HEDGE, CLOSE_BY])
def test_a_frozen_hedge_is_not_closed_yet(kind: ActionKind) -> None:
    market, near = on(CALM, freeze_level=30), replace(a_hedge(), stop_loss=1.10040)
    assert isinstance(sized(kind, a_position(), market, hedge=near), NotYet)


@pytest.mark.parametrize(
    ("held", "hedged", "closed"),
    [(0.25, 0.4, 0.15), (0.01, 0.02, 0.01), (0.24, 0.25, 0.01), (0.1, 0.1 + 1e-12, None)],
)
def test_a_hedge_is_reduced_to_its_trade(held: float, hedged: float, closed: float | None) -> None:
    found = sized(REDUCE, a_position(volume_lots=held), hedge=a_hedge(hedged))
    assert isinstance(found, Needless) if closed is None else order(found).volume_lots == closed


@pytest.mark.parametrize(
    ("held", "hedged", "closed"),
    [(0.5, 0.6, 0.2), (0.1, 0.3, 0.3), (0.25, 0.4, 0.2), (0.24, 0.45, 0.45), (1.95, 2.0, 0.2)],
)
def test_a_hedge_is_never_left_larger_than_its_trade_nor_too_small(
    held: float, hedged: float, closed: float
) -> None:
    market = on(CALM, volume_min=0.2, volume_step=0.1)
    found = sized(REDUCE, a_position(volume_lots=held), market, hedge=a_hedge(hedged))
    assert order(found).volume_lots == closed


def test_a_hedge_has_half_the_volume_a_stop_and_no_target() -> None:
    assert order(sized(OPEN_HEDGE, a_position())) == Order(
        verb=Verb.OPEN,
        symbol="EURUSD",
        direction=SELL,
        price=1.10000,
        volume_lots=0.25,
        stop_loss=1.10050,
    )


@pytest.mark.parametrize(
    ("atr", "level", "stop"),
    [
        (0.00100, 20, 1.10050),  # half an ATR
        (0.00010, 20, 1.10040),  # 4 spreads
        (0.00010, 60, 1.10080),  # stops level and 2 spreads
        (0.00010, 0, 1.10040),
    ],
)
def test_a_hedges_stop_is_as_far_as_the_furthest_of_three(
    atr: float, level: int, stop: float
) -> None:
    market = replace(on(CALM, stops_level=level), atr=atr)
    assert order(sized(OPEN_HEDGE, a_position(), market)).stop_loss == stop


def test_a_hedges_stop_keeps_the_brokers_level_from_the_price_that_closes_it() -> None:
    policy = DefencePolicy(stops=StopPolicy(level_spreads=0.0, hedge_spreads=0.0, hedge_atr=0.0))
    assert order(sized(OPEN_HEDGE, a_position(), at(1.1, 1.1003), policy)).stop_loss == 1.1005


@pytest.mark.parametrize("atr", [2.2002, 2.3])
def test_no_opening_whose_stop_would_not_be_above_zero(atr: float) -> None:
    market = replace(CALM, atr=atr)
    sells, bare = a_position(SELL), a_position(stop_loss=None)
    assert code(sized(OPEN_HEDGE, sells, market)) == "NO_ROOM"
    assert code(sized(READD, bare, market, closed_lots=0.5)) == "NO_ROOM"


def test_a_hedge_of_a_sell_is_a_buy_with_its_stop_under_the_ask() -> None:
    opens = order(sized(OPEN_HEDGE, a_position(SELL)))
    assert (opens.direction, opens.price, opens.stop_loss) == (BUY, 1.10010, 1.09960)


def test_the_hedge_factor_is_the_symbols() -> None:
    policy = DefencePolicy(symbols={"EURUSD": SymbolPolicy(hedge_factor=0.3)})
    assert order(sized(OPEN_HEDGE, a_position(), policy=policy)).volume_lots == 0.15
    other = DefencePolicy(symbols={"XAUUSD": SymbolPolicy(hedge_factor=0.3)})
    assert order(sized(OPEN_HEDGE, a_position(), policy=other)).volume_lots == 0.25


def test_no_hedge_without_an_atr_nor_under_the_minimum_nor_a_second_one() -> None:
    assert code(sized(OPEN_HEDGE, a_position(), replace(CALM, atr=0.0))) == "NO_ATR"
    assert code(sized(OPEN_HEDGE, a_position(volume_lots=0.01))) == "VOLUME_TOO_SMALL"
    assert isinstance(sized(OPEN_HEDGE, a_position(), hedge=a_hedge()), Needless)


def test_half_of_what_was_closed_is_added_again_with_the_parents_stop_and_target() -> None:
    assert order(sized(READD, a_position(), closed_lots=0.5)) == Order(
        verb=Verb.OPEN,
        symbol="EURUSD",
        direction=BUY,
        price=1.10010,
        volume_lots=0.25,
        stop_loss=1.09000,
        take_profit=1.12000,
    )


def test_what_is_added_again_keeps_the_family_within_the_initial_volume() -> None:
    found = sized(READD, a_position(), closed_lots=0.5, family_lots=0.9)
    assert order(found).volume_lots == 0.1
    assert isinstance(sized(READD, a_position(), closed_lots=0.5, family_lots=1.0), Needless)
    assert isinstance(sized(READD, a_position()), Needless)
    tiny = sized(READD, a_position(volume_lots=0.01), closed_lots=0.01, family_lots=0.01)
    assert code(tiny) == "VOLUME_TOO_SMALL"


@pytest.mark.parametrize(
    ("parents", "stop"),
    [
        (1.09950, 1.09950),  # half an ATR away
        (1.09951, 1.09860),  # nearer: one and a half ATR from the entry
        (1.10100, 1.09860),  # on the winning side
        (None, 1.09860),
    ],
)
def test_a_parents_stop_is_kept_where_it_is_far_enough(parents: float | None, stop: float) -> None:
    found = sized(READD, a_position(stop_loss=parents), closed_lots=0.5)
    assert order(found).stop_loss == stop


def test_no_stop_of_an_added_position_is_nearer_than_the_broker_allows() -> None:
    market = replace(on(CALM, stops_level=300), atr=0.0001)
    found = sized(READD, a_position(stop_loss=1.09900), market, closed_lots=0.5)
    assert order(found).stop_loss == 1.09680


@pytest.mark.parametrize(
    ("parents", "target"), [(1.10040, 1.10040), (1.10039, None), (1.09000, None), (None, None)]
)
def test_a_parents_target_is_kept_where_it_is_still_ahead(
    parents: float | None, target: float | None
) -> None:
    found = sized(READD, a_position(take_profit=parents), closed_lots=0.5)
    assert order(found).take_profit == target


def test_nothing_is_added_again_without_an_atr() -> None:
    assert code(sized(READD, a_position(), replace(CALM, atr=None), closed_lots=0.5)) == "NO_ATR"
