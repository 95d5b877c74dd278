"""The weekend: closed from Saturday to Sunday by the server's clock, and a gap behind it."""

from datetime import UTC, datetime

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.bars import DAY
from dtms_server.terminal.simulator.control import Direction
from dtms_server.terminal.simulator.seeded import FIRST_DAY, SeededMarket
from dtms_server.terminal.simulator.settings import Settings
from dtms_server.terminal.simulator.symbols import DEFAULT, facts
from terminal.simulator.conftest import Begin
from terminal.simulator.trader import BUY, close, deal, deals, opened, points, protect, tick

CLOSED = mt5.TRADE_RETCODE_MARKET_CLOSED
FRIDAY_EVENING = datetime(2025, 1, 10, 21, 59, 59, tzinfo=UTC)  # 23:59:59 by the server's clock
SATURDAY = datetime(2025, 1, 11, 9, tzinfo=UTC)
MONDAY = datetime(2025, 1, 12, 22, 0, 1, tzinfo=UTC)  # 00:00:01 by the server's clock


def gaps(seed: int) -> list[float]:
    """The gap of each weekend of four years, in usual daily moves of its symbol."""
    symbols = {name: facts(name) for name in DEFAULT}
    market = SeededMarket(seed, symbols, 1)
    found = []
    for week in range(1, 30):
        monday = (FIRST_DAY + 7 * week) * DAY
        for name, symbol in symbols.items():
            closed = int(market.last_bar(name, monday - 1)["close"][0])
            opens = int(market.last_bar(name, monday)["open"][0])
            found.append((opens / closed - 1) / symbol.daily_move)
    return found


def test_most_gaps_are_small_and_some_are_large() -> None:
    sizes = sorted(abs(gap) for gap in gaps(1) + gaps(2))
    assert sizes[len(sizes) // 2] < 0.2
    assert sizes[-1] > 1
    assert {gap > 0 for gap in gaps(1)} == {True, False}


def test_only_weekends_have_a_gap() -> None:
    market = SeededMarket(5, {"EURUSD": facts("EURUSD")}, 1)
    bars = market.bars("EURUSD", FIRST_DAY * DAY, (FIRST_DAY + 21) * DAY)
    differ = bars["time"][1:][bars["open"][1:] != bars["close"][:-1]]
    assert differ.tolist() == [(FIRST_DAY + 7) * DAY, (FIRST_DAY + 14) * DAY]


def test_at_the_weekend_orders_are_refused_and_the_last_price_stands(hedging: None) -> None:
    ticket = opened(BUY)
    control.set_clock(FRIDAY_EVENING)
    last = tick()
    control.set_clock(SATURDAY)
    assert deal(type=BUY).retcode == CLOSED
    assert close(ticket).retcode == CLOSED
    assert protect(ticket, sl=points(last.bid, -500)).retcode == CLOSED
    assert tick().time_msc - last.time_msc < 60_000
    control.set_clock(MONDAY)
    assert tick().time == 1_736_726_400, "Monday 00:00:00 by the server's clock"
    assert close(ticket).retcode == mt5.TRADE_RETCODE_DONE


@pytest.mark.parametrize("seed", [0, 1, *range(3, 11)])  # those with a gap
def test_a_stop_in_a_gap_is_filled_at_the_first_price_beyond_it(begin: Begin, seed: int) -> None:
    begin(Settings(seed=seed, speed=0, symbol="EURUSD"))
    control.set_clock(FRIDAY_EVENING)
    friday = tick()
    market = SeededMarket(seed, {"EURUSD": facts("EURUSD")}, 1)
    monday = market.last_bar("EURUSD", 1_736_726_400)["open"][0] / 1e5
    gap = round((monday - friday.bid) * 1e5)
    assert abs(gap) >= 25, "no stop has room in it"
    spread = round((friday.ask - friday.bid) * 1e5)
    side: Direction = "SELL" if gap > 0 else "BUY"
    stop = points(friday.ask if gap > 0 else friday.bid, (spread + 1) * (1 if gap > 0 else -1))
    position = control.open_position("EURUSD", side, 0.1, stop)
    assert position is not None
    control.set_clock(MONDAY)
    closed = deals(position.ticket)[-1]
    assert closed.reason == mt5.DEAL_REASON_SL
    assert closed.time_msc == 1_736_726_400_000
    assert closed.price == (tick().ask if gap > 0 else monday)
    assert closed.comment == f"[sl {stop:.5f}]"
