"""`dtms replay`: what it prints, for people and for programs, and what it refuses."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dtms_server.cli.application import run
from replays import export, walk

README = Path(__file__).parents[2] / "README.md"
PLAN = ("--every", "8", "--hold", "6h", "--server-offset", "+00:00")
COMMAND = ("replay", "bars.csv", "--symbol", "EURUSD", *PLAN)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run where a file to replay lies and no dtms.toml, and where no DTMS_... is set."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DTMS_")]:
        monkeypatch.delenv(name)
    export(walk(2), tmp_path / "bars.csv")


def printed(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert run([*COMMAND, *flags]) == 0
    told = capsys.readouterr()
    assert told.err == "", "no progress is shown where nobody looks"
    return told.out


def asked(capsys: pytest.CaptureFixture[str], *flags: str) -> Any:
    return json.loads(printed(capsys, "--json", *flags))


def test_a_program_gets_all_numbers_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = printed(capsys, "--json", "--compare", "chandelier,breakeven")
    assert line.count("\n") == 1
    told = json.loads(line)
    assert list(told) == [
        "symbol",
        "since",
        "until",
        "plan",
        "trades",
        "twins",
        "signals",
        "inputs",
        "states",
        "transitions",
        "actions",
        "not_done",
        "blocked",
    ]
    assert (told["symbol"], told["since"]) == ("EURUSD", "2026-03-02 00:00")
    assert told["plan"]["every"] == 8
    assert list(told["twins"]) == ["dtms", "plain", "chandelier", "breakeven"]
    assert told["inputs"]["structure"] == "real"
    assert told["states"]["CLOSED"] >= told["trades"] > 0
    assert list(Path.cwd().iterdir()) == [Path.cwd() / "bars.csv"], "nothing is written"


def test_two_processes_print_the_same_bytes() -> None:
    """Whatever the order of sets, which differs from process to process."""
    prints = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "dtms_server", *COMMAND, "--json", "--rails"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert done.stderr == b""
        prints.add(done.stdout)
    assert len(prints) == 1


def test_a_person_sees_the_twins_side_by_side_and_all_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = asked(capsys, "--compare", "breakeven")
    head, *tables = printed(capsys, "--compare", "breakeven").split("\n\n")
    assert head.startswith(f"EURUSD from {told['since']} to {told['until']} UTC: ")
    assert f"{told['trades']} trades of 1.00 lot, one a side every 8 M15 bars" in head
    twins, signals, states, transitions, actions, *_ = (table.splitlines() for table in tables)
    assert twins[0].split() == ["DTMS", "PLAIN", "BREAKEVEN"]
    assert [line.split("  ")[0] for line in twins[1:]] == [
        *(f"{name}, {unit}" for unit in ("R", "USD") for name in NUMBERS),
        "total, USD",
    ]
    means = [f"{twin['r']['mean']:.3f}" for twin in told["twins"].values()]
    assert twins[1].split() == ["mean,", "R", *means]
    assert [line.split()[:2] for line in signals[1:]] == [
        list(each) for each in told["inputs"].items()
    ]
    assert pairs(states) == told["states"]
    assert pairs(transitions) == {name: n for name, n in told["transitions"].items() if n}
    assert pairs(actions) == told["actions"]
    never = tables[-1].removeprefix("never: ").strip().split(", ")
    assert never == [name for name, times in told["transitions"].items() if not times]


NUMBERS = ("mean", "standard deviation", "average loss", "worst 5 %", "worst")


def pairs(table: list[str]) -> dict[str, int]:
    """The first two columns of a table."""
    return {line.split()[0]: int(line.split()[1]) for line in table[1:]}


class Screen(io.StringIO):
    """A terminal's screen."""

    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_beside_what_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    assert run([*COMMAND, "--json"]) == 0
    assert "replaying" in screen.getvalue()
    json.loads(capsys.readouterr().out)


