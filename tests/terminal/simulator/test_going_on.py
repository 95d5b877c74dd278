"""Scenarios go on: through restarts, after another, and to the byte the same in any leaps."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.scenario import Scenario, read
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import given
from hypothesis import strategies as st
from terminal.simulator.steps import HEAD, step, steps

Begin = Callable[[Settings], None]


def test_a_world_taken_up_again_goes_on_with_its_script(begin: Begin, tmp_path: Path) -> None:
    told: list[str] = []
    scenario = steps(*(f"at = {at}; do = 'jump'; points = 5" for at in (10, 20, 30)))
    settings: dict[str, Any] = {"seed": 11, "speed": 0, "state_path": tmp_path / "world.json"}
    begin(Settings(**settings, scenario=scenario, told=told.append))
    control.advance(15)
    for again in (scenario, None):  # the same once more, or none named
        begin(Settings(**settings, scenario=again, told=told.append))
        control.advance(7)
    control.advance(60)
    assert [line.split()[0] for line in told] == ["0:00:10", "0:00:20", "0:00:30"]


def test_another_script_begins_where_the_world_is(begin: Begin, tmp_path: Path) -> None:
    told: list[str] = []
    settings: dict[str, Any] = {"seed": 11, "speed": 0, "state_path": tmp_path / "world.json"}
    begin(Settings(**settings, scenario=steps("at = 100; do = 'pipe'")))
    control.advance(50)
    other = steps("at = 10; do = 'requote'")
    begin(Settings(**settings, scenario=other, told=told.append))
    control.advance(9)
    assert told == []
    control.advance(500)
    assert told == ["0:00:10 requote"]
    control.play(steps("at = 5; do = 'pipe'"))
    control.advance(5)
    assert told == ["0:00:10 requote", "0:00:05 pipe"]
    control.play(steps("at = 5; do = 'jump'; points = 5"))
    control.play(None)
    control.advance(5)
    assert len(told) == 2


def test_a_script_with_a_start_begins_a_new_world(begin: Begin, tmp_path: Path) -> None:
    friday = datetime(2025, 1, 10, 20, tzinfo=UTC)
    text = HEAD + "start = 2025-01-10T22:00:00+02:00\n" + step("at = 0; do = 'requote'")
    scenario, path = read(text, "test.toml"), tmp_path / "world.json"
    settings: dict[str, Any] = {"seed": 11, "speed": 0, "state_path": path}
    begin(Settings(**settings, scenario=scenario))
    assert control.clock()[0] == friday
    control.advance(1)
    begin(Settings(**settings, scenario=scenario))  # the same goes on
    with pytest.raises(control.Refused, match="begins with a new world, at 2025-01-10 20:00:00"):
        control.play(scenario)
    path.unlink()
    begin(Settings(**settings))
    with pytest.raises(
        ValueError, match="begins with a new world at 2025-01-10 20:00:00"
    ) as refused:
        control.start(Settings(**settings, scenario=scenario))
    assert "move world.json and world.json.past away" in str(refused.value)
    early = read(text.replace("2025-", "1999-"), "test.toml")
    with pytest.raises(ValueError, match=r"'A test' begins at 1999-01-10 20:00:00.*too early"):
        control.start(Settings(seed=11, scenario=early))


@pytest.mark.parametrize("other", [steps("at = 90; do = 'pipe'"), None])
@pytest.mark.parametrize("start", ["", "start = 2025-01-10T20:00:00Z\n"])
def test_a_host_started_again_as_before_does_not_play_its_first_script_again(
    start: str, other: Scenario | None, begin: Begin, tmp_path: Path
) -> None:
    told: list[str] = []
    first = read(HEAD + start + step("at = 10; do = 'requote'"), "test.toml")
    path = tmp_path / "world.json"
    settings = Settings(seed=11, speed=0, state_path=path, scenario=first, told=told.append)
    begin(settings)
    control.advance(20)
    control.play(other)
    for _ in range(3):
        control.advance(20)
        begin(settings)
    control.advance(60)
    assert told == ["0:00:10 requote", *(["0:01:30 pipe"] if other else [])]


def test_a_script_of_another_symbol_is_refused(begin: Begin) -> None:
    scenario = steps("at = 0; do = 'jump'; points = 5; symbol = 'USDCHF'")
    with pytest.raises(ValueError, match="is of USDCHF, and here are EURUSD"):
        control.start(Settings(seed=11, symbol="EURUSD", scenario=scenario))
    begin(Settings(seed=11, speed=0, symbol="EURUSD"))
    with pytest.raises(control.Refused, match="is of USDCHF, and here are EURUSD"):
        control.play(scenario)


# The same run, however the clock goes

BUSY = steps(
    "at = 7; do = 'open'; symbol = 'EURUSD'; direction = 'BUY'; lots = 0.3; stop_points = 60",
    "at = 31; do = 'jump'; points = -25; every = 40; times = 5",
    "at = 33; do = 'spread'; points = 30; seconds = 50",
    "at = 90; do = 'open'; symbol = 'EURUSD'; direction = 'SELL'; lots = 0.2; target_points = 50",
    "at = 100; do = 'sleep'; seconds = 200",
    "at = 120; do = 'disconnect'; seconds = 400",
    "at = 500; do = 'deposit'; amount = -50",
    "at = 520; do = 'close'; which = 'all'; share = 0.5",
    "at = 590; do = 'symbol'; conditions = {tick_size = 0.00005}",
)


def run(leaps: list[float]) -> bytes:
    """Play it for 15 minutes in these leaps, and return what has become of the world."""
    told: list[str] = []
    settings = Settings(seed=5, speed=0, login=1, symbol="EURUSD", scenario=BUSY, told=told.append)
    control.start(settings)
    begun = current().clock.now()
    for leap in leaps:
        if current().clock.now() + leap < begun + 900:
            control.advance(leap)
    for end in (begun + 101, begun + 900):  # before and after the sleep
        control.advance(max(0.0, end - current().clock.now()))
    world, broker = current(), current().broker
    kept = (told, broker.now, broker.book, broker.quotes.jumps, broker.rules, world.conditions)
    return msgspec.json.encode((kept, world.faults.active))


@given(st.lists(st.floats(0.001, 200), max_size=30))
def test_the_same_seed_and_script_give_the_same_run_to_the_byte(leaps: list[float]) -> None:
    once = run([])
    assert run([round(leap, 3) for leap in leaps]) == once
    assert once.count(b"jump") == 5
