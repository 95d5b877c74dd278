"""The rails that stay shut: what latches them, what does not, and what lifts them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from dtms_server.domain.events import TradeClosed, apply
from dtms_server.domain.market import CashFlow
from dtms_server.domain.policy.defence import RailPolicy
from dtms_server.domain.rails import (
    Latch,
    Rail,
    RailMemory,
    Sample,
    count_stops,
    observe,
    restart,
)
from dtms_server.domain.trade import CloseReason, Closing, Trade
from hypothesis import given
from hypothesis import strategies as st
from situations import AT, a_trade

POLICY = RailPolicy()
DAY, HOUR, MINUTE, SECOND = (
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=1),
    timedelta(seconds=1),
)
DAY_START = AT.replace(hour=0) - 2 * HOUR
"""The server's day begins at 22:00 UTC of the day before."""
EQUITY_DAY, EQUITY_HOUR, STREAK = Rail.EQUITY_DAY, Rail.EQUITY_HOUR, Rail.LOSING_STREAK
Seen = tuple[datetime, float]


def begun(equity: float = 10_000.0, at: datetime = AT) -> RailMemory:
    return observe(None, at, equity, (), DAY_START, POLICY)


def after(
    memory: RailMemory,
    *seen: Seen,
    cash: Sequence[CashFlow] = (),
    day_start: datetime = DAY_START,
    policy: RailPolicy = POLICY,
) -> RailMemory:
    """The memory after the account was seen; the payments are told at the last look."""
    for at, equity in seen[:-1]:
        memory = observe(memory, at, equity, (), day_start, policy)
    at, equity = seen[-1]
    return observe(memory, at, equity, cash, day_start, policy)


def latched(memory: RailMemory) -> list[Rail]:
    return [latch.rail for latch in memory.latches]


def test_the_first_look_latches_nothing() -> None:
    memory = observe(None, AT, 10_000.0, [CashFlow(-9_000.0, AT)], DAY_START, POLICY)
    assert memory == RailMemory(DAY_START, Sample(AT, 10_000.0), (Sample(AT, 10_000.0),), AT)


@pytest.mark.parametrize(
    ("equity", "shut"),
    [(9_900.01, []), (9_900.0, [EQUITY_HOUR]), (9_800.01, [EQUITY_HOUR])],
)
def test_1_percent_in_an_hour_latches(equity: float, shut: list[Rail]) -> None:
    assert latched(after(begun(), (AT + 59 * MINUTE, equity))) == shut


def test_2_percent_in_a_day_latch_however_slowly_they_are_lost() -> None:
    slowly = [(AT + n * HOUR, 10_000.0 - 39 * n) for n in range(1, 6)]
    memory = after(begun(), *slowly, (AT + 6 * HOUR, 9_800.01))
    assert latched(memory) == []
    assert latched(after(memory, (AT + 6 * HOUR, 9_800.0))) == [EQUITY_DAY]


def test_what_was_lost_over_an_hour_ago_is_no_loss_of_this_hour() -> None:
    memory = after(begun(), (AT + HOUR + SECOND, 9_890.0))
    assert latched(memory) == []
    on_time = after(begun(), (AT + HOUR, 9_890.0))
    assert latched(on_time) == [EQUITY_HOUR]


def test_the_hour_is_measured_from_its_highest_not_its_first() -> None:
    memory = after(begun(), (AT + 10 * MINUTE, 10_150.0), (AT + 20 * MINUTE, 10_048.5))
    assert latched(memory) == [EQUITY_HOUR]
    assert memory.latches[0].since == AT + 20 * MINUTE
    assert memory.latches[0].reason == "equity 10048.50 is 1.0% under its highest of 60 minutes"


def test_the_highest_of_a_minute_stands_for_it() -> None:
    peak = (AT + 30 * SECOND, 10_150.0)
    memory = after(begun(), peak, (AT + 50 * SECOND, 10_060.0), (AT + 59 * MINUTE, 10_060.0))
    assert latched(memory) == []
    assert latched(after(memory, (AT + HOUR, 10_048.5))) == [EQUITY_HOUR]
    assert len(memory.samples) == 2


def test_the_memory_is_an_hour_of_minutes_long() -> None:
    every_cycle = [(AT + n * 30 * SECOND, 10_000.0) for n in range(1, 1000)]
    assert len(after(begun(), *every_cycle).samples) <= 61


def test_a_latch_holds_although_the_equity_comes_back() -> None:
    memory = after(begun(), (AT + MINUTE, 9_700.0), (AT + 5 * HOUR, 12_000.0))
    assert latched(memory) == [EQUITY_DAY, EQUITY_HOUR]
    assert {latch.since for latch in memory.latches} == {AT + MINUTE}


PAID = AT + MINUTE


@pytest.mark.parametrize("amount", [5_000.0, -5_000.0, 20_000.0, -9_000.0])
def test_what_is_paid_in_or_out_is_no_gain_and_no_loss(amount: float) -> None:
    paid = CashFlow(amount, PAID)
    memory = after(begun(), (PAID + SECOND, 10_000.0 + amount), cash=[paid])
    assert latched(memory) == []
    later = after(memory, (AT + 2 * HOUR, 10_000.0 + amount))
    assert latched(later) == []
    lost = after(memory, (AT + 2 * MINUTE, 0.97 * (10_000.0 + amount)))
    assert latched(lost) == [EQUITY_DAY, EQUITY_HOUR]


