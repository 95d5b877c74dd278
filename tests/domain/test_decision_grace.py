"""A young trade is left in peace, until its time is over or the price has moved far enough."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.arming import armed
from dtms_server.domain.decision import in_grace
from dtms_server.domain.events import ChangeCause, StateChanged, TradeChanged
from dtms_server.domain.policy.defence import DefencePolicy, StatePolicy
from dtms_server.domain.trade import Direction, State, Trade
from situations import (
    ACCOUNT,
    AT,
    BAR,
    HOUR,
    POLICY,
    VALUES,
    R,
    a_break,
    an_analysis,
    decided,
    kinds,
    seen,
)
from sizes import BUY, SELL, a_position

MINUTE = timedelta(minutes=1)
END = AT + 15 * MINUTE
ENTRY = {BUY: 1.10200, SELL: 1.09810}


def young(direction: Direction = BUY, **position: Any) -> Trade:
    """A trade that is registered at AT."""
    return armed(71, a_position(direction, **position), ACCOUNT, AT, POLICY)


@pytest.mark.parametrize("value", VALUES.values())
def test_in_grace_a_trade_stays_healthy_and_gets_nothing(value: float) -> None:
    bare = a_position(stop_loss=None, current_price=1.10200)
    trade = young(stop_loss=None)
    for at in (AT, AT + BAR, END - timedelta(microseconds=1)):
        decision = decided(trade, seen(value, at, position=bare, found=a_break(BUY, at=AT)))
        assert decision.trade.state is State.HEALTHY
        assert decision.trade.defence == trade.defence
        assert decision.wishes == ()


def test_when_its_time_is_over_the_newest_score_counts() -> None:
    decision = decided(young(), seen(-3.0, END))
    assert decision.trade.state is State.WARNING_L1


def test_nothing_of_the_grace_is_owed_afterwards() -> None:
    trade = young()
    for minute in range(0, 15, 5):
        trade = decided(trade, seen(-7.0, AT + minute * MINUTE)).trade
    decision = decided(trade, seen(0.5, END))
    assert decision.trade.state is State.HEALTHY
    assert decision.wishes == ()


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(
    ("gain", "is_over"),
    [(0.2, True), (0.19, False), (0.0, False), (-0.49, False), (-0.5, True), (-2.0, True)],
)
def test_a_move_by_part_of_r_ends_it_at_once(
    direction: Direction, gain: float, is_over: bool
) -> None:
    price = round(ENTRY[direction] + direction.sign * gain * R, 5)
    position = a_position(direction, current_price=price)
    now = AT + MINUTE
    decision = decided(young(direction), seen(-3.0, now, position=position))
    assert in_grace(decision.trade, now) is not is_over
    assert (decision.trade.state is State.WARNING_L1) is is_over
    assert (decision.trade.terms.grace_until == now) is is_over


@pytest.mark.parametrize("ticks", range(1, 60))
def test_both_sides_are_out_of_it_at_the_same_tick(ticks: int) -> None:
    for gain in (ticks, -ticks):
        ends = set()
        for direction in Direction:
            entry = ENTRY[direction]
            stop = round(entry - direction.sign * 5 * abs(ticks) * 1e-5, 5)
            trade = young(direction, stop_loss=stop)
            trade = replace(trade, terms=replace(trade.terms, r_distance=5e-5 * ticks))
            price = round(entry + direction.sign * gain * 1e-5, 5)
            position = a_position(direction, current_price=price)
            after = decided(trade, seen(0.0, position=position)).trade
            ends.add(in_grace(after, AT))
        assert ends == {gain < 0}, "a fifth of R is a gain that ends it, and no such loss"


def test_without_a_position_or_r_only_time_ends_it() -> None:
    far = a_position(current_price=1.0)
    unmeasured = decided(young(), seen(-7.0, position=far, analysis=None, score=None)).trade
    assert in_grace(unmeasured, AT)
    assert in_grace(decided(young(), seen(-7.0, position=None)).trade, AT)


def test_r_is_told_by_the_first_analysis_and_stays() -> None:
    [told] = decided(young(), seen()).events
    assert isinstance(told, TradeChanged)
    assert told.cause is ChangeCause.DTMS
    assert told.after.r_distance == pytest.approx(R)
    measured = replace(young(), terms=told.after)
    assert decided(measured, seen(at=AT + BAR)).events == ()


def test_what_is_no_atr_tells_no_r() -> None:
    for atr in (0.0, float("nan"), float("inf"), -1.0):
        analysis = an_analysis()
        analysis = replace(analysis, m15=replace(analysis.m15, atr=atr))
        assert decided(young(), seen(analysis=analysis)).events == ()


def test_the_move_is_measured_by_the_r_of_the_same_analysis() -> None:
    far = a_position(current_price=1.0)
    measured, ended, moved = decided(young(), seen(-3.0, position=far)).events
    assert isinstance(measured, TradeChanged)
    assert isinstance(ended, TradeChanged)
    assert ended.before == measured.after
    assert isinstance(moved, StateChanged)


def test_a_break_in_grace_trails_nothing_afterwards() -> None:
    for at in (AT - HOUR, AT, END - MINUTE, END):
        situation = seen(at=END + MINUTE, found=a_break(BUY, at=at))
        assert kinds(decided(young(), situation)) == []
    later = seen(at=END + MINUTE, found=a_break(BUY, at=END + timedelta(seconds=1)))
    assert kinds(decided(young(), later)) == [ActionKind.TRAIL_STOP]


def test_a_grace_that_ended_early_is_over_for_breaks_too() -> None:
    far = a_position(current_price=1.11000)
    trade = decided(young(), seen(at=AT + MINUTE, position=far, found=a_break(BUY, at=AT))).trade
    assert trade.terms.grace_until == AT + MINUTE
    before = seen(at=AT + BAR, position=far, found=a_break(BUY, at=AT + MINUTE))
    assert kinds(decided(trade, before)) == []
    since = seen(at=AT + BAR, position=far, found=a_break(BUY, at=AT + BAR))
    assert kinds(decided(trade, since)) == [ActionKind.TRAIL_STOP]


def adopted(opened_at: datetime) -> Trade:
    """A position that was opened then, and is adopted at AT."""
    return armed(71, a_position(), ACCOUNT, AT, POLICY, grace_from=opened_at)


def test_the_grace_of_what_is_adopted_began_at_its_opening() -> None:
    assert in_grace(adopted(AT - 14 * MINUTE), AT)
    assert not in_grace(adopted(AT - 15 * MINUTE), AT)
    assert decided(adopted(AT - HOUR), seen(-3.0)).trade.state is State.WARNING_L1


def test_what_broke_before_a_position_was_adopted_trails_nothing() -> None:
    trade = adopted(AT - 9 * HOUR)
    assert kinds(decided(trade, seen(found=a_break(BUY, at=AT - HOUR)))) == []
    since = seen(at=AT + BAR, found=a_break(BUY, at=AT + BAR))
    assert kinds(decided(trade, since)) == [ActionKind.TRAIL_STOP]


def test_a_trade_without_a_stop_gets_one_only_out_of_grace() -> None:
    position = a_position(stop_loss=None, current_price=1.10200)
    trade = young(stop_loss=None)
    assert kinds(decided(trade, seen(at=END - MINUTE, position=position))) == []
    after = decided(trade, seen(at=END, position=position))
    assert kinds(after) == [ActionKind.SET_MISSING_STOP]


def test_how_long_and_how_far_is_the_policys() -> None:
    states = StatePolicy(grace_minutes=0.0)
    policy = replace(POLICY, defence=DefencePolicy(states=states))
    trade = armed(71, a_position(), ACCOUNT, AT, policy)
    assert not in_grace(trade, AT)
    wide = replace(POLICY, defence=DefencePolicy(states=StatePolicy(grace_loss_r=5.0)))
    far = seen(position=a_position(current_price=1.10200 - 2 * R))
    assert in_grace(decided(young(), far, wide).trade, AT)
