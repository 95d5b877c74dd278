"""Timers count the minutes of an open market."""

from datetime import UTC, datetime, timedelta

import pytest
from dtms_server.domain.timers import bar_end, open_since, ran_out_at, runs_out_at
from dtms_server.domain.trade import State
from hypothesis import given
from hypothesis import strategies as st
from situations import AT, HOUR, a_trade, an_analysis

MINUTE = timedelta(minutes=1)
SINCE, DEADLINE = AT - HOUR, AT + 15 * MINUTE
HEDGED = a_trade(State.HEDGED, since=SINCE, deadline=DEADLINE)


def closed(*spans: tuple[int, int]) -> list[tuple[datetime, datetime]]:
    """The market was closed between these minutes past SINCE."""
    return [(SINCE + a * MINUTE, SINCE + b * MINUTE) for a, b in spans]


@pytest.mark.parametrize(
    ("spans", "minutes"),
    [
        ([], 60),
        ([(10, 30)], 40),
        ([(10, 30), (40, 45)], 35),
        ([(-30, 10)], 50),
        ([(-30, -10)], 60),
        ([(50, 90)], 50),
        ([(70, 90)], 60),
        ([(-10, 90)], 0),
    ],
)
def test_closed_minutes_do_not_count(spans: list[tuple[int, int]], minutes: int) -> None:
    analysis = an_analysis(AT, closings=closed(*spans))
    assert open_since(SINCE, AT, analysis) == minutes * MINUTE
    put_off = runs_out_at(HEDGED, AT, analysis)
    assert put_off == DEADLINE + (60 - minutes) * MINUTE


def test_without_an_analysis_no_closing_is_known() -> None:
    assert open_since(SINCE, AT, None) == HOUR
    assert runs_out_at(HEDGED, AT, None) == DEADLINE


def test_a_trade_without_a_deadline_has_no_timer() -> None:
    trade = a_trade(State.WARNING_L2)
    assert runs_out_at(trade, AT, an_analysis()) is None
    assert ran_out_at(trade, AT, an_analysis()) is None


def test_a_timer_runs_out_at_its_deadline_and_only_with_an_analysis() -> None:
    for now, out in ((DEADLINE - MINUTE, None), (DEADLINE, DEADLINE), (AT + 9 * HOUR, DEADLINE)):
        assert ran_out_at(HEDGED, now, an_analysis(now)) == out
        assert ran_out_at(HEDGED, now, None) is None


def test_a_weekend_does_not_let_a_timer_run_out() -> None:
    trade = a_trade(State.RECOVERING, since=SINCE, deadline=SINCE + 30 * MINUTE)
    weekend = [(SINCE + 20 * MINUTE, SINCE + 49 * HOUR)]
    for open_minutes, out in ((9, False), (10, True), (11, True)):
        now = SINCE + 49 * HOUR + open_minutes * MINUTE
        due = ran_out_at(trade, now, an_analysis(now, closings=weekend))
        assert (due is not None) is out
        assert due in (None, SINCE + 49 * HOUR + 10 * MINUTE)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=6), st.integers(0, 300))
def test_a_timer_has_run_out_when_the_market_was_open_for_long_enough(
    steps: list[tuple[int, int]], minutes: int
) -> None:
    spans, at = [], SINCE - 20 * MINUTE
    for pause, length in steps:
        spans.append((at + pause * MINUTE, at + (pause + length) * MINUTE))
        at = spans[-1][1]
    now = SINCE + minutes * MINUTE
    analysis = an_analysis(now, closings=[span for span in spans if span[1] <= now])
    was_open = open_since(SINCE, now, analysis)
    assert timedelta(0) <= was_open <= now - SINCE
    assert (ran_out_at(HEDGED, now, analysis) is not None) == (was_open >= DEADLINE - SINCE)


def test_the_end_of_a_bar_is_the_next_whole_five_minutes() -> None:
    begun = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)
    for seconds in (0, 1, 150, 299):
        assert bar_end(begun + timedelta(seconds=seconds)) == begun + timedelta(minutes=5)
    assert bar_end(begun + timedelta(minutes=5)) == begun + timedelta(minutes=10)
