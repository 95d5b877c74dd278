import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.clock import Clock, ServerZone
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import given
from hypothesis import strategies as st


def epoch(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("offset", "utc", "server"),
    [
        ("EET", epoch(2025, 1, 6, 8), epoch(2025, 1, 6, 10)),
        ("EET", epoch(2025, 7, 6, 8), epoch(2025, 7, 6, 11)),
        ("+02:00", epoch(2025, 7, 6, 8), epoch(2025, 7, 6, 10)),
        ("-05:30", epoch(2025, 7, 6, 8), epoch(2025, 7, 6, 2, 30)),
        ("UTC", epoch(2025, 7, 6, 8), epoch(2025, 7, 6, 8)),
    ],
)
def test_the_servers_clock_is_utc_and_an_offset(offset: str, utc: float, server: float) -> None:
    zone = ServerZone.parse(offset)
    assert zone.server(utc) == server
    assert zone.utc(server) == utc


@pytest.mark.parametrize(
    "offset", ["", "+2", "2:00", "+24:00", "+01:60", "Nowhere", "../etc", "\0"]
)
def test_an_offset_that_is_none_is_named(offset: str) -> None:
    with pytest.raises(ValueError, match="server offset"):
        ServerZone.parse(offset)


@given(st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=50))
def test_many_epochs_are_moved_as_each_alone(epochs: list[int]) -> None:
    zone = ServerZone.parse("EET")
    together = zone.servers(np.array(epochs, np.int64)).tolist()
    assert together == [round(zone.server(epoch)) for epoch in epochs]


def test_a_clock_of_speed_0_stands_until_it_is_advanced(hedging: None) -> None:
    at, speed = control.clock()
    assert (at, speed) == (datetime(2025, 1, 6, 8, tzinfo=UTC), 0)  # 10:00 in Athens
    assert control.clock() == (at, speed)
    control.advance(90)
    assert control.clock()[0] == at + timedelta(seconds=90)
    control.set_clock(at + timedelta(hours=2))
    assert control.clock()[0] == at + timedelta(hours=2)


def test_a_clock_runs_as_fast_as_it_is_told() -> None:
    before = time.monotonic()
    clock = Clock(1000.0, 3600)
    first = clock.now()
    assert 1000 <= first <= 1000 + (time.monotonic() - before) * 3600
    clock.run(0)
    stood = clock.now()
    assert stood >= first
    assert clock.now() == stood
    clock.set(5.0)
    assert clock.now() == 5.0


def test_a_clock_that_runs_moves_the_market(begin: Callable[[Settings], None]) -> None:
    begin(Settings(seed=1, speed=100_000.0))
    first = mt5.symbol_info_tick("EURUSD")
    assert first is not None
    deadline = time.monotonic() + 20
    while True:
        tick = mt5.symbol_info_tick("EURUSD")
        assert tick is not None
        if tick.time > first.time or time.monotonic() > deadline:
            break
    assert tick.time > first.time
    control.set_speed(0)
    assert control.clock() == control.clock()
    assert control.clock()[1] == 0


def test_time_neither_goes_back_nor_beyond_all_bounds(hedging: None) -> None:
    at, _ = control.clock()
    for wrong in (-1.0, math.nan, math.inf, 1e12):
        with pytest.raises(control.Refused):
            control.advance(wrong)
    with pytest.raises(control.Refused, match="cannot go to"):
        control.set_clock(at - timedelta(seconds=1))
    with pytest.raises(control.Refused):
        control.set_clock(datetime(2026, 1, 1))  # noqa: DTZ001 - without a zone on purpose
    for speed in (-1.0, math.nan, 1e7):
        with pytest.raises(control.Refused, match="speed"):
            control.set_speed(speed)
    assert control.clock()[0] == at


def test_the_hour_that_a_clock_shows_twice_is_stood_through(
    begin: Callable[[Settings], None],
) -> None:
    start = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)  # Sunday 03:30 in Athens, summer time
    begin(Settings(seed=1, speed=0, start=start))
    for _ in range(6):
        control.advance(1800)
        assert mt5.account_info() is not None
    control.advance(86_400)
    assert control.open_position("EURUSD", "BUY", 0.1)
