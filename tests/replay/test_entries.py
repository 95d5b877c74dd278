"""Which trades a replay opens, and how its words are read."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.replay.history import M15_SECONDS
from dtms_server.replay.plan import Exit, Plan, plan
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import BUY, SELL, SHORT, Stage
from replays import history, walk

WARM_UP_M15 = 60


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    every=st.integers(1, 9),
    stop=st.floats(0.5, 4),
    target=st.one_of(st.none(), st.floats(0.5, 4)),
)
def test_trades_lie_so_far_from_stop_and_target_as_is_asked(
    seed: int, every: int, stop: float, target: float | None
) -> None:
    stage = Stage(history(walk(seed, 400)))
    wanted = replace(SHORT, every=every, stop_atr=stop, target_r=target)
    for entry in stage.entries(wanted):
        told, sign = stage.history, entry.direction.sign
        analysis = stage.readings[entry.bar].analysis
        assert analysis is not None
        risk = ceil(round(stop * analysis.m15.atr * 100_000, 6))
        assert entry.price == told.lasts[entry.direction.opposite][entry.bar]
        assert entry.stop == entry.price - sign * risk
        ahead = None if entry.target is None else (entry.target - entry.price) * sign
        assert ahead == (None if target is None else ceil(round(target * risk, 6)))
        assert entry.risk == risk  # a point of a lot is a dollar
        assert entry.ends_at == told.closes_at[entry.bar] + wanted.hold_seconds


@pytest.mark.parametrize("every", [1, 7])
def test_one_trade_a_side_is_opened_every_so_many_bars_of_an_open_market(every: int) -> None:
    at_an_entry = 402  # in a walk of M5 bars: it begins an M15 bar
    stage = Stage(history(walk(6).pick(np.r_[:at_an_entry, at_an_entry + 20 : 600])))
    told = stage.history
    last = told.closes_at[-1] - SHORT.hold_seconds
    due = [
        bar
        for bar, at in enumerate(told.closes_at)
        if at % M15_SECONDS == 0 and told.m15_closed[bar] % every == 0 and at <= last
        if told.m15_closed[bar] >= WARM_UP_M15 and told.is_open_after[bar]
        if stage.readings[bar].analysis  # none is made of bars that are too old
    ]
    opened = stage.entries(replace(SHORT, every=every))
    assert [(e.bar, e.direction) for e in opened] == [
        (b, side) for b in due for side in (BUY, SELL)
    ]
    assert len(due) > 10
    closed = [bar for bar, is_open in enumerate(told.is_open_after) if not is_open]
    assert at_an_entry - 1 in closed
    assert not {entry.bar for entry in opened} & set(closed)


def test_nothing_is_opened_where_a_broker_would_refuse_the_stop() -> None:
    calm = walk(6)
    wide = replace(calm, spread=calm.spread + 15)
    stage = Stage(history(wide))
    near = replace(SHORT, every=1, stop_atr=1.0)
    for entry in stage.entries(near):
        spread = stage.history.lasts[SELL][entry.bar] - stage.history.lasts[BUY][entry.bar]
        assert abs(entry.price - entry.stop) >= 2 * spread
    assert 0 < len(stage.entries(near)) < len(Stage(history(calm)).entries(near))


def read(**words: str | float | None) -> Plan:
    """The plan that words give; the rest as usual."""
    usual = {"every": 20, "stop": "2atr", "target": "2r", "hold": "24h", "compare": None}
    return plan(**(usual | words), commission=0.0, rails=False)  # type: ignore[arg-type]  # as given


def test_the_words_that_need_not_be_given_are_the_plan_that_needs_none() -> None:
    assert read() == Plan()


def test_words_are_read() -> None:
    assert read(stop="1.5ATR").stop_atr == 1.5
    assert read(target="0.5R").target_r == 0.5
    assert read(target="none").target_r is None
    assert [read(hold=words).hold_seconds for words in ("90m", "24h", "2d")] == [
        5400,
        86400,
        172800,
    ]
    both = read(compare="breakeven,chandelier,breakeven").compare
    assert both == (Exit.BREAKEVEN, Exit.CHANDELIER)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"every": 0}, "--every 0 is not a number of M15 bars, 1 or more"),
        ({"stop": "2"}, "--stop '2' is no number of ATR such as 2atr, above 0 and at most 100"),
        (
            {"stop": "0atr"},
            "--stop '0atr' is no number of ATR such as 2atr, above 0 and at most 100",
        ),
        (
            {"stop": "none"},
            "--stop 'none' is no number of ATR such as 2atr, above 0 and at most 100",
        ),
        (
            {"target": "101r"},
            "--target '101r' is no number of R such as 2r, above 0 and at most 100, or none",
        ),
        ({"hold": "soon"}, "--hold 'soon' is not a time such as 24h, 90m or 2d"),
        ({"hold": "0h"}, "--hold '0h' is not a time such as 24h, 90m or 2d"),
        ({"compare": "luck"}, "--compare knows chandelier and breakeven, not 'luck'"),
        ({"compare": ""}, "--compare knows chandelier and breakeven, not ''"),
    ],
)
def test_a_word_that_is_none_is_named_with_what_would_be_one(
    words: dict[str, str], why: str
) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        read(**words)
    assert refused.value.message == why


def test_all_wrong_words_are_named_at_once() -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        plan(0, "x", "x", "x", "x", commission=float("nan"), rails=False)
    assert refused.value.message.count(";") == 5
