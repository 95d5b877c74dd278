"""Scenarios: read whole or refused whole, and played by the virtual clock alone."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control, library, moves
from dtms_server.terminal.simulator.scenario import Scenario, read
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import given
from hypothesis import strategies as st
from terminal.simulator.trader import held, opened, tick

Begin = Callable[[Settings], None]
HEAD = 'title = "A test"\nwhat = "Something happens."\n'


def steps(*lines: str) -> Scenario:
    """A scenario of these steps, each given as `key = value; key = value`."""
    return read(HEAD + "".join(step(line) for line in lines), "test.toml")


def step(line: str) -> str:
    return "[[step]]\n" + "\n".join(part.strip() for part in line.split(";")) + "\n"


def names() -> list[str]:
    return [fault["type"] for fault in control.faults()]


def point(price: float, points: int) -> float:
    return round(price + points * 1e-5, 5)


# How it is read


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


WRONG = [
    (HEAD, "there must be a [[step]], or more"),
    (HEAD + "step = 7\n", "there must be a [[step]], or more"),
    ('what = "x"\n' + step("at = 0; do = 'clear'"), "title must be a text"),
    (HEAD + "speed = 3\n" + step("at = 0; do = 'clear'"), "'speed' is not known: a scenario has"),
    (HEAD + "start = 2025-01-10T20:00:00\n" + step("at = 0; do = 'clear'"), "and an offset"),
    (HEAD + step("do = 'clear'"), "line 3, step 1: at is missing"),
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


# How it is played


def test_a_step_happens_when_its_time_has_come_and_is_told(begin: Begin) -> None:
    told: list[str] = []
    scenario = steps(
        "at = '00:10:00'; do = 'market_closed'; symbol = 'EURUSD'; seconds = 60",
        "at = '00:20:00'; do = 'pipe'",
        "at = '00:21:00'; do = 'clear'; fault = 'pipe'",
    )
    begin(Settings(seed=11, speed=0, scenario=scenario, told=told.append))
    control.advance(599)
    assert names() == []
    control.advance(1)
    assert names() == ["market_closed"]
    control.advance(60)
    assert names() == []  # it lasts by the virtual clock
    control.advance(540)
    assert names() == ["pipe"]
    control.advance(3600)
    assert names() == []
    assert told == [
        "0:10:00 market_closed symbol=EURUSD seconds=60",
        "0:20:00 pipe",
        "0:21:00 clear fault=pipe",
    ]


def test_a_fault_that_began_in_a_leap_ends_by_its_own_time(begin: Begin) -> None:
    begin(Settings(seed=11, speed=0, scenario=steps("at = 60; do = 'disconnect'; seconds = 60")))
    control.advance(90)
    assert names() == ["disconnect"]
    control.advance(30)
    assert names() == []


def test_a_step_can_be_repeated(begin: Begin) -> None:
    told: list[str] = []
    scenario = steps(
        "at = 10; do = 'requote'; every = '00:01:00'; times = 3", "at = 75; do = 'clear'"
    )
    begin(Settings(seed=11, speed=0, scenario=scenario, told=told.append))
    control.advance(3600)
    assert [line.split()[0] for line in told] == ["0:00:10", "0:01:10", "0:01:15", "0:02:10"]
    assert names() == ["requote"]


def test_steps_of_one_time_happen_in_the_order_given(begin: Begin) -> None:
    scenario = steps("at = 5; do = 'pipe'", "at = 5; do = 'clear'", "at = 5; do = 'requote'")
    begin(Settings(seed=11, speed=0, scenario=scenario))
    control.advance(5)
    assert names() == ["requote"]


def test_somebody_trades(begin: Begin) -> None:
    scenario = steps(
        "at = 10; do = 'open'; symbol = 'EURUSD'; direction = 'BUY'; lots = 0.3; stop_points = 400;"
        "target_points = 300; magic = 7; comment = 'me'",
        "at = 20; do = 'close'; share = 0.5",
        "at = 30; do = 'open'; symbol = 'GBPUSD'; direction = 'SELL'; lots = 0.1",
        "at = 40; do = 'modify'; which = 'newest'; stop_points = 200",
        "at = 50; do = 'modify'; symbol = 'EURUSD'; stop_points = 0",
        "at = 60; do = 'close'; which = 'newest'",
        "at = 70; do = 'close'; which = 'all'",
    )
    begin(Settings(seed=11, speed=0, scenario=scenario))
    control.advance(10)
    (mine,) = control.positions()
    assert (mine.volume, mine.magic, mine.comment) == (0.3, 7, "me")
    entry = mine.price_open
    assert (mine.sl, mine.tp) == (point(entry, -400), point(entry, 300))
    control.advance(10)
    assert [p.volume for p in control.positions()] == [0.15]
    control.advance(20)
    mine, other = control.positions()
    assert (other.symbol, other.type, other.tp) == ("GBPUSD", mt5.POSITION_TYPE_SELL, 0.0)
    assert other.sl == point(tick("GBPUSD").ask, 200)
    control.advance(10)
    assert [(p.symbol, p.sl, p.tp) for p in control.positions()] == [
        ("EURUSD", 0.0, mine.tp),
        ("GBPUSD", other.sl, 0.0),
    ]
    control.advance(10)
    assert [p.symbol for p in control.positions()] == ["EURUSD"]
    control.advance(10)
    assert control.positions() == ()


def test_prices_money_and_rules_change(begin: Begin) -> None:
    scenario = steps(
        "at = 10; do = 'jump'; points = -70; symbol = 'EURUSD'",
        "at = 20; do = 'deposit'; amount = -2500",
        "at = 30; do = 'account'; rules = {fifo = true}",
        "at = 40; do = 'symbol'; conditions = {stops_level = 25}",
        "at = 50; do = 'spread'; points = 90; seconds = 10",
    )
    begin(Settings(seed=11, speed=0, scenario=scenario))
    control.advance(9.999)
    before = tick().bid
    control.advance(0.001)
    assert tick().bid == point(before, -70)
    control.advance(45)
    account = mt5.account_info()
    assert account is not None
    assert account.balance == 7500.0
    assert account.fifo_close
    for symbol in ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD"):
        facts = mt5.symbol_info(symbol)
        assert facts is not None
        assert facts.trade_stops_level == 25
        assert facts.spread >= 90


def test_what_cannot_be_done_is_told_and_the_rest_goes_on(begin: Begin) -> None:
    told: list[str] = []
    scenario = steps(
        "at = 10; do = 'close'", "at = 20; do = 'jump'; points = -900000", "at = 30; do = 'pipe'"
    )
    begin(Settings(seed=11, speed=0, symbol="EURUSD", scenario=scenario, told=told.append))
    control.advance(60)
    assert told == [
        "0:00:10 close",
        "could not be done: there is no such position (10036)",
        "0:00:20 jump points=-900000",
        "could not be done: The price would be nothing or less (10015)",
        "0:00:30 pipe",
    ]
    assert names() == ["pipe"]


def test_a_machine_that_slept_finds_clock_and_market_further(begin: Begin) -> None:
    scenario = steps("at = 60; do = 'sleep'; seconds = 3600", "at = 1800; do = 'requote'")
    begin(Settings(seed=11, speed=0, scenario=scenario))
    begun, _ = control.clock()
    control.advance(60)
    assert control.clock()[0] - begun == timedelta(seconds=3660)
    assert names() == ["requote"]  # what was due in its sleep has happened
    quoted = datetime.fromtimestamp(tick().time, UTC) - timedelta(hours=2)
    assert timedelta(0) <= control.clock()[0] - quoted < timedelta(minutes=1)


def test_a_wrong_clock_is_the_machine_s_and_not_the_market_s(hedging: None) -> None:
    right, _ = control.clock()
    before = tick().time_msc
    control.inject("clock", ahead=-600, seconds=60)
    assert control.shown_clock()[0] - right == timedelta(seconds=-600)
    assert (control.clock()[0], tick().time_msc) == (right, before)
    control.advance(60)
    assert control.shown_clock() == control.clock()


def test_a_terminal_that_synchronises_shows_nothing_of_the_account(hedging: None) -> None:
    ticket = opened(volume=0.3)
    control.inject("synchronising", seconds=60)
    account = mt5.account_info()
    assert account is not None
    assert (account.margin, account.profit, account.equity) == (0.0, 0.0, account.balance)
    assert held() == {}
    assert mt5.history_deals_get(position=ticket) == ()
    control.advance(60)
    assert set(held()) == {ticket}
    assert mt5.history_deals_get(position=ticket)


def test_a_reboot_ends_the_process_when_all_is_on_disk(begin: Begin, tmp_path: Path) -> None:
    path, rebooted = tmp_path / "world.json", list[str]()
    scenario = steps("at = 10; do = 'empty'", "at = 10; do = 'reboot'", "at = 10; do = 'requote'")

    def reboot() -> None:
        rebooted.append(path.read_text())

    begin(Settings(seed=11, speed=0, state_path=path, scenario=scenario, reboot=reboot))
    control.advance(30)
    (state,) = map(json.loads, rebooted)
    assert [fault["type"] for fault in state["faults"]] == ["empty", "pipe"]
    assert state["played"]["past"] == 2  # it is not done again, and what follows is
    assert mt5.positions_get() is None
    assert mt5.last_error()[0] == mt5.RES_E_INTERNAL_FAIL_CONNECT
    assert mt5.initialize()


# How it goes on


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
    with pytest.raises(ValueError, match="begins with a new world at 2025-01-10 20:00:00"):
        control.start(Settings(**settings, scenario=scenario))
    early = read(text.replace("2025-", "1999-"), "test.toml")
    with pytest.raises(ValueError, match=r"'A test' begins at 1999-01-10 20:00:00.*too early"):
        control.start(Settings(seed=11, scenario=early))


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
