"""What README.md says of settings, rails and commands is what there is."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dtms_server import config
from dtms_server.cli.application import application
from dtms_server.cli.policy import values
from dtms_server.cli.rails import HOLDS_BACK
from dtms_server.config import Settings
from dtms_server.config.tree import leaves
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import HedgeExit, SymbolPolicy
from dtms_server.domain.rails import Rail
from typer.main import get_command

README = Path(__file__).parents[2] / "README.md"


def settings_table() -> str:
    rows = ["| flag | environment | `dtms.toml` | default | what |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        flag = "" if name == "password" else f"`--{name.replace('_', '-')}`"
        key = "" if name == "password" else f"`{name}`"
        default = "" if field.default is None or field.default is False else f"`{field.default}`"
        default = "`metatrader5` on Windows" if name == "terminal" else default
        rows.append(f"| {flag} | `DTMS_{name.upper()}` | {key} | {default} | {field.description} |")
    return "\n".join(rows)


def text() -> str:
    return README.read_text("utf-8")


def test_the_table_of_settings_is_made_from_the_settings() -> None:
    table = settings_table()
    assert table in text(), f"README.md needs this table:\n{table}"


def test_the_example_of_a_policy_says_what_it_is_said_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```$", text(), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    Path("dtms.toml").write_text(example, encoding="utf-8")
    settings = config.load(terminal="simulator")
    policy, default = settings.policy(), Policy()
    assert policy.cycle_seconds == 15
    assert policy.defence.adopt == (4711,)
    assert policy.defence.states.grace_minutes == 30
    assert policy.defence.states.hedge_exit_on is HedgeExit.CHOCH
    assert policy.defence.of_symbol("EURUSD") == SymbolPolicy(hedge_factor=0.4)
    assert policy.defence.of_symbol("XAUUSD.m") == SymbolPolicy(hedge_factor=0.4, readd=False)
    assert policy.analysis.vwap.share_by_symbol["XAGUSD"] == 0.002
    assert policy.scoring == default.scoring
    set_here = [each for each in values(settings, "XAUUSD.m") if each.source == "dtms.toml"]
    others = 1  # XAGUSD is not XAUUSD
    assert len(set_here) == len(list(leaves(tomllib.loads(example)))) - others


def test_every_rail_is_explained_as_the_commands_do() -> None:
    rows = dict(re.findall(r"^\| ([A-Z_]+) \| (every order|hedges and re-adds)", text(), re.M))
    assert list(rows) == list(Rail)
    for rail, held in HOLDS_BACK.items():
        assert held.startswith(rows[rail])


def test_every_command_that_is_shown_is_one() -> None:
    shown = re.findall(r"^\$ dtms (.*)$", text(), re.M)
    assert len(shown) > 10
    group: Any = get_command(application())
    for line in shown:
        name, *rest = shlex.split(line.partition(" | ")[0])
        command = group.commands[name]
        if name == "sim":
            name, *rest = rest
            command = command.commands[name]
        command.make_context(name, rest)  # which refuses flags that there are not
