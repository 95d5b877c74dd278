"""The policy in force: what dtms.toml may change in it, what is refused, and `dtms policy`."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from dtms_server import config
from dtms_server.cli.application import run
from dtms_server.config.policy_table import SETTINGS, read
from dtms_server.config.tree import Place, dotted, leaves, plain, range_at, type_at, value_at
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.defence import HedgeExit, SymbolPolicy
from dtms_server.domain.policy.rules import RULES, Rule, conflicts
from dtms_server.domain.policy.scoring import Weights
from hypothesis import given
from hypothesis import strategies as st

DEFAULT = Policy()
VALUES = {
    place: value
    for place, value in leaves(plain(DEFAULT))
    if place[0] not in SETTINGS and value != {}
}
NUMBERS = {place: value for place, value in VALUES.items() if type(value) in (int, float)}
ADOPT = ("defence", "adopt")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run where no dtms.toml lies yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path))


def table_of(place: Place, value: Any) -> dict[str, Any]:
    for name in reversed(place):
        value = {name: value}
    return dict(value)


def write(text: str, name: str = "dtms.toml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def loaded(text: str) -> Policy:
    write(text)
    return config.load(terminal="simulator").policy()


def refusal(text: str) -> str:
    write(text)
    with pytest.raises(ConfigurationInvalid) as refused:
        config.load(terminal="simulator")
    return refused.value.message


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    assert run(["policy", "--json", *arguments]) == 0
    answer: dict[str, dict[str, Any]] = json.loads(capsys.readouterr().out)
    return answer


def test_every_number_has_a_range_and_a_default_within_it() -> None:
    ranges = {place: range_at(place) for place in (*NUMBERS, ADOPT)}
    assert [place for place, found in ranges.items() if found is None] == []
    beyond = [place for place, value in NUMBERS.items() if value not in (ranges[place] or ())]
    assert beyond == []
    assert list(conflicts(DEFAULT)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.lesser[0]} {rule.greater}")
def test_every_rule_can_be_kept_to_the_last_and_broken(rule: Rule) -> None:
    total = sum(attrgetter(name)(DEFAULT) for name in rule.lesser)

    def broken(limit: float) -> bool:
        policy = changed(DEFAULT, tuple(rule.greater.split(".")), limit)
        return any(conflict.why == rule.told(policy) for conflict in conflicts(policy))

    assert not broken(total + 0.5)
    assert broken(total) is not rule.may_equal
    assert broken(total - 0.5)


def changed(part: Any, place: Place, value: Any) -> Any:
    if isinstance(part, Mapping):
        return {**part, place[0]: value}
    if len(place) > 1:
        value = changed(getattr(part, place[0]), place[1:], value)
    return replace(part, **{place[0]: value})


def another(place: Place) -> Any:
    """A value that fits there, and is not the default."""
    value, kind, allowed = VALUES[place], type_at(place), range_at(place)
    if allowed and place in NUMBERS:
        further = (value + allowed.most) / 2
        return int(further) if type(value) is int else further
    if isinstance(value, bool):
        return not value
    return [7] if isinstance(value, list) else next(each for each in kind if each != value)


@pytest.mark.parametrize("place", VALUES, ids=dotted)
def test_a_value_is_changed_alone_by_its_own_name(place: Place) -> None:
    value = another(place)
    policy, _ = read(table_of(place, value), DEFAULT.magic)
    now = dict(leaves(plain(policy)))
    before = dict(leaves(plain(DEFAULT)))
    assert {where for where in before if now[where] != before[where]} == {place}
    assert now[place] == value


@given(st.sampled_from(list(NUMBERS)), st.floats() | st.integers())
def test_a_number_is_taken_where_it_lies_in_its_range_and_refused_elsewhere(
    place: Place, value: float
) -> None:
    allowed = range_at(place)
    assert allowed is not None
    fits = type(value) is int or type_at(place).__args__[0] is float
    policy, wrong = read(table_of(place, value), DEFAULT.magic)
    if fits and math.isfinite(value) and value in allowed:
        assert value_at(plain(policy), place) == value
        assert not any(f"number {allowed}" in each for each in wrong)
    else:
        [only] = wrong
        assert only.startswith(f"policy.{dotted(place)} = ")
        assert only.endswith(f"number {allowed}")
        assert policy == DEFAULT


NAMES = sorted({name for place in VALUES for name in place} | {"EURUSD.m", "bogus", "symbols"})
TOML = st.recursive(
    st.none().map(lambda _: "word") | st.booleans() | st.integers() | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.sampled_from([*VALUES, ("defence", "symbols", "X", "readd")]), st.integers(0, 4), TOML)
def test_no_table_is_too_odd_to_be_judged(place: Place, depth: int, value: Any) -> None:
    policy, wrong = read(table_of(place[:depth], value) if depth else value, DEFAULT.magic)
    assert isinstance(policy, Policy)
    assert all(each.startswith("policy") for each in wrong)


def test_a_part_of_a_table_leaves_the_rest_of_it_as_it_was() -> None:
    policy = loaded("[policy.scoring.range_weights]\nmomentum = 2\n")
    assert policy.scoring.range_weights == replace(DEFAULT.scoring.range_weights, momentum=2.0)
    assert policy.scoring.asian_weights == DEFAULT.scoring.asian_weights != Weights()


def test_a_share_of_one_symbol_leaves_those_of_the_others() -> None:
    policy = loaded("[policy.analysis.vwap.share_by_symbol]\nEURUSD = 0.003\nXAGUSD = 0.002\n")
    shares = {**DEFAULT.analysis.vwap.share_by_symbol, "EURUSD": 0.003, "XAGUSD": 0.002}
    assert policy.analysis.vwap.share_by_symbol == shares


def test_a_symbol_s_own_table_stands_over_that_of_all_symbols() -> None:
    policy = loaded(
        '[policy.defence.symbols."EURUSD.m"]\nreadd = false\n'
        "[policy.defence.symbol]\nhedge_factor = 0.25\nspread_floor_points = 7\n"
    )
    assert policy.defence.of_symbol("EURUSD.m") == SymbolPolicy(0.25, False, 7.0)
    assert policy.defence.of_symbol("EURUSD") == SymbolPolicy(0.25, True, 7.0)


def test_words_and_lists_are_read_as_what_they_stand_for() -> None:
    policy = loaded('[policy.defence]\nadopt = [5, 4]\nstates.hedge_exit_on = "choch"\n')
    assert policy.defence.adopt == (5, 4)
    assert policy.defence.states.hedge_exit_on is HedgeExit.CHOCH


def test_settings_of_the_policy_come_from_where_settings_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DTMS_MAGIC", "12")
    policy = loaded("cycle = 5\nlost_grace = 6\nmagic = 7\n[policy]\ncleaner_cycles = 8\n")
    seen = (policy.cycle_seconds, policy.lost_grace_seconds, policy.magic, policy.cleaner_cycles)
    assert seen == (5.0, 6.0, 12, 8)


@pytest.mark.parametrize(("name", "setting"), SETTINGS.items())
def test_a_setting_is_no_part_of_the_table_and_is_pointed_to(name: str, setting: str) -> None:
    told = refusal(f"[policy]\n{name} = 5\n")
    assert told == (
        f"dtms.toml: policy.{name} is the setting {setting}: set {setting}, above all tables"
    )


WRONG = {
    "policy = 3": "policy = 3 must be a table",
    "[policy]\nanalysis.candle = 3": "policy.analysis.candle = 3 must be a table",
    "[policy]\nevents_streamable = 1.0": "policy.events_streamable = 1.0 must be a whole number "
    "from 1 to 1000000000",
    "[policy]\nevents_streamable = true": "policy.events_streamable = true must be a whole number "
    "from 1 to 1000000000",
    "[policy]\nlook_seconds = '1'": 'policy.look_seconds = "1" must be a number above 0, at most '
    "86400",
    "[policy]\nlook_seconds = nan": "policy.look_seconds = NaN must be a number above 0, at most "
    "86400",
    "[policy]\nlook_seconds = inf": "policy.look_seconds = Infinity must be a number above 0, at "
    "most 86400",
    "[policy]\nlook_seconds = 2026-01-01": 'policy.look_seconds = "2026-01-01" must be a number '
    "above 0, at most 86400",
    "[policy]\nlook_secs = 1": "policy.look_secs is not known: did you mean look_seconds?",
    "[policy.quux]\nlook_seconds = 1": "policy.quux is not known",
    "[policy.defence]\nadopt = [3, 0]": "policy.defence.adopt = [3, 0] must be a list, each of it "
    "a whole number from 1 to 9223372036854775807",
    "[policy.defence]\nadopt = 3": "policy.defence.adopt = 3 must be a list, each of it a whole "
    "number from 1 to 9223372036854775807",
    "[policy.defence]\nadopt = [20251217]": "policy.defence.adopt must not hold 20251217, the "
    "magic of DTMS's own orders",
    "[policy.defence.states]\nhedge_exit_on = 'bos'": "policy.defence.states.hedge_exit_on = "
    '"bos" must be "any" or "choch"',
    "[policy.defence.symbol]\nreadd = 1": "policy.defence.symbol.readd = 1 must be true or false",
    "[policy.defence.symbols.'EURUSD.m']\nhedge_factor = 0": 'policy.defence.symbols."EURUSD.m".'
    "hedge_factor = 0 must be a number above 0, at most 1",
    "[policy.defence.symbols]\nEURUSD = 3": "policy.defence.symbols.EURUSD = 3 must be a table",
    "[policy.analysis.vwap.share_by_symbol]\neurusd = 0.1": "policy.analysis.vwap.share_by_symbol."
    "eurusd must go by the name EURUSD",
    "[policy.scoring.bands]\nsoft_above = -5": "policy.scoring.bands.weak_above = -4.0 must be "
    "under policy.scoring.bands.soft_above = -5.0",
    "[policy.analysis.regime]\nlondon_hour = 13": "policy.analysis.regime.london_hour = 13 must be "
    "under policy.analysis.regime.overlap_hour = 13",
    "[policy.analysis.indicators]\nmacd_fast_period = 26": "policy.analysis.indicators."
    "macd_fast_period = 26 must be under policy.analysis.indicators.macd_slow_period = 26",
    "[policy.analysis]\nm5_bars = 11": "policy.analysis.least_m5_bars = 12 must be at most "
    "policy.analysis.m5_bars = 11",
    "[policy.analysis.indicators]\natr_mean_bars = 47": "policy.analysis.indicators.atr_period = "
    "14 + policy.analysis.indicators.atr_mean_bars = 47 must be at most policy.analysis."
    "least_m15_bars = 60",
    "cycle_seconds = 3": "cycle_seconds in dtms.toml is not a setting",
}


@pytest.mark.parametrize(("text", "why"), WRONG.items(), ids=WRONG)
def test_a_wrong_table_is_refused_by_path_value_and_what_is_allowed(text: str, why: str) -> None:
    assert refusal(text).removeprefix("dtms.toml: ") == why


def test_all_that_is_wrong_is_told_at_once_and_nothing_twice() -> None:
    told = refusal(
        "speed = -1\n[policy]\nbogus = 1\n[policy.analysis.regime]\nlondon_hour = 24\n"
        "[policy.scoring.bands]\nsteady_from = -3\n[policy.analysis]\ncandle = 'thin'\n"
        "[policy.defence.symbol]\nreadd = 'no'\nhedge_factor = 2\n[policy.defence.symbols.X]\n"
    )
    first, *others = told.split("; ")
    assert first.startswith("--speed (or DTMS_SPEED, or speed in dtms.toml): ")
    assert sorted(each.removeprefix("dtms.toml: ") for each in others) == [
        'policy.analysis.candle = "thin" must be a table',
        "policy.analysis.regime.london_hour = 24 must be a whole number from 1 to 23",
        "policy.bogus is not known",
        "policy.defence.symbol.hedge_factor = 2 must be a number above 0, at most 1",
        'policy.defence.symbol.readd = "no" must be true or false',
        "policy.scoring.bands.soft_above = -2.0 must be under policy.scoring.bands.steady_from "
        "= -3.0",
    ]


def test_numbers_that_bound_each_other_may_move_together() -> None:
    bands = loaded("[policy.scoring.bands]\nsteady_from = 1\nsoft_above = 0.5\n").scoring.bands
    assert (bands.steady_from, bands.soft_above) == (1.0, 0.5)


def test_the_magic_of_the_environment_is_not_adopted_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DTMS_MAGIC", "4711")
    assert "must not hold 4711" in refusal("[policy.defence]\nadopt = [4711]\n")


def test_serve_and_policy_refuse_a_wrong_file_and_touch_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("[policy]\nlook_seconds = 0\n", "mine.toml")
    for command in (["serve", "--terminal", "simulator"], ["policy"], ["migrate"]):
        assert run([*command, "--config", "mine.toml"]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: mine.toml: policy.look_seconds = 0 must be ")
        assert printed.err.count("\n") == 1
        assert [path.name for path in Path.cwd().iterdir()] == ["mine.toml"]


def test_actions_are_paused_by_flag_environment_or_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def paused(flag: bool | None = None) -> bool:
        return config.load(terminal="simulator", paused=flag).paused

    assert not paused()
    assert paused(True)
    write("paused = true\n")
    assert paused()
    monkeypatch.setenv("DTMS_PAUSED", "0")
    assert not paused()


def test_every_value_in_force_is_told_under_the_name_that_sets_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = told(capsys)
    assert {each["source"] for each in values.values()} == {"default"}
    text = [f"{name} = {json.dumps(each['value'])}" for name, each in values.items()]
    assert loaded("\n".join(text)) == DEFAULT
    origins = {each["source"] for each in told(capsys).values()}
    assert origins == {"dtms.toml"}


def test_a_value_is_told_with_what_set_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTMS_LOST_GRACE", "60")
    write("cycle = 10\nlost_grace = 50\n[policy.analysis]\nm5_bars = 700\n", "mine.toml")
    values = told(capsys, "--config", "mine.toml")
    assert values["cycle"] == {"value": 10.0, "source": "mine.toml"}
    assert values["lost_grace"] == {"value": 60.0, "source": "DTMS_LOST_GRACE"}
    assert values["magic"] == {"value": 20251217, "source": "default"}
    assert values["policy.analysis.m5_bars"] == {"value": 700, "source": "mine.toml"}
    assert values["policy.analysis.m15_bars"] == {"value": 1000, "source": "default"}


SYMBOLS = (
    "[policy.defence.symbol]\nhedge_factor = 0.25\n"
    '[policy.defence.symbols."EURUSD.m"]\nreadd = false\n'
    "[policy.analysis.vwap.share_by_symbol]\nXAGUSD = 0.002\n"
)


def test_what_a_symbol_s_table_does_not_name_is_told_with_the_source_it_inherits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(SYMBOLS)
    of_symbol = {
        name.removeprefix('policy.defence.symbols."EURUSD.m".'): (each["value"], each["source"])
        for name, each in told(capsys).items()
        if "EURUSD.m" in name
    }
    assert of_symbol == {
        "hedge_factor": (0.25, "dtms.toml"),
        "readd": (False, "dtms.toml"),
        "spread_floor_points": (10.0, "default"),
    }


@pytest.mark.parametrize(
    ("symbol", "readd", "share"),
    [
        ("EURUSD.m", 'policy.defence.symbols."EURUSD.m".readd', "share_by_symbol.EURUSD"),
        ("EURUSD", "policy.defence.symbol.readd", "share_by_symbol.EURUSD"),
        ("AUDJPY", "policy.defence.symbol.readd", "share_by_symbol.JPY"),
        ("XAGUSDc", "policy.defence.symbol.readd", "share_by_symbol.XAGUSD"),
        ("US30.cash", "policy.defence.symbol.readd", "share"),
    ],
)
def test_for_a_symbol_only_what_holds_for_it_is_told(
    capsys: pytest.CaptureFixture[str], symbol: str, readd: str, share: str
) -> None:
    write(SYMBOLS)
    values = told(capsys, "--symbol", symbol)
    assert [name for name in values if name.endswith(".readd")] == [readd]
    assert [name for name in values if ".vwap.share" in name] == [f"policy.analysis.vwap.{share}"]
    other_shares = len(DEFAULT.analysis.vwap.share_by_symbol)
    assert len(values) == len(VALUES) + len(SETTINGS) - other_shares


def test_a_person_is_shown_groups_in_columns_without_colour_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("[policy.defence]\nadopt = [4, 5]\n")
    assert run(["policy"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    headings, rows = out.split("\n", 1)
    assert headings.split() == ["NAME", "VALUE", "SOURCE"]
    groups = [
        {line.split()[0].rpartition(".")[0] for line in group.splitlines()}
        for group in rows.split("\n\n")
    ]
    assert [len(tables) for tables in groups] == [1] * len(groups)
    assert len(set.union(*groups)) == len(groups), "no table is begun twice"
    [adopt] = [line for line in out.splitlines() if ".adopt" in line]
    assert adopt.split() == ["policy.defence.adopt", "[4,", "5]", "dtms.toml"]


def test_policy_help_teaches_by_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "--help"]) == 0
    assert "Example: dtms policy --symbol EURUSD" in capsys.readouterr().out


def test_a_file_that_is_no_toml_is_named() -> None:
    assert refusal("[policy\n").startswith("dtms.toml cannot be read: ")
