"""Where stops go: each row of the table, on both sides of a plain market."""

from dataclasses import replace

import pytest
from dtms_server.domain.action_kinds import STOPS, ActionKind
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import DefencePolicy, LosingBreakEven, StopPolicy
from dtms_server.domain.sizing import Impossible, Market, Needless, NotYet, Sized, r_distance, size
from sizes import BUY, CALM, SELL, a_position, a_trade, at, on

POLICY = DefencePolicy()
CLOSEST = DefencePolicy(stops=StopPolicy(break_even_when_losing=LosingBreakEven.CLOSEST))
TIGHTEN, BREAK_EVEN = ActionKind.TIGHTEN_STOP, ActionKind.BREAK_EVEN
TRAIL, MISSING = ActionKind.TRAIL_STOP, ActionKind.SET_MISSING_STOP


def sized(
    kind: ActionKind,
    position: Position,
    market: Market = CALM,
    policy: DefencePolicy = POLICY,
    *,
    r: float | None = 0.002,
    commission: float = 0.0,
) -> Sized:
    trade = a_trade(position, r=r)
    return size(kind, trade, position, None, market, policy, commission=commission)


def stop_of(sized: Sized) -> float | None:
    assert isinstance(sized, Order), sized
    return sized.stop_loss


@pytest.mark.parametrize(
    ("r", "level", "stop"),
    [
        (0.00200, 20, 1.09940),  # 0.3 R
        (0.00100, 20, 1.09950),  # half an ATR
        (0.00200, 60, 1.09920),  # stops level and 2 spreads
        (0.00010, 0, 1.09950),
    ],
)
def test_a_tightened_stop_is_behind_the_price(r: float, level: int, stop: float) -> None:
    assert stop_of(sized(TIGHTEN, a_position(), on(CALM, stops_level=level), r=r)) == stop


def test_a_floating_stops_level_is_the_spread() -> None:
    market = replace(on(CALM, stops_level=0), atr=0.00001)
    assert stop_of(sized(TIGHTEN, a_position(), market, r=0.0001)) == 1.09970


def test_a_stop_of_a_sell_is_measured_from_the_ask() -> None:
    assert stop_of(sized(TIGHTEN, a_position(SELL))) == 1.10070


def test_a_stop_is_sent_with_the_target_and_the_tickets_of_the_position() -> None:
    order = sized(TIGHTEN, a_position())
    assert order == Order(
        verb=Verb.PROTECT,
        symbol="EURUSD",
        direction=BUY,
        price=1.10010,
        stop_loss=1.09940,
        take_profit=1.12000,
        position_ticket=71,
        position_id=70,
        position_lots=0.5,
    )


@pytest.mark.parametrize("kind", sorted(STOPS - {MISSING}))
def test_a_stop_that_is_as_near_already_is_left_where_it_is(kind: ActionKind) -> None:
    market = at(1.10400, 1.10410)
    stop = stop_of(sized(kind, a_position(), market))
    assert stop is not None
    assert isinstance(sized(kind, a_position(stop_loss=stop), market), Needless)
    assert isinstance(sized(kind, a_position(stop_loss=stop - 0.000004), market), Needless)
    assert stop_of(sized(kind, a_position(stop_loss=round(stop - 0.00001, 5)), market)) == stop


def test_a_position_without_a_stop_is_tightened_and_trailed_too() -> None:
    bare = a_position(stop_loss=None)
    assert stop_of(sized(TIGHTEN, bare)) == 1.09940
    assert stop_of(sized(TRAIL, bare)) == 1.09780


@pytest.mark.parametrize("kind", [TIGHTEN, MISSING])
def test_no_stop_at_the_price_while_r_is_unknown(kind: ActionKind) -> None:
    found = sized(kind, a_position(stop_loss=None), r=None)
    assert isinstance(found, Impossible)
    assert found.code == "NO_R"


