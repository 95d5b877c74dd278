"""Scenarios as they are read: whole, or refused whole; from the library, or a file."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from dtms_server.terminal.simulator import library, moves
from dtms_server.terminal.simulator.scenario import read
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.steps import HEAD, step, steps

Begin = Callable[[Settings], None]


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ('"00:10:00"', 600.0),
        ("00:10:00", 600.0),
        ('"50:00:00"', 180_000.0),
        ('"0:00:01.5"', 1.5),
        ("600", 600.0),
        ("0.25", 0.25),
    ],
)
def test_a_time_is_a_duration_or_seconds(at: str, seconds: float) -> None:
    assert steps(f"at = {at}; do = 'clear'").steps[0].at == seconds


OPEN = "at = 0; do = 'open'; symbol = 'EURUSD'; direction = 'BUY'; "
WRONG = [
    (HEAD, "there must be a [[step]], or more"),
    (HEAD + "step = 7\n", "there must be a [[step]], or more"),
    ('what = "x"\n' + step("at = 0; do = 'clear'"), "title must be a text"),
    (HEAD + "speed = 3\n" + step("at = 0; do = 'clear'"), "'speed' is not known: a scenario has"),
    (HEAD + "start = 2025-01-10T20:00:00\n" + step("at = 0; do = 'clear'"), "and an offset"),
    (HEAD + step("do = 'clear'"), "line 3, step 1: at is missing, and must be a time as"),
    (HEAD + step("at = 'soon'; do = 'clear'"), "line 3, step 1: at is 'soon', which must be"),
    (HEAD + step("at = -1; do = 'clear'"), "line 3, step 1: at is -1"),
    (HEAD + step("at = true; do = 'clear'"), "line 3, step 1: at is True"),
    (HEAD + step("at = inf; do = 'clear'"), "line 3, step 1: at is inf"),
    (HEAD + step("at = 0"), "do = 'None' is no fault or move; known are clear, jump, open"),
    (HEAD + step("at = 0; do = ['pipe']"), "is no fault or move"),
    (HEAD + step("at = 0; do = 'disconect'"), "do = 'disconect' is no fault or move; known are"),
    (HEAD + step("at = 0; do = 'pipe'; secnods = 3"), "fault 'pipe' takes no parameters"),
    (HEAD + step("at = 0; do = 'disconnect'; until = 3"), "takes seconds: until is not for others"),
    (HEAD + step("at = 0; do = 'disconnect'; seconds = -3"), "line 3, step 1: fault 'disconnect'"),
    (HEAD + step("at = 0; do = 'jump'; pionts = 3"), "move 'jump' takes points, symbol"),
    (HEAD + step("at = 0; do = 'close'; share = 2"), "move 'close' takes share, which, symbol"),
    (HEAD + step("at = 0; do = 'deposit'; amount = nan"), "move 'deposit' takes amount"),
    (
        HEAD + step("at = 0; do = 'jump'; points = 1000000001"),
        "Expected `int` <= 1000000000",
    ),
    (HEAD + step("at = 0; do = 'jump'; points = -1000000001"), "Expected `int` >= -1000000000"),
    (
        HEAD + step("at = 0; do = 'modify'; stop_points = -1"),
        "Expected `int` >= 0",
    ),
    (HEAD + step("at = 0; do = 'spread'; seconds = 1; points = 1000000001"), "fault 'spread'"),
    (HEAD + step(OPEN + "lots = inf"), "Expected `float` <= 1000000.0 - at `$.lots`"),
    (HEAD + step(OPEN + f"lots = 1; comment = '{32 * 'x'}'"), "Expected `str` of length <= 31"),
    (HEAD + step("at = 0; do = 'clear'; fault = 'pipes'"), "no fault 'pipes'; known are pipe"),
    (HEAD + step("at = 0; do = 'sleep'; seconds = nan"), "move 'sleep' takes seconds"),
    (HEAD + step("at = 0; do = 'disconnect'; seconds = nan"), "fault 'disconnect' takes seconds"),
    (HEAD + step("at = 0; do = 'disconnect'; seconds = inf"), "fault 'disconnect' takes seconds"),
    (HEAD + step("at = 0; do = 'symbol'; conditions = {stop = 1}"), "stops_level, freeze_level"),
    (HEAD + step("at = 0; do = 'account'; rules = {lifo = true}"), "an account's rules are fifo"),
    (HEAD + step("at = 0; do = 'pipe'; every = 5"), "needs every (above 0) and times"),
    (HEAD + step("at = 0; do = 'pipe'; every = 0; times = 3"), "needs every (above 0) and times"),
    (HEAD + step("at = 0; do = 'pipe'; every = 5; times = 1"), "needs every (above 0) and times"),
    (HEAD + 2 * step("at = 0; do = 'pipe'; every = 5; times = 60000"), "more than 100000 times"),
    (HEAD + step("at = 9; do = 'pipe'") + step("at = 3; do = 'clear'"), "step 2 comes after"),
    ("title = ", "test.toml is no TOML: "),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read(text, "test.toml")


def test_all_that_is_wrong_is_named_at_once_with_its_line() -> None:
    text = "title = 3\n" + step("at = 0; do = 'pipes'") + "\n" + step("at = 'x'; do = 'clear'")
    with pytest.raises(ValueError) as wrong:  # noqa: PT011 - the whole of it is looked at
        read(text, "test.toml")
    told = str(wrong.value)
    assert told.startswith("test.toml: title must be a text; what must be a text; line 2, step 1: ")
    assert "; line 6, step 2: at is 'x'" in told


def test_steps_in_one_array_are_counted() -> None:
    with pytest.raises(ValueError, match=r"test.toml: step 2: do = 'pipes'"):
        read(HEAD + "step = [{at = 0, do = 'pipe'}, {at = 1, do = 'pipes'}]", "test.toml")


def test_every_move_and_fault_can_be_a_step() -> None:
    whole: dict[str, dict[str, object]] = {
        "jump": {"points": 5},
        "open": {"symbol": "EURUSD", "direction": "SELL", "lots": 0.1},
        "deposit": {"amount": 100},
        "symbol": {"conditions": {"stops_level": 10}},
        "account": {"rules": {"fifo": True}},
        "sleep": {"seconds": 10},
    }
    for name in moves.BY_NAME:
        assert moves.read(name, whole.get(name, {}))


# The library


@pytest.mark.parametrize("name", library.names())
def test_the_library_can_be_read(name: str) -> None:
    scenario = library.load(name)
    assert scenario == library.find(name)
    assert len(scenario.what) < 140
    assert re.fullmatch(r"[a-z-]+", name)


def test_a_scenario_that_is_nowhere_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    with pytest.raises(ValueError, match=r"No such file or directory.*library: autotrading-off, "):
        library.find(str(file))
    file.write_text(HEAD + step("at = 0; do = 'pipe'"))
    assert library.find(str(file)).steps[0].do == "pipe"
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="can be read"):
        library.find(str(file))
