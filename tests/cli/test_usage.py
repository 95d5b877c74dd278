"""What the command line teaches, and how it refuses."""

from pathlib import Path

import pytest
from dtms_server.cli.application import run
from dtms_server.config import Settings
from dtms_server.terminal.simulator import library

COMMANDS = [
    ["serve"],
    ["terminal"],
    ["migrate"],
    ["status"],
    ["health"],
    ["trades"],
    ["watch"],
    ["actions"],
    ["rails"],
    ["register"],
    ["release"],
    ["pause"],
    ["resume"],
    ["policy"],
    ["demo"],
    *(
        ["sim", name]
        for name in ("open", "close", "modify", "positions", "fault", "clock", "jump", "play")
    ),
]
WRONG = [
    ["bogus"],
    ["serve", "--bogus"],
    ["serve"],
    ["serve", "--terminal", "nowhere"],
    ["serve", "--terminal", "simulator", "--cycle", "often"],
    ["serve", "--terminal", "simulator", "--speed", "-1"],
    ["serve", "--terminal", "simulator", "--listen", "50051"],
    ["serve", "--terminal", "simulator", "--tls-cert", "a.pem"],
    ["serve", "--terminal", "simulator", "--config", "not-there.toml"],
    ["serve", "--terminal", "simulator", "stray"],
    ["serve", "--password", "secret"],
    ["terminal"],
    ["terminal", "--module", "mt4"],
    ["terminal", "--module", "simulator", "--account", "cash"],
    ["terminal", "--module", "simulator", "--faults", "gremlins"],
    ["terminal", "--module", "metatrader5", "--faults", "vps-reboot"],
    ["migrate", "--database", "no/such/folder/trades.db"],
    ["status", "--timeout", "0"],
    ["health", "--timeout", "0"],
    ["health", "readiness"],
    ["health", "--tls-key", "alone.pem"],
    ["status", "--tls-ca", "not-there.pem"],
    ["status", "--tls-cert", "alone.pem"],
    ["trades", "0"],
    ["trades", "9223372036854775808"],
    ["trades", "--state", "FINE"],
    ["trades", "--label", "no-value"],
    ["watch", "--type", "NOTHING"],
    ["watch", "--ticket", "-1"],
    ["register", "1"],
    ["register", "1", "--symbol", "EURUSD"],
    ["register", "1", "--symbol", "EURUSD", "--direction", "UP"],
    ["actions", "0"],
    ["actions", "--since", "yesterday"],
    ["actions", "--until", "2026-13-01"],
    ["actions", "--limit", "0"],
    ["actions", "--limit", "5", "--all"],
    ["rails", "lift"],
    ["pause", "because"],
    ["resume", "--why", "x"],
    ["release"],
    ["release", "1", "--hedge", "sell"],
    ["sim", "bogus"],
    ["sim", "open", "EURUSD", "buy", "much"],
    ["sim", "positions", "--terminal", "nowhere"],
    ["sim", "fault"],
    ["sim", "fault", "none", "count=1", "--clear"],
    ["sim", "clock", "--speed", "-1"],
    ["sim", "play"],
    ["sim", "play", "vps-reboot", "--stop"],
    ["sim", "play", "gremlins"],
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run where no dtms.toml lies and no DTMS_... is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("DTMS_TARGET", raising=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_by_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert f"Example: dtms {' '.join(command)}" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["sim"]], ids=["dtms", "dtms sim"])
def test_a_group_without_a_command_shows_its_commands(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 0
    assert "Commands" in capsys.readouterr().out


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_refused_in_one_line(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert list(Path.cwd().iterdir()) == [], "nothing is written"


def test_every_setting_but_the_password_is_a_flag(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["serve", "--help"]) == 0
    told = capsys.readouterr().out.split()
    missing = {name for name in Settings.model_fields if f"--{name.replace('_', '-')}" not in told}
    assert missing == {"password"}


def test_a_wrong_setting_is_named_as_flag_variable_and_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTMS_STARTUP_TIMEOUT", "soon")
    assert run(["serve", "--terminal", "simulator"]) == 2
    told = capsys.readouterr().err
    for name in ("--startup-timeout", "DTMS_STARTUP_TIMEOUT", "startup_timeout in dtms.toml"):
        assert name in told


def test_a_flag_that_is_misspelt_is_answered_with_the_right_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["serve", "--databse", "x"]) == 2
    assert "--database" in capsys.readouterr().err


def test_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == "dtms 0.1.0\n"


def test_a_service_that_is_not_there_is_a_failed_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--target", "127.0.0.1:1", "--timeout", "0.5"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(("error: UNAVAILABLE: ", "error: DEADLINE_EXCEEDED: "))
    assert printed.err.count("\n") == 1


def test_a_terminal_that_is_not_there_is_a_failed_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "positions", "--terminal", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("error: The terminal cannot be reached: 127.0.0.1:1")


def test_the_faults_that_there_are_need_no_terminal_to_be_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["sim", "fault", "--list"]) == 0
    listed = capsys.readouterr().out
    for name in ("disconnect", "pipe", "none", "empty", "login", "hang", "late_deals"):
        assert f"\n{name} " in listed


@pytest.mark.parametrize(
    "command",
    [["terminal", "--module", "simulator", "--faults", "list"], ["sim", "play", "--list"]],
)
def test_the_scenarios_that_there_are_need_no_terminal_to_be_listed(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 0
    listed = capsys.readouterr().out
    for name in library.names():
        assert f"\n{name} " in listed
        assert library.load(name).what in listed
