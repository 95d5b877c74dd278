"""The same seed and the same deeds give the same account, to the byte, however time has passed."""

from datetime import UTC, datetime, timedelta

import msgspec
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.conftest import Begin

BEGUN = datetime(2025, 1, 6, 8, tzinfo=UTC)
WEEKS = timedelta(days=15)
REOPENING = {"swap_mode": "reopen_bid", "swap_long": -8.0, "swap_short": 3.0}


def lived(begin: Begin, step: timedelta, seed: int = 3) -> bytes:
    """Two weeks of an account that pays swap, is opened again, hits stops and is stopped out."""
    settings = Settings(
        seed=seed,
        speed=0,
        balance=4000,
        leverage=500,
        conditions={"EURUSD": {**REOPENING}, "XAUUSD": {"swap_mode": "interest_current"}},
    )
    begin(settings)
    control.open_position("GBPUSD", "SELL", 1.2)
    control.open_position("EURUSD", "SELL", 0.1, stop_loss=1.05)
    control.open_position("EURUSD", "BUY", 0.3, stop_loss=0.8)
    control.open_position("XAUUSD", "SELL", 0.3, take_profit=2000.0)
    while control.clock()[0] < BEGUN + WEEKS:
        control.set_clock(min(control.clock()[0] + step, BEGUN + WEEKS))
    return msgspec.json.encode(current().broker.book)


def test_two_runs_are_one(begin: Begin) -> None:
    assert lived(begin, WEEKS) == lived(begin, WEEKS)
    assert lived(begin, WEEKS) != lived(begin, WEEKS, seed=4)


def test_a_jump_and_many_steps_come_to_the_same(begin: Begin) -> None:
    at_once = lived(begin, WEEKS)
    assert at_once == lived(begin, timedelta(minutes=47, milliseconds=331))
    made = {deal.reason for deal in current().broker.book.deals}
    assert {c.DEAL_REASON_SO, c.DEAL_REASON_SL, c.DEAL_REASON_ROLLOVER} <= made
