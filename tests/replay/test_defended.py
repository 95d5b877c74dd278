"""Trades under the defence in a replay: they obey the rules that the engine obeys."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.events import ActionDone, StateChanged
from dtms_server.domain.policy import Policy
from dtms_server.domain.state import arrows
from dtms_server.domain.trade import State
from dtms_server.replay.plan import Plan
from dtms_server.replay.run import run
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check_descents
from lives import COMMISSION, EAGER, HALVES_HELD_BACK, LONG, PLAIN, SHORT, Life, Stage, eager
from replays import history, walk

SEEDS = range(12)
OUTSIDE = {ActionKind.REDUCE_HEDGE, ActionKind.SET_MISSING_STOP}
"""What needs other hands, or a trade without a stop."""


@pytest.mark.parametrize("policy", [PLAIN, EAGER], ids=["plain", "eager"])
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), plan=st.sampled_from([SHORT, LONG]))
def test_the_rules_of_the_defence_hold_for_every_trade(
    policy: Policy, seed: int, plan: Plan
) -> None:
    stage = Stage(history(walk(seed, 500)), policy)
    for life in stage.all_lived(plan, COMMISSION):  # a book checks orders and exposure as it goes
        assert all(trade.state is State.CLOSED for trade in life.trades)
        assert all(trade.terms.hedge is None for trade in life.trades)
        assert not life.book.held
        check_descents(by_ticket(life), policy)
        for heard in life.heard:
            if isinstance(heard.event, StateChanged):
                assert (heard.event.before, heard.event.after) in arrows()
        made = [trade.closing.profit for trade in life.trades if trade.closing]
        made += [trade.terms.hedge_profit or 0.0 for trade in life.trades]
        assert life.money == pytest.approx(sum(made), abs=0.05)


def by_ticket(life: Life) -> dict[int, list[tuple[datetime, object]]]:
    found: dict[int, list[tuple[datetime, object]]] = {trade.ticket: [] for trade in life.trades}
    for heard in life.heard:
        found[heard.ticket].append((heard.at, heard.event))
    return found


def test_all_that_can_happen_does_so_somewhere_in_these_walks() -> None:
    lives = [life for seed in SEEDS for life in eager(seed)[1]]
    done = {action.kind for life in lives for action in life.actions(ActionDone)}
    assert done == set(ActionKind) - OUTSIDE
    moves = {
        (heard.event.before, heard.event.after)
        for life in lives
        for heard in life.heard
        if isinstance(heard.event, StateChanged)
    }
    elsewhere = {ends for ends in arrows() if State.RELEASED in ends or State.CLOSED in ends}
    assert moves == arrows().keys() - elsewhere


@pytest.mark.parametrize("seed", [2, *HALVES_HELD_BACK])
def test_a_replay_is_the_sum_of_its_trades(seed: int) -> None:
    stage, lives = eager(seed)
    report = run(stage.history, replace(LONG, commission=COMMISSION), EAGER)
    assert report.trades == len(lives)
    assert report.twins["dtms"].total_money == pytest.approx(sum(life.money for life in lives))
    done = Counter(action.kind for life in lives for action in life.actions(ActionDone))
    assert {kind: times for kind, times in report.tally.actions.items() if times} == done
    entered = Counter(step for life in lives for story in life.stories() for step in story)
    for state in State:
        opened = sum(len(life.trades) for life in lives) if state is State.HEALTHY else 0
        assert report.tally.states[state] == entered[state] + opened
