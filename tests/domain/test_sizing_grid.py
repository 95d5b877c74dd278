"""Sizing at its edges: prices between ticks, the smallest steps, no spread, and what it reads."""

from dataclasses import replace

import pytest
from analyses import CALM as CALM_ANALYSIS
from analyses import NOTHING, on_m15
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order
from dtms_server.domain.analysis.structure import Structure, Swing
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import DefencePolicy
from dtms_server.domain.sizing import (
    NO_DATA,
    Impossible,
    Market,
    Needless,
    NotYet,
    Sized,
    r_distance,
    size,
)
from ledgers import AT
from sizes import CALM, QUOTE, SELL, a_position, a_trade, at, on

POLICY = DefencePolicy()
TIGHTEN, BREAK_EVEN = ActionKind.TIGHTEN_STOP, ActionKind.BREAK_EVEN
HALF, OPEN_HEDGE, READD = ActionKind.CLOSE_HALF, ActionKind.OPEN_HEDGE, ActionKind.READD


def sized(
    kind: ActionKind,
    market: Market = CALM,
    position: Position | None = None,
    *,
    r: float | None = 0.002,
) -> Sized:
    """What is sent for half a lot, of which as much was closed before."""
    position = position or a_position()
    trade = a_trade(position, r=r, closed_lots=position.volume_lots)
    return size(kind, trade, position, None, market, POLICY, family_lots=position.volume_lots)


def order(sized: Sized) -> Order:
    assert isinstance(sized, Order), sized
    return sized


def test_a_market_is_what_a_quote_and_an_analysis_tell() -> None:
    low, high = Swing(1.09, AT), Swing(1.11, AT)
    lows, highs = replace(NOTHING, newest=low), replace(NOTHING, newest=high)
    found = on_m15(structure=Structure(highs=highs, lows=lows, latest_break=None), atr=0.002)
    assert Market.of(QUOTE, found) == Market(QUOTE, 0.002, swing_low=1.09, swing_high=1.11)
    assert Market.of(QUOTE, CALM_ANALYSIS) == Market(QUOTE, 0.001, None, None)
    assert Market.of(QUOTE, None) == Market(QUOTE, None, None, None)


def test_what_fails_for_want_of_an_analysis_is_known_by_it() -> None:
    assert {sized(TIGHTEN, r=None), sized(TIGHTEN, replace(CALM, atr=None))} == set(NO_DATA)


def test_a_freeze_level_of_one_point_freezes() -> None:
    market = on(CALM, freeze_level=1)
    assert isinstance(sized(HALF, market, a_position(stop_loss=1.09999)), NotYet)
    assert order(sized(HALF, market, a_position(stop_loss=1.09998))).volume_lots == 0.25


def test_where_nothing_keeps_a_stop_away_it_is_a_tick_behind_the_price() -> None:
    market = replace(on(at(1.1, 1.1), stops_level=0), atr=1e-9)
    assert order(sized(TIGHTEN, market, r=1e-9)).stop_loss == 1.09999


def test_a_bid_above_its_ask_is_no_spread() -> None:
    assert order(sized(BREAK_EVEN, at(1.10410, 1.10400))).stop_loss == 1.10200


def test_an_opening_price_between_two_ticks_is_the_lower() -> None:
    opened = order(sized(OPEN_HEDGE, at(1.1, 1.1001033), a_position(SELL)))
    assert opened.stop_loss == 1.09960


def test_a_parents_stop_between_two_ticks_is_taken_over_as_the_lower() -> None:
    assert order(sized(READD, CALM, a_position(stop_loss=1.0900033))).stop_loss == 1.09000


@pytest.mark.parametrize(("bid", "target"), [(1.1, 1.1004), (1.1000033, None)])
def test_a_target_is_ahead_of_the_tick_above_the_price(bid: float, target: float | None) -> None:
    found = sized(READD, at(bid, 1.1001), a_position(take_profit=1.1004))
    assert order(found).take_profit == target


def test_the_smallest_step_of_a_volume_counts() -> None:
    market = on(CALM, volume_step=0.00000001, volume_min=0.00000001)
    assert order(sized(HALF, market, a_position(volume_lots=0.00000007))).volume_lots == 0.00000003


def test_all_of_the_initial_volume_is_there_to_be_added_where_no_family_is_open() -> None:
    trade = a_trade(a_position(), closed_lots=0.5)
    assert isinstance(size(READD, trade, a_position(), None, CALM, POLICY), Order)
    none_left = size(READD, trade, a_position(), None, CALM, POLICY, family_lots=1.0)
    assert isinstance(none_left, Needless)


def test_the_smallest_risk_that_a_price_can_show_is_read() -> None:
    plain = a_trade(a_position())
    trade = replace(plain, initial_stop_loss=plain.terms.entry_price - 0.00000003)
    assert r_distance(trade, 0.00000004, POLICY) == 0.00000003


@pytest.mark.parametrize("risk", [0.0, 0.001])
def test_noise_that_no_price_can_show_tells_nothing_of_the_risk(risk: float) -> None:
    plain = a_trade(a_position())
    trade = replace(plain, initial_stop_loss=plain.terms.entry_price - risk)
    assert r_distance(trade, 1e-9, POLICY) == pytest.approx(1.5e-9)


def test_nothing_is_sized_by_an_atr_that_is_not_known() -> None:
    found = sized(OPEN_HEDGE, replace(CALM, atr=float("inf")))
    assert isinstance(found, Impossible)
    assert found.code == "NO_ATR"