def test_a_deposit_hides_no_loss() -> None:
    memory = after(begun(), (AT + 2 * MINUTE, 10_790.0), cash=[CashFlow(1_000.0, PAID)])
    assert latched(memory) == [EQUITY_HOUR]


def test_a_payment_that_is_told_late_changes_only_what_was_seen_before_it() -> None:
    memory = after(begun(), (PAID, 10_000.0), (PAID + MINUTE, 15_000.0))
    memory = after(memory, (PAID + 2 * MINUTE, 15_000.0), cash=[CashFlow(5_000.0, PAID + SECOND)])
    assert {sample.equity for sample in memory.samples} == {15_000.0}
    assert memory.day_equity.equity == 15_000.0


@pytest.mark.parametrize("lag", [0, 1, 59])
@pytest.mark.parametrize("amount", [5_000.0, -5_000.0])
def test_a_payment_whose_time_lies_before_the_look_that_it_followed_is_no_loss(
    lag: int, amount: float
) -> None:
    paid = CashFlow(amount, AT - lag * SECOND)
    memory = after(begun(), (AT + MINUTE, 10_000.0 + amount), cash=[paid])
    assert latched(memory) == []


def test_a_payment_of_long_before_a_look_was_in_what_it_saw() -> None:
    late = CashFlow(-5_000.0, AT - MINUTE)
    memory = after(begun(), (AT + MINUTE, 9_900.0), cash=[late])
    assert latched(memory) == [EQUITY_HOUR]


def test_an_account_without_money_latches_nothing() -> None:
    for equity in (0.0, -50.0):
        assert latched(after(begun(equity), (AT + MINUTE, equity - 100.0))) == []


def test_the_next_server_day_lifts_the_latches_and_begins_anew() -> None:
    shut = after(begun(), (AT + MINUTE, 9_700.0))
    tomorrow = DAY_START + DAY
    memory = after(shut, (tomorrow + SECOND, 9_650.0), day_start=tomorrow)
    assert latched(memory) == []
    assert memory.day_equity == Sample(tomorrow + SECOND, 9_650.0)
    assert memory.day_start == tomorrow


def test_the_fall_that_latched_does_not_latch_the_new_day_too() -> None:
    tomorrow = DAY_START + DAY
    eve = tomorrow - 10 * MINUTE
    shut = after(begun(), (eve, 10_000.0), (eve + MINUTE, 9_895.0))
    assert latched(shut) == [EQUITY_HOUR]
    memory = after(shut, (tomorrow + MINUTE, 9_895.0), day_start=tomorrow)
    assert latched(memory) == []


def test_an_hour_that_latched_nothing_goes_on_over_midnight() -> None:
    tomorrow = DAY_START + DAY
    eve = tomorrow - 10 * MINUTE
    memory = after(begun(), (eve, 10_000.0), (eve + MINUTE, 9_950.0))
    memory = after(memory, (tomorrow + MINUTE, 9_900.0), day_start=tomorrow)
    assert latched(memory) == [EQUITY_HOUR]


@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_a_clock_that_goes_to_summer_time_begins_no_other_day(shift: timedelta) -> None:
    shut = after(begun(), (AT + MINUTE, 9_700.0))
    memory = after(shut, (AT + 2 * MINUTE, 9_700.0), day_start=DAY_START + shift)
    assert latched(memory) == [EQUITY_DAY, EQUITY_HOUR]
    assert memory.day_equity == shut.day_equity
    next_day = DAY_START + shift + DAY
    assert latched(after(memory, (next_day, 9_700.0), day_start=next_day)) == []


def test_samples_of_a_clock_that_has_gone_back_are_forgotten() -> None:
    memory = after(begun(), (AT + 30 * MINUTE, 11_000.0), (AT + 5 * MINUTE, 10_000.0))
    assert latched(memory) == []
    assert [sample.at for sample in memory.samples] == [AT, AT + 5 * MINUTE]


def test_how_much_and_how_long_is_the_policys() -> None:
    policy = RailPolicy(equity_day_share=0.5, equity_hour_share=0.1, equity_window_minutes=5.0)
    memory = after(begun(), (AT + 4 * MINUTE, 9_100.0), policy=policy)
    assert latched(memory) == []
    assert latched(after(begun(), (AT + 4 * MINUTE, 9_000.0), policy=policy)) == [EQUITY_HOUR]
    assert latched(after(begun(), (AT + 6 * MINUTE, 9_000.0), policy=policy)) == []


def test_an_operator_lifts_all_and_what_was_before_no_longer_counts() -> None:
    shut = after(begun(), (AT + MINUTE, 9_700.0))
    shut = replace(shut, latches=(*shut.latches, Latch(STREAK, AT, "three stops")))
    memory = restart(shut, AT + 2 * MINUTE, 9_700.0)
    assert memory == begun(9_700.0, AT + 2 * MINUTE)
    assert latched(after(memory, (AT + 3 * MINUTE, 9_650.0))) == []
    assert latched(after(memory, (AT + 3 * MINUTE, 9_600.0))) == [EQUITY_HOUR]