@pytest.mark.parametrize("atr", [None, 0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [TIGHTEN, TRAIL])
def test_nothing_that_needs_the_atr_without_one(kind: ActionKind, atr: float | None) -> None:
    found = sized(kind, a_position(), replace(CALM, atr=atr))
    assert isinstance(found, Impossible)
    assert found.code == "NO_ATR"


def test_break_even_waits_until_the_price_is_past_it_by_enough() -> None:
    assert isinstance(sized(BREAK_EVEN, a_position()), NotYet)
    assert isinstance(sized(BREAK_EVEN, a_position(), at(1.10249, 1.10259)), NotYet)
    assert stop_of(sized(BREAK_EVEN, a_position(), at(1.10250, 1.10260))) == 1.10210


def test_break_even_covers_the_commission_of_entry_and_exit() -> None:
    market = at(1.10400, 1.10410)
    assert stop_of(sized(BREAK_EVEN, a_position(), market, commission=1.75)) == 1.10217
    assert stop_of(sized(BREAK_EVEN, a_position(), market, commission=1.76)) == 1.10218


def test_a_commission_is_paid_for_by_fewer_ticks_that_are_worth_more() -> None:
    market = on(at(1.10400, 1.10410), tick_value=2.5)
    assert stop_of(sized(BREAK_EVEN, a_position(), market, commission=1.75)) == 1.10213


def test_the_commission_of_lots_that_are_closed_is_not_laid_on_what_is_left() -> None:
    left = a_position(volume_lots=0.25)
    trade = a_trade(left, closed_lots=0.25)
    market = at(1.10400, 1.10410)
    found = size(BREAK_EVEN, trade, left, None, market, POLICY, commission=1.75)
    assert stop_of(found) == 1.10217


def test_a_commission_that_cannot_be_turned_into_ticks_waits() -> None:
    market = on(at(1.10400, 1.10410), tick_value=0.0)
    assert isinstance(sized(BREAK_EVEN, a_position(), market, commission=1.0), NotYet)


def test_without_a_commission_nobody_needs_to_know_what_a_tick_is_worth() -> None:
    market = on(at(1.10400, 1.10410), tick_value=0.0)
    assert stop_of(sized(BREAK_EVEN, a_position(), market)) == 1.10210


def test_break_even_may_take_the_closest_stop_instead_but_never_loosens() -> None:
    assert stop_of(sized(BREAK_EVEN, a_position(), policy=CLOSEST)) == 1.09960
    nearer = a_position(stop_loss=1.09970)
    assert isinstance(sized(BREAK_EVEN, nearer, policy=CLOSEST), NotYet)


def test_a_stop_past_break_even_needs_no_break_even() -> None:
    assert isinstance(sized(BREAK_EVEN, a_position(stop_loss=1.10210)), Needless)


@pytest.mark.parametrize(
    ("swing", "stop"),
    [
        (1.09800, 1.09780),
        (1.0980033, 1.09780),  # between two ticks
        (1.09979, 1.09959),
        (1.09990, 1.09960),
        (1.0999967, 1.09960),
    ],
)
def test_a_trailed_stop_is_behind_the_swing_and_not_too_near(swing: float, stop: float) -> None:
    assert stop_of(sized(TRAIL, a_position(), replace(CALM, swing_low=swing))) == stop


def test_a_sell_trails_the_swing_highs() -> None:
    assert stop_of(sized(TRAIL, a_position(SELL))) == 1.10320


@pytest.mark.parametrize("swing", [None, 1.10000, 1.10500])
def test_without_a_swing_behind_the_price_nothing_is_trailed(swing: float | None) -> None:
    assert isinstance(sized(TRAIL, a_position(), replace(CALM, swing_low=swing)), Needless)


def test_a_missing_stop_is_two_r_from_the_entry_or_behind_the_price() -> None:
    bare = a_position(stop_loss=None)
    assert stop_of(sized(MISSING, bare)) == 1.09800
    assert stop_of(sized(MISSING, bare, at(1.09810, 1.09820))) == 1.09770
    assert isinstance(sized(MISSING, a_position()), Needless)


def test_an_entry_between_two_ticks_gets_stops_on_the_grid_and_no_nearer() -> None:
    bare = a_position(stop_loss=None, entry_price=1.1020033)
    assert stop_of(sized(MISSING, bare)) == 1.09800
    assert stop_of(sized(BREAK_EVEN, bare, at(1.10400, 1.10410))) == 1.10211


@pytest.mark.parametrize(
    ("near", "thawed"),
    [
        (a_position(stop_loss=1.09500), a_position(stop_loss=1.09499)),
        (a_position(take_profit=1.10500), a_position(take_profit=1.10501)),
    ],
)
def test_a_frozen_position_waits(near: Position, thawed: Position) -> None:
    market = on(CALM, freeze_level=500)
    assert isinstance(sized(TIGHTEN, near, market), NotYet)
    assert stop_of(sized(TIGHTEN, thawed, market)) == 1.09940


@pytest.mark.parametrize("r", [0.6, 0.551])
def test_no_stop_at_or_below_zero(r: float) -> None:
    bare = a_position(stop_loss=None)
    found = sized(MISSING, bare, r=r)
    assert isinstance(found, Impossible)
    assert found.code == "NO_ROOM"
    assert stop_of(sized(MISSING, bare, r=0.550995)) == 0.00001


@pytest.mark.parametrize(
    ("stop", "r"),
    [
        (1.10150, 0.00050),  # as far as half an ATR
        (1.10151, 0.00150),  # nearer
        (1.10200, 0.00150),
        (1.10300, 0.00150),  # on the winning side
        (1.08200, 0.02000),
        (None, 0.00150),
    ],
)
def test_r_is_the_initial_risk_where_that_is_one(stop: float | None, r: float) -> None:
    for position, initial in ((a_position(), stop), (a_position(SELL), stop and 2.2001 - stop)):
        trade = replace(a_trade(position), initial_stop_loss=initial)
        assert r_distance(trade, 0.001, POLICY) == pytest.approx(r, abs=1e-12)


@pytest.mark.parametrize("atr", [None, 0.0, float("nan")])
def test_r_is_unknown_without_an_atr(atr: float | None) -> None:
    trade = replace(a_trade(a_position()), initial_stop_loss=1.10200)
    assert r_distance(trade, atr, POLICY) is None
