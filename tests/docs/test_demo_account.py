"""What docs/demo_account.py finds at the simulated terminal, and how it tells what differs."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import SESSION

PROGRAM = Path(__file__).parents[2] / "docs" / "demo_account.py"
SIMULATOR = ("--module", "dtms_server.terminal.simulator")


@pytest.fixture
def program() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("demo_account", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    control.start(control.Settings(seed=3))
    yield program
    SESSION.world = None
    SESSION.initialized = False


@pytest.mark.parametrize("check", ["facts", "filling", "stops", "readback", "closeby", "comment"])
def test_the_simulated_terminal_does_as_dtms_expects(
    program: ModuleType, check: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([check, *SIMULATOR]) == 0
    told = capsys.readouterr().out
    assert "as said" in told
    assert "DIFFERS" not in told
    assert not control.positions(), "what it opened is closed"


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ({"execution": "exchange", "filling_mode": 0}, "RETURN"),
        ({"execution": "instant", "filling_mode": 2}, "FOK"),
        ({"filling_mode": 2}, "IOC"),
    ],
)
def test_each_broker_takes_the_fillings_that_its_facts_name(
    program: ModuleType,
    conditions: dict[str, object],
    taken: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    control.symbol("EURUSD", **conditions)
    assert program.main(["filling", *SIMULATOR]) == 0
    [done] = [line for line in capsys.readouterr().out.splitlines() if line.endswith("10009")]
    assert taken in done


def test_what_differs_is_told_and_ends_with_status_1(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    control.inject("autotrading_off")
    assert program.main(["facts", *SIMULATOR]) == 1
    assert "DIFFERS  AutoTrading is on: False, and not True" in capsys.readouterr().out


def test_a_list_that_is_empty_while_connected_is_counted(
    program: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "SYNC_SECONDS", 1.0)
    sent = program.Account.open

    def then_synchronises(account: Any, side: int) -> Any:
        ticket = sent(account, side)
        control.inject("empty", count=3)
        return ticket

    monkeypatch.setattr(program.Account, "open", then_synchronises)
    assert program.main(["sync", *SIMULATOR]) == 0
    told = capsys.readouterr().out
    assert "connected True  positions 0" in told
    assert "must not be believed: 3" in told


def test_a_broker_that_refuses_is_told_and_ends_with_status_2(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    control.inject("market_closed")
    assert program.main(["stops", *SIMULATOR]) == 2
    assert "10018" in capsys.readouterr().err


def test_a_netting_account_has_nothing_to_close_by(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    control.start(control.Settings(seed=3, account="netting"))
    assert program.main(["closeby", *SIMULATOR]) == 2
    assert "netting" in capsys.readouterr().err


def test_without_the_package_it_says_so(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["facts", "--module", "NoSuchTrader"]) == 2
    assert "NoSuchTrader" in capsys.readouterr().err


def test_every_check_has_its_place_in_the_manual(program: ModuleType) -> None:
    manual = PROGRAM.with_name("demo-account.md").read_text("utf-8")
    for check in program.CHECKS:
        assert f"python demo_account.py {check}" in manual


def test_an_order_whose_answer_was_lost_is_closed_all_the_same(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    control.inject("no_answer", executed=True)
    assert program.main(["stops", *SIMULATOR]) == 2
    assert "order_send answered" in capsys.readouterr().err
    assert not control.positions()


def test_a_netting_account_that_holds_the_symbol_is_left_alone(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    control.start(control.Settings(seed=3, account="netting"))
    before = control.open_position("EURUSD", "SELL", 0.5)
    assert before is not None
    assert program.main(["stops", *SIMULATOR]) == 2
    assert "your own position" in capsys.readouterr().err
    assert [(p.ticket, p.volume) for p in control.positions()] == [(before.ticket, 0.5)]


def test_positions_of_others_are_left_alone(program: ModuleType) -> None:
    before = control.open_position("EURUSD", "SELL", 0.5, magic=7)
    assert before is not None
    assert program.main(["filling", *SIMULATOR]) == 0
    assert [p.ticket for p in control.positions()] == [before.ticket]
