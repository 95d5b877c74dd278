"""The server's clock, with its summer time: ticks, bars, deals and positions all go by it."""

from datetime import UTC, datetime, timedelta

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.conftest import Begin
from terminal.simulator.trader import BUY, account, deals, held, opened, tick

SPRING = datetime(2025, 3, 28, 20, tzinfo=UTC)  # Friday; Sunday the 30th, 03:00 becomes 04:00
AUTUMN = datetime(2025, 10, 24, 20, tzinfo=UTC)  # Friday; Sunday the 26th, 04:00 becomes 03:00
CHANGES = [(SPRING, 2, 3), (AUTUMN, 3, 2)]
HOUR = timedelta(hours=1)


def offset() -> float:
    """How many hours the newest tick is ahead of the clock, to the nearest one."""
    return round((tick().time - control.clock()[0].timestamp()) / 3600)


@pytest.mark.parametrize(("friday", "before", "after"), CHANGES)
def test_over_the_change_ticks_bars_and_deals_are_of_one_clock(
    begin: Begin, friday: datetime, before: int, after: int
) -> None:
    begin(Settings(seed=11, speed=0, symbol="EURUSD", start=friday))
    assert offset() == before
    ticket = opened(BUY)
    assert held()[ticket].time == tick().time
    control.set_clock(friday + timedelta(days=2, hours=13))  # Monday 09:00 UTC
    assert offset() == after
    control.close_position(ticket)
    first, last = deals(ticket)
    assert last.time_msc - first.time_msc == (61 + after - before) * 3600_000
    assert last.time == round(control.clock()[0].timestamp()) + after * 3600
    bars = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_H1, 0, 14)
    assert bars is not None
    midnight = datetime(friday.year, friday.month, friday.day, tzinfo=UTC) + timedelta(days=3)
    hours = [datetime.fromtimestamp(int(at), UTC) for at in bars["time"]]
    monday = [at for at in hours if at >= midnight]
    assert monday == [midnight + n * HOUR for n in range(9 + after + 1)]
    assert hours[len(hours) - len(monday) - 1] == midnight - 2 * 24 * HOUR - HOUR


@pytest.mark.parametrize(("friday", "before", "after"), CHANGES)
def test_the_market_opens_by_the_servers_monday(
    begin: Begin, friday: datetime, before: int, after: int
) -> None:
    begin(Settings(seed=11, speed=0, symbol="EURUSD", start=friday))
    opens = datetime(friday.year, friday.month, friday.day, tzinfo=UTC) + timedelta(days=3)
    control.set_clock(opens - after * HOUR - timedelta(seconds=1))
    with pytest.raises(control.Refused, match="Market closed"):
        control.open_position("EURUSD", "BUY", 0.1)
    control.set_clock(opens - after * HOUR)
    assert control.open_position("EURUSD", "BUY", 0.1)


@pytest.mark.parametrize(("friday", "before", "after"), CHANGES)
def test_a_week_with_a_change_has_its_nights_all_the_same(
    begin: Begin, friday: datetime, before: int, after: int
) -> None:
    begin(Settings(seed=11, speed=0, symbol="EURUSD", start=friday, rules={"stop_out_level": 0}))
    control.symbol("EURUSD", swap_mode="currency_deposit", swap_long=-1.0)
    ticket = opened(BUY, 1.0)
    at = friday
    while at < friday + timedelta(days=7):
        at += timedelta(minutes=30)
        control.set_clock(at)
    assert held()[ticket].swap == -7


def test_time_never_runs_back_in_deals_and_orders(begin: Begin) -> None:
    start = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)  # Sunday 03:30 in Athens, summer time
    begin(Settings(seed=1, speed=0, start=start))
    for _ in range(8):
        control.deposit(1.0)
        control.advance(900)
    control.advance(86_400)
    opened(BUY)
    found = mt5.history_deals_get(0, 4_000_000_000)
    assert found is not None
    times = [made.time_msc for made in found]
    assert times == sorted(times)
    assert account().balance > 10_000
