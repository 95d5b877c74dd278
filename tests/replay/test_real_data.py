"""No dead code on real data: over real bars every value of every signal, every state and every kind
of action occurs, but for what no bars can show."""

from collections.abc import Mapping
from typing import Any

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import GUARDED, State
from dtms_server.replay.history import load
from dtms_server.replay.plan import Plan
from dtms_server.replay.report import MADE, REAL
from dtms_server.replay.run import run
from markets import needs_real_bars
from outside import shared

GBPUSD, EURUSD = "GBPUSD", "EURUSD"
FILES = {
    GBPUSD: ("gbpusd-m1-bid-2012.csv.gz", "gbpusd-m1-ask-2012.csv.gz"),
    EURUSD: ("EURUSD_M15.csv.gz",),
}
EVERY = {GBPUSD: 1, EURUSD: 5}
"""M15 bars from entry to entry: enough trades for the rarest action, READD."""
INPUTS = {
    GBPUSD: {
        "structure": REAL,
        "momentum": REAL,
        "ema_alignment": REAL,
        "candle_conviction": REAL,
        "vwap": MADE,
    },
    EURUSD: {
        "structure": REAL,
        "momentum": REAL,
        "ema_alignment": REAL,
        "candle_conviction": MADE,
        "vwap": MADE,
    },
}
"""The signals that these files are enough for. No ticks are in either, and no volume of M5 bars:
all values of delta_pressure and volume are shown by scripted markets (test_signal_values.py)."""
NEEDS_OTHERS = {
    ActionKind.REDUCE_HEDGE: "a trade is closed in part by somebody else while it is hedged",
    ActionKind.SET_MISSING_STOP: "all trades of a replay begin with a stop",
}
NOT_SHOWN = {
    **{(state, State.RELEASED): "only a caller releases a trade" for state in GUARDED},
    (State.RELEASED, State.HEALTHY): "only a caller arms a released trade again",
}
"""Transitions that real data does not show, and why."""


@needs_real_bars
@pytest.mark.parametrize("symbol", [GBPUSD, pytest.param(EURUSD, marks=pytest.mark.long)])
def test_over_real_bars_all_occurs_that_bars_can_show(symbol: str) -> None:
    source = ",".join(str(shared("data", name)) for name in FILES[symbol])
    report = run(load(source, symbol, "EET"), Plan(every=EVERY[symbol]), Policy())
    assert {name: report.inputs[name] for name in INPUTS[symbol]} == INPUTS[symbol]
    tally = report.tally
    counts: dict[str, Mapping[Any, int]] = {
        **{name: tally.signals[name] for name in INPUTS[symbol]},
        "states": tally.states,
        "actions": tally.actions,
        "transitions": tally.transitions,
    }
    never = {name: {each for each, n in of.items() if n == 0} for name, of in counts.items()}
    assert {name: missing for name, missing in never.items() if missing} == {
        "states": {State.RELEASED},
        "actions": NEEDS_OTHERS.keys(),
        "transitions": NOT_SHOWN.keys(),
    }