def test_the_policy_in_force_is_that_of_the_settings_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    usual = asked(capsys)
    Path("dtms.toml").write_text("[policy.defence.symbol]\nhedge_factor = 1.0\n", "utf-8")
    hedged = asked(capsys)
    assert hedged["twins"]["plain"] == usual["twins"]["plain"]
    assert hedged["twins"]["dtms"] != usual["twins"]["dtms"]
    Path("mine.toml").write_text("[policy.defence.states]\ngrace_minutes = 600\n", "utf-8")
    assert asked(capsys, "--config", "mine.toml")["actions"] != hedged["actions"]


def test_the_broker_s_clock_and_least_spread_are_settings_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("dtms.toml").write_text('server_offset = "+02:00"\nmin_spread = 40\n', "utf-8")
    command = ["replay", "bars.csv", "--symbol", "EURUSD", "--every", "8", "--hold", "6h", "--json"]
    assert run(command) == 0
    wide = json.loads(capsys.readouterr().out)
    assert wide["since"] == "2026-03-01 22:00"
    assert (
        wide["twins"]["plain"]["money"]["mean"]
        < asked(capsys, "--min-spread", "1")["twins"]["plain"]["money"]["mean"]
    )


def test_rails_hold_openings_back_if_they_are_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    free, railed = asked(capsys), asked(capsys, "--rails")
    assert railed["blocked"]["EQUITY_HOUR"] > 0
    assert "EQUITY_HOUR" not in free["blocked"]
    assert railed["actions"]["OPEN_HEDGE"] < free["actions"]["OPEN_HEDGE"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--stop", "far"), "--stop 'far' is no number of ATR such as 2atr"),
        (("--every", "often"), "Invalid value for '--every'"),
        (("--compare", "luck"), "--compare knows chandelier and breakeven, not 'luck'"),
        (("--commission", "-1"), "--commission -1.0 is not an amount of USD, 0 or more"),
        (("--commission", "nan"), "--commission nan is not an amount of USD, 0 or more"),
        (("--min-spread", "0"), "--min-spread 0 is not at least 1 point"),
        (("--server-offset", "Mars"), "server offset 'Mars' is neither +HH:MM nor a time zone"),
        (("--hold", "90d"), "no trade could be opened"),
        (("--config", "none.toml"), "none.toml cannot be read"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], why: str
) -> None:
    assert run([*COMMAND, *flags]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert why in told.err


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("no.csv", "--symbol", "EURUSD"), "no.csv cannot be read"),
        (("bars.csv", "--symbol", "WHEAT"), "symbol 'WHEAT' is not known"),
        (("bars.csv",), "--symbol"),
        (("bars.csv,bars.csv", "--symbol", "EURUSD"), "does not begin with timestamp,open"),
        (("bars.csv,bars.csv,bars.csv", "--symbol", "EURUSD"), "neither FILE nor BIDFILE,ASKFILE"),
    ],
)
def test_a_file_or_symbol_that_is_none_is_named(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], why: str
) -> None:
    assert run(["replay", *command]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert why in told.err


def test_the_manual_s_file_can_be_made_and_replayed_as_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = README.read_text("utf-8").split("## Replay: what is the defence worth?")[1]
    script, shown = re.findall(r"^```\w+\n(.*?)^```$", text, re.M | re.S)[:2]
    Path("export.py").write_text(script, encoding="utf-8")
    make, replay, *lines = shown.splitlines()
    subprocess.run([sys.executable, *make.removeprefix("$ python ").split()], check=True)
    assert run(replay.removeprefix("$ dtms ").split()) == 0
    told = [words(line) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line != "..." and words(line) not in told] == []


def words(line: str) -> str:
    """A line of output without its numbers, which are those of a policy."""
    return " ".join(re.sub(r"-?\d[\d.:-]*", "", line).split())


def test_help_teaches_by_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", "--help"]) == 0
    assert "Example: dtms replay EURUSD_M15.csv --symbol EURUSD" in capsys.readouterr().out
