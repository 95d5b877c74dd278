"""What a replay reports: numbers of results, and counts that name what never was."""

import json
import statistics
from dataclasses import fields, replace
from math import ceil

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.domain.signals import possible
from dtms_server.domain.state import arrows
from dtms_server.domain.trade import State
from dtms_server.replay.plan import Exit, Plan
from dtms_server.replay.report import Report, results
from dtms_server.replay.run import run
from dtms_server.replay.statistics import Summary, summary
from hypothesis import given
from hypothesis import strategies as st
from lives import PLAIN, SHORT, Stage
from replays import history, walk

MONEY = st.lists(st.integers(-30_000, 30_000).map(lambda cents: cents / 100), min_size=2)


@given(MONEY)
def test_results_are_summed_up_as_statistics_has_it(money: list[float]) -> None:
    found = summary(money, 2)
    losses = [each for each in money if each < 0]
    worst = sorted(money)[: ceil(len(money) / 20)]
    assert found.mean == pytest.approx(statistics.fmean(money), abs=0.006)
    assert found.spread == pytest.approx(statistics.stdev(money), abs=0.006)
    average = statistics.fmean(losses) if losses else 0
    assert found.average_loss == pytest.approx(average, abs=0.006)
    assert found.worst_5_percent == pytest.approx(statistics.fmean(worst), abs=0.006)
    assert found.worst == min(money)
    assert found.worst <= found.worst_5_percent + 0.01 <= found.mean + 0.02


def test_the_worst_twentieth_of_forty_trades_are_two() -> None:
    found = summary([float(number) for number in range(-3, 37)], 2)
    assert (found.worst, found.worst_5_percent, found.average_loss) == (-3, -2.5, -2)


@pytest.mark.parametrize("money", [[], [0.0]])
def test_of_nothing_everything_is_nothing(money: list[float]) -> None:
    assert summary(money, 2) == Summary()


def test_results_in_r_are_those_in_money_over_each_trade_s_risk() -> None:
    found = results([100.0, -300.0], [50.0, 100.0])
    assert (found.r.mean, found.r.worst) == (-0.5, -3.0)
    assert (found.money.mean, found.total_money) == (-100.0, -200.0)


def report(plan: Plan = SHORT) -> Report:
    return run(history(walk(1)), plan, PLAIN)


def test_the_report_is_plain_and_the_same_each_time() -> None:
    plan = replace(SHORT, compare=(Exit.BREAKEVEN, Exit.CHANDELIER), rails=True, commission=2.5)
    first, second = (json.dumps(report(plan).plain()) for _ in range(2))
    assert first == second
    told = json.loads(first)
    assert list(told["twins"]) == ["dtms", "plain", "breakeven", "chandelier"]
    numbers = {field.name for field in fields(Summary)}
    for twin in told["twins"].values():
        assert set(twin) == {"r", "money", "total_money"}
        assert set(twin["r"]) == set(twin["money"]) == numbers
    assert told["trades"] > 0
    assert set(told["inputs"]) == set(told["signals"])
    assert told["plan"]["commission"] == 2.5


def test_what_never_was_counts_nothing() -> None:
    told = report().plain()
    values = possible(PLAIN.scoring.points)
    assert {name: [float(each) for each in counts] for name, counts in told["signals"].items()} == {
        name: list(given_) for name, given_ in values.items()
    }
    assert told["signals"]["delta_pressure"]["1"] == told["signals"]["delta_pressure"]["-1"] == 0
    assert list(told["states"]) == list(State)
    assert told["states"][State.RELEASED] == 0
    assert set(told["transitions"]) == {f"{a}>{b}" for a, b in arrows()}
    assert told["transitions"]["HEALTHY>RELEASED"] == 0
    assert set(told["actions"]) == set(ActionKind)
    assert told["actions"][ActionKind.REDUCE_HEDGE] == 0


def test_signals_are_counted_for_either_side_of_every_bar_that_could_be_read() -> None:
    found = report()
    stage = Stage(history(walk(1)))
    sides = sum(len(reading.scores) for reading in stage.readings)
    assert {name: counts.total() for name, counts in found.tally.signals.items()} == dict.fromkeys(
        possible(PLAIN.scoring.points), sides
    )
    scored = [s.parts["momentum"] for reading in stage.readings for s in reading.scores.values()]
    for points, times in found.tally.signals["momentum"].items():
        assert times == scored.count(points)


def test_commission_is_paid_for_every_lot_and_side() -> None:
    free, paid = report(), report(replace(SHORT, commission=3.5))
    assert paid.twins["plain"].money.mean == pytest.approx(free.twins["plain"].money.mean - 7.0)
    assert paid.twins["dtms"].total_money < free.twins["dtms"].total_money


@pytest.mark.parametrize("plan", [replace(SHORT, hold_seconds=90 * 86_400), Plan(every=5000)])
def test_a_plan_that_finds_no_trade_is_refused_with_what_a_trade_needs(plan: Plan) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        report(plan)
    assert f"one is due every {plan.every} of the " in refused.value.message


def test_another_policy_gives_another_result() -> None:
    symbol = replace(PLAIN.defence.symbol, hedge_factor=1.0)
    hedged = replace(PLAIN, defence=replace(PLAIN.defence, symbols={"EURUSD": symbol}))
    told, other = history(walk(1)), history(walk(1))
    usual, fully = run(told, SHORT, PLAIN), run(other, SHORT, hedged)
    assert usual.tally.actions[ActionKind.OPEN_HEDGE] > 0
    assert usual.twins["plain"] == fully.twins["plain"]
    assert usual.twins["dtms"] != fully.twins["dtms"]
