"""The broker's clock in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from dtms_server.terminal.clock import ServerClock
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
HALF_HOURS = st.integers(-24, 28).map(lambda steps: timedelta(minutes=30 * steps))


def server_milliseconds(at: datetime, offset: timedelta) -> int:
    return round((at + offset).timestamp() * 1000)


def fresh_ticks(clock: ServerClock, offset: timedelta, count: int, age: float = 1.0) -> None:
    for second in range(0, 10 * count, 10):
        now = NOON + timedelta(seconds=second)
        tick = server_milliseconds(now - timedelta(seconds=age), offset)
        clock.observe(tick, now, now)


@pytest.mark.parametrize(
    ("configured", "at", "hours"),
    [
        ("EET", datetime(2026, 1, 14, 12, tzinfo=UTC), 2),
        ("EET", datetime(2026, 7, 14, 12, tzinfo=UTC), 3),
        ("+05:30", datetime(2026, 7, 14, 12, tzinfo=UTC), 5.5),
        ("-05:00", datetime(2026, 7, 14, 12, tzinfo=UTC), -5),
    ],
)
def test_the_configured_offset_holds_with_its_summer_time(
    configured: str, at: datetime, hours: float
) -> None:
    shown = server_milliseconds(at, timedelta(hours=hours))
    assert ServerClock(configured).utc(shown) == at


@given(HALF_HOURS, st.floats(0, 100))
def test_three_fresh_ticks_tell_any_offset(offset: timedelta, age: float) -> None:
    clock = ServerClock("UTC")
    fresh_ticks(clock, offset, 3, age)
    assert clock.utc(server_milliseconds(NOON, offset)) == NOON


@given(HALF_HOURS)
def test_one_fresh_tick_tells_nothing_yet(offset: timedelta) -> None:
    clock = ServerClock("UTC")
    fresh_ticks(clock, offset, 2)  # the first is only known, the second is the first fresh one
    assert clock.utc(server_milliseconds(NOON, timedelta(0))) == NOON


@given(st.floats(130, 1670), st.integers(0, 300))
def test_ticks_that_lag_tell_nothing(age: float, half_hours: int) -> None:
    clock = ServerClock("+02:00")
    fresh_ticks(clock, timedelta(hours=2), 5, age + 1800 * half_hours)
    assert clock.utc(server_milliseconds(NOON, timedelta(hours=2))) == NOON


def test_a_tick_that_stands_tells_nothing() -> None:
    clock = ServerClock("+02:00")
    for hours in range(1, 5):  # a weekend: the clock goes on, the last tick is Friday's
        later = NOON + timedelta(hours=hours)
        clock.observe(server_milliseconds(NOON, timedelta(hours=2)), later, later)
    assert clock.utc(server_milliseconds(NOON, timedelta(hours=2))) == NOON


def test_readings_far_apart_on_a_fast_clock_tell_nothing() -> None:
    clock = ServerClock("+02:00")
    for second in range(5):
        now = NOON + timedelta(seconds=second)
        later = now + timedelta(minutes=30)
        clock.observe(server_milliseconds(later, timedelta(hours=2)), now, later)
    assert clock.utc(server_milliseconds(NOON, timedelta(hours=2))) == NOON


def test_a_zone_that_agrees_with_the_ticks_keeps_its_summer_time() -> None:
    clock = ServerClock("EET")
    fresh_ticks(clock, timedelta(hours=7), 4)
    fresh_ticks(clock, timedelta(hours=2), 4)
    later = NOON + timedelta(hours=6)
    for second in range(0, 50, 10):
        now = later + timedelta(seconds=second)
        clock.observe(server_milliseconds(now, timedelta(hours=2)), now, now)
    july = datetime(2025, 7, 14, 12, tzinfo=UTC)
    assert clock.utc(server_milliseconds(july, timedelta(hours=3))) == july


@pytest.mark.parametrize(
    "wrong", ["Nowhere/Land", "+2", "+25:00", "+02:60", "-aa:bb", "+-1:00", ""]
)
def test_a_wrong_offset_is_refused_with_its_name(wrong: str) -> None:
    with pytest.raises(ValueError, match="server offset") as refusal:
        ServerClock(wrong)
    assert repr(wrong) in str(refusal.value)


@given(st.integers(-14 * 60, 14 * 60), st.integers(0, 4_000_000_000))
def test_every_fixed_offset_is_undone(minutes: int, seconds: int) -> None:
    offset = timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    clock = ServerClock(f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}")
    at = datetime.fromtimestamp(seconds, timezone(offset)).astimezone(UTC)
    assert clock.utc(server_milliseconds(at, offset)) == at
