"""What can happen to an account: scores that do much, faults, conditions of brokers."""

from dataclasses import replace
from typing import Any, Final

from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.scoring import BandPolicy
from hypothesis import strategies as st
from stepping import STILL

SYMBOL: Final = "EURUSD"
LOTS: Final = st.sampled_from([0.01, 0.05, 0.1, 0.3, 1.0])
JUMPS: Final = st.sampled_from([-500, -250, -120, -60, 60, 120, 250, 500])
"""How far the price jumps, in points."""
BANDS: Final = st.sampled_from(
    [
        BandPolicy(0.0, -0.75, -1.5, -2.5),
        BandPolicy(1.5, 0.5, -0.5, -2.0),
        BandPolicy(2.0, 1.0, 0.0, -5.0),
    ]
)
FAULTS: Final = st.sampled_from(
    [
        *(("retcode", {"code": n}) for n in (10006, 10019, 10024, 10026, 10036, 10045, 10046)),
        *(("retcode", {"code": n}) for n in (10013, 10014, 10015, 10016, 10030, 10038)),
        ("retcode", {"code": 10011, "executed": True}),
        ("retcode", {"code": 19999, "executed": True, "seconds": 20.0}),
        ("requote", {"count": 2}),
        ("requote", {"count": 5}),
        ("timeout", {"executed": True}),
        ("timeout", {"executed": False}),
        ("timeout", {"executed": True, "seconds": 45.0}),
        ("timeout", {"executed": True, "seconds": 400.0}),
        ("no_answer", {"executed": False, "code": -10002}),
        ("no_answer", {"executed": True, "seconds": 30.0, "code": -1}),
        ("late_fill", {"seconds": 20.0}),
        ("late_fill", {"seconds": 200.0, "code": 10009}),
        ("partial", {"share": 0.5}),
        ("late_deals", {"count": 3}),
        ("late_deals", {"seconds": 40.0}),
        ("hand", {"does": "close"}),
        ("hand", {"does": "halve"}),
        ("hand", {"does": "unprotect"}),
        ("none", {"call": "positions_get", "count": 2}),
        ("none", {"call": "history_deals_get", "count": 2}),
        ("none", {"call": "symbol_info_tick"}),
        ("empty", {}),
        ("pipe", {}),
        ("autotrading_off", {"seconds": 400.0}),
        ("market_closed", {"seconds": 400.0}),
        ("spread", {"symbol": SYMBOL, "points": 60, "seconds": 400.0}),
    ]
)
CONDITIONS: Final[st.SearchStrategy[dict[str, Any]]] = st.sampled_from(
    [
        {"stops_level": 40},
        {"stops_level": 0, "freeze_level": 15},
        {"execution": "exchange", "filling_mode": 0},
        {"execution": "instant"},
        {"volume_min": 0.05, "volume_step": 0.05},
        {"tick_size": 0.00005},
        {"commission": 7.0},
        {"close_by": False},
    ]
)


def nervous(bands: BandPolicy) -> Policy:
    """Return the usual policy, but that scores do more, timers are shorter, and fewer bars are
    read, so that more happens in less time."""
    states = replace(
        STILL.defence.states,
        grace_minutes=3.0,
        descent_bars=4,
        flat_minutes=30.0,
        recovery_minutes=20.0,
        recovered_score=-1.0,
    )
    rails = replace(STILL.defence.rails, spread_days=1)
    return replace(
        STILL,
        analysis=replace(STILL.analysis, m5_bars=100, m15_bars=100),
        scoring=replace(STILL.scoring, bands=bands),
        defence=replace(STILL.defence, states=states, rails=rails),
    )
