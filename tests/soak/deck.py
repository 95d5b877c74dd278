"""What can befall a soak, as cards: each names a deed of chaos.py and what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Card:
    """One deed."""

    deed: str
    name: str = ""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def _fault(name: str, **parameters: str | int | float | bool) -> Card:
    return Card("fault", name, parameters)


FAULTS: Final = (
    _fault("disconnect", seconds=600.0),
    _fault("synchronising", seconds=300.0),
    _fault("clock", ahead=45.0, seconds=900.0),
    _fault("clock", ahead=-45.0, seconds=900.0),
    _fault("pipe"),
    _fault("none", call="positions_get", count=3),
    _fault("none", call="history_deals_get", count=2, code=-10001),
    _fault("none", call="copy_rates_from_pos", count=4),
    _fault("none", call="symbol_info_tick", count=2),
    _fault("empty", count=3),
    _fault("empty", count=2, flat=True),
    _fault("login"),
    _fault("hang", call="positions_get", seconds=3.0),
    _fault("hang", call="order_send", seconds=2.0),
    _fault("hang", call="copy_rates_from_pos", seconds=1.5, count=2),
    _fault("late_deals", seconds=20.0),
    _fault("late_deals", seconds=40.0),
    _fault("market_closed", seconds=600.0),
    _fault("market_closed", symbol="GBPUSD", seconds=900.0),
    _fault("suspended", symbol="EURUSD", seconds=900.0),
    _fault("autotrading_off", seconds=600.0),
    _fault("experts_off", seconds=600.0),
    _fault("read_only", seconds=600.0),
    _fault("spread", symbol="EURUSD", points=60, seconds=900.0),
    _fault("hand", does="close"),
    _fault("hand", does="halve"),
    _fault("hand", does="unprotect"),
    *(_fault("retcode", code=code) for code in (10006, 10019, 10024, 10026, 10029, 10036)),
    *(_fault("retcode", code=code, count=2) for code in (10014, 10015, 10016, 10030)),
    _fault("retcode", code=10011, executed=True),
    _fault("retcode", code=19999, executed=True, seconds=20.0),
    _fault("requote", count=5),
    _fault("timeout", executed=True),
    _fault("timeout", executed=False),
    _fault("timeout", executed=True, seconds=45.0),
    _fault("no_answer", executed=False, code=-10002),
    _fault("no_answer", executed=True, seconds=30.0, code=-1),
    _fault("late_fill", seconds=20.0),
    _fault("late_fill", seconds=40.0, code=10009),
    _fault("partial", share=0.5, count=2),
)
"""Every kind of fault of the simulated terminal. An order that is carried out, or whose deals are
listed, later than a minute after its send may have been given up by then, so none is."""

HARSH: Final = (
    Card("kill server"),
    Card("kill host"),
    Card("drain server"),
    _fault("hang", call="positions_get"),
    Card("kill server"),
    Card("kill terminal"),
    Card("kill server"),
    _fault("no_answer", hang=True, executed=True),
)
"""What ends a process, one an hour in this order: a supervisor makes pauses that grow with each
death of its host, and a new supervisor begins anew."""

MILD: Final = (
    *(Card("jump", parameters={"points": points}) for points in (-250, -120, -60, 60, 120, 250)),
    Card("deposit"),
    Card("close"),
    Card("halve"),
    Card("unprotect"),
    Card("pause"),
    Card("resume"),
    Card("reset rails"),
    Card("advance", parameters={"seconds": 600.0}),
    Card("advance", parameters={"seconds": 3600.0}),
    Card("conditions", "EURUSD", {"stops_level": 40}),
    Card("conditions", "GBPUSD", {"freeze_level": 15}),
    Card("visit"),
    Card("visit"),
)
"""What people and markets do."""
