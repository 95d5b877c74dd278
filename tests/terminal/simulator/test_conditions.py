from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.trader import account, facts

Begin = Callable[[Settings], None]


def test_what_is_not_changed_stays_as_it_was(hedging: None) -> None:
    before = facts()
    control.symbol("EURUSD", stops_level=20)
    shown = control.symbol("EURUSD", volume_min="0.05")  # as a command line gives it
    assert shown == facts()
    assert (shown.trade_stops_level, shown.volume_min) == (20, 0.05)
    assert shown._replace(trade_stops_level=0, volume_min=0.01) == before
    assert facts("GBPUSD").trade_stops_level == 0


def test_changes_outlive_a_restart(tmp_path: Path, begin: Begin) -> None:
    settings = Settings(seed=4, speed=0, state_path=tmp_path / "world.json")
    begin(settings)
    control.symbol("EURUSD", freeze_level=7, execution="instant")
    control.account(fifo=True)
    begin(settings)
    assert facts().trade_freeze_level == 7
    assert facts().trade_exemode == mt5.SYMBOL_TRADE_EXECUTION_INSTANT
    assert account().fifo_close
    assert control.account() == {
        "fifo": True,
        "hedge_prohibited": False,
        "max_positions": 0,
        "requests_per_second": 0,
        "margin_call_level": 100.0,
        "stop_out_level": 50.0,
    }


def test_a_new_world_begins_with_the_conditions_of_its_settings(
    tmp_path: Path, begin: Begin
) -> None:
    conditions = {"*": {"stops_level": 30}, "XAUUSD": {"stops_level": 5, "filling_mode": 2}}
    settings = Settings(
        seed=4,
        speed=0,
        state_path=tmp_path / "world.json",
        conditions=conditions,
        rules={"fifo": True},
    )
    begin(settings)
    assert [facts(name).trade_stops_level for name in ("EURUSD", "XAUUSD")] == [30, 5]
    assert facts("XAUUSD").filling_mode == 2
    assert account().fifo_close
    control.symbol("EURUSD", stops_level=9)
    begin(settings)  # taken up again, it keeps its own
    assert facts().trade_stops_level == 9


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stop_level": 5}, "a symbol's conditions are stops_level, freeze_level"),
        ({"stops_level": -1}, "a symbol's conditions are"),
        ({"execution": "fast"}, "a symbol's conditions are"),
        ({"filling_mode": 4}, "a symbol's conditions are"),
        ({"volume_step": 0}, "a symbol's conditions are"),
        ({"volume_min": 0.015}, "a volume from 0.015 to 100.0 in steps of 0.01 cannot be"),
        ({"volume_max": 0.001}, "cannot be"),
        ({"tick_size": 0.000015}, "is not a whole number of points"),
    ],
)
def test_conditions_that_make_no_sense_are_refused_and_change_nothing(
    changes: dict[str, Any], says: str, hedging: None
) -> None:
    before = facts()
    with pytest.raises(control.Refused, match=says):
        control.symbol("EURUSD", **changes)
    assert facts() == before
    control.symbol("EURUSD", stops_level=3)
    assert facts() == before._replace(trade_stops_level=3)


def test_a_symbol_that_is_not_there_has_no_conditions(hedging: None) -> None:
    with pytest.raises(control.Refused, match="NOSUCH"):
        control.symbol("NOSUCH", stops_level=3)


def test_a_rule_that_is_not_known_is_refused(hedging: None) -> None:
    with pytest.raises(control.Refused, match="an account's rules are fifo, hedge_prohibited"):
        control.account(lifo=True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"conditions": {"NOSUCH": {"stops_level": 3}}}, "NOSUCH"),
        ({"conditions": {"EURUSD": {"stops": 3}}}, "a symbol's conditions are"),
        ({"conditions": {"*": {"volume_min": 0.015}}}, "cannot be"),
        ({"rules": {"lifo": True}}, "an account's rules are"),
    ],
)
def test_settings_of_conditions_that_make_no_sense_say_why(
    wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        control.start(Settings(seed=1, speed=0, **wrong))