STOPPED, SAVED = Closing(CloseReason.SL, -12.5, 1.09, AT), Closing(CloseReason.SL, 0.0, 1.1, AT)
STOPPED_OUT = replace(STOPPED, reason=CloseReason.STOP_OUT)
TARGET, BY_HAND = (
    replace(STOPPED, reason=CloseReason.TP, profit=30.0),
    replace(STOPPED, reason=CloseReason.MANUAL),
)


def closed(*closings: Closing) -> list[Trade]:
    """Trades that were closed so, the newest first."""
    return [apply(a_trade(), TradeClosed(closing), AT) for closing in closings]


@pytest.mark.parametrize(
    ("closings", "shut"),
    [
        ((STOPPED, STOPPED, STOPPED), True),
        ((STOPPED, STOPPED, STOPPED, TARGET), True),
        ((STOPPED, STOPPED_OUT, STOPPED_OUT), True),
        ((STOPPED, STOPPED), False),
        ((), False),
        ((STOPPED, STOPPED, TARGET, STOPPED), False),
        ((TARGET, STOPPED, STOPPED, STOPPED), False),
        ((STOPPED, SAVED, STOPPED, STOPPED), False),
        ((STOPPED, BY_HAND, STOPPED, STOPPED), False),
    ],
)
def test_the_last_three_closed_by_their_stop_at_a_loss_latch(
    closings: tuple[Closing, ...], shut: bool
) -> None:
    memory = count_stops(begun(), AT, closed(*closings), POLICY)
    assert latched(memory) == ([STREAK] if shut else [])


def test_a_streak_is_told_once_and_its_length_is_the_policys() -> None:
    memory = count_stops(begun(), AT, closed(STOPPED, STOPPED, STOPPED), POLICY)
    assert memory.latches[0].reason == "the last 3 trades were stopped at a loss"
    later = count_stops(memory, AT + HOUR, closed(STOPPED, STOPPED, STOPPED), POLICY)
    assert later == memory
    two = RailPolicy(losing_streak=2)
    assert latched(count_stops(begun(), AT, closed(STOPPED, STOPPED), two)) == [STREAK]


def test_a_streak_that_latched_does_not_count_on_the_next_day() -> None:
    tomorrow = DAY_START + DAY
    calm = after(begun(), (tomorrow, 10_000.0), day_start=tomorrow)
    assert calm.streak_from == AT, "a streak may go on over midnight"
    shut = count_stops(begun(), AT, closed(STOPPED, STOPPED, STOPPED), POLICY)
    memory = after(shut, (tomorrow + HOUR, 10_000.0), day_start=tomorrow)
    assert latched(memory) == []
    assert memory.streak_from == tomorrow


looks = st.lists(st.tuples(st.integers(1, 40), st.floats(-0.012, 0.012)), min_size=1, max_size=40)


@given(looks, st.sampled_from([1.0, 250.0, 1e6]))
def test_a_latch_tells_of_a_loss_that_there_was(
    steps: list[tuple[int, float]], start: float
) -> None:
    memory, at, equity = begun(start), AT, start
    worth = [(at, equity)]
    for minutes, move in steps:
        at, equity = at + minutes * MINUTE, equity * (1 + move)
        if at >= DAY_START + DAY:
            break
        worth.append((at, equity))
        memory = after(memory, (at, equity))
    fell_in_a_day = min(value for _, value in worth) <= start * (1 - 0.02) * (1 + 1e-12)
    fell_in_an_hour = any(
        later <= earlier * (1 - 0.01) * (1 + 1e-12)
        for i, (then, earlier) in enumerate(worth)
        for now, later in worth[i:]
        if now - then <= HOUR
    )
    assert (EQUITY_DAY in latched(memory)) == fell_in_a_day
    assert (EQUITY_HOUR in latched(memory)) == fell_in_an_hour


payments = st.tuples(st.integers(0, 90), st.floats(-900, 9_000), st.integers(-59, 1))


@given(st.lists(payments, max_size=20))
def test_payments_alone_never_latch(told: list[tuple[int, float, int]]) -> None:
    memory, at, equity = begun(100_000.0), AT, 100_000.0
    for seconds, amount, broker_ahead in told:
        paid = CashFlow(amount, at + broker_ahead * SECOND)
        at, equity = at + 2 * SECOND + seconds * SECOND, equity + amount
        memory = after(memory, (at, equity), cash=[paid])
    assert memory.latches == ()


@given(st.permutations([CashFlow(n * 100.0, AT + n * SECOND) for n in range(-3, 4)]))
def test_the_order_in_which_payments_are_told_does_not_matter(cash: list[CashFlow]) -> None:
    memory = after(begun(), (AT + MINUTE, 10_000.0), cash=cash)
    in_order = sorted(cash, key=lambda flow: flow.at)
    assert memory == after(begun(), (AT + MINUTE, 10_000.0), cash=in_order)
