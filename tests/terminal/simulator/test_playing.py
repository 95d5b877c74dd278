"""Scenarios as they are played: by the virtual clock alone, each step once and in its time."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.steps import steps
from terminal.simulator.trader import held, opened, tick

Begin = Callable[[Settings], None]


def names() -> list[str]:
    return [fault["type"] for fault in control.faults()]


def point(price: float, points: int) -> float:
    return round(price + points * 1e-5, 5)


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


def test_a_move_over_all_tries_each_and_tells_what_was_refused(begin: Begin) -> None:
    told: list[str] = []
    scenario = steps(
        "at = 10; do = 'modify'; which = 'all'; stop_points = 0; target_points = 0",
        "at = 20; do = 'close'; which = 'all'; share = 0.5",
        "at = 30; do = 'close'; share = 0.5",
    )
    begin(Settings(seed=11, speed=0, scenario=scenario, told=told.append))
    low = point(tick().bid, -900)
    first, second = opened(volume=0.01), opened(volume=1.0, sl=low)
    control.advance(10)
    assert held()[second].sl == 0.0
    control.advance(20)
    assert {ticket: position.volume for ticket, position in held().items()} == {
        first: 0.01,
        second: 0.5,
    }
    assert told[0].endswith("modify which=all stop_points=0 target_points=0")
    assert told[2] == f"could not be done: {first}: 0.5 of position {first} (10014)"
    assert told[4] == f"could not be done: 0.5 of position {first} (10014)"


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
