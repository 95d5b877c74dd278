"""Swap: charged at the server's midnight, kept with the position, settled by its closing deals."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.conditions import SWAP_MODES
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from terminal.simulator.conftest import Begin
from terminal.simulator.trader import (
    BUY,
    DONE,
    SELL,
    account,
    close,
    close_by,
    deal,
    deals,
    facts,
    held,
    opened,
    points,
    tick,
)

NIGHT = datetime(2025, 1, 6, 22, tzinfo=UTC)  # Tuesday 00:00 by the server's clock
DAY = timedelta(days=1)
FREE = {"commission": 0.0}


def only() -> mt5.TradePosition:
    """The only open position."""
    [position] = held().values()
    return position


def rates(**changes: object) -> None:
    control.symbol("EURUSD", **changes)


def test_swap_is_charged_when_the_server_passes_midnight(hedging: None) -> None:
    rates(swap_long=-7.0, swap_short=2.0)
    opened(BUY, 1.0), opened(SELL, 0.5)
    control.set_clock(NIGHT - timedelta(milliseconds=1))
    assert [p.swap for p in held().values()] == [0, 0]
    control.set_clock(NIGHT)
    assert [p.swap for p in held().values()] == [-7.0, 1.0]
    control.set_clock(NIGHT + DAY - timedelta(seconds=1))
    assert [p.swap for p in held().values()] == [-7.0, 1.0]


def test_a_world_that_begins_at_midnight_has_no_night_behind_it(begin: Begin) -> None:
    begin(Settings(seed=11, speed=0, start=NIGHT))
    rates(swap_long=-7.0)
    opened(BUY, 1.0)
    control.jump("EURUSD", 5)  # the same moment once more
    assert only().swap == 0
    control.set_clock(NIGHT + DAY)
    assert only().swap == -7.0


def test_a_week_has_seven_nights_three_of_them_on_wednesday(hedging: None) -> None:
    rates(swap_long=-1.0)
    opened(BUY, 1.0)
    charged = []
    for day in range(8):
        control.set_clock(NIGHT + day * DAY)
        charged.append(-only().swap)
    # the nights after Monday, Tuesday, Wednesday and so on, to the next Monday
    assert charged == [1, 2, 5, 6, 7, 7, 7, 8]
    assert facts().swap_rollover3days == mt5.DAY_OF_WEEK_WEDNESDAY


def test_a_broker_may_charge_the_weekend_on_another_day(hedging: None) -> None:
    rates(swap_long=-1.0, swap_rollover3days="friday")
    opened(BUY, 1.0)
    control.set_clock(NIGHT + 3 * DAY)
    assert only().swap == -4
    control.set_clock(NIGHT + 4 * DAY)
    assert only().swap == -7
    assert facts().swap_rollover3days == mt5.DAY_OF_WEEK_FRIDAY


def test_a_usual_broker_takes_swap_and_says_how(hedging: None) -> None:
    for symbol in ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD"):
        shown = facts(symbol)
        assert shown.swap_mode == mt5.SYMBOL_SWAP_MODE_POINTS
        assert shown.swap_long + shown.swap_short < 0, "the broker earns"
    opened(BUY, 1.0)
    control.set_clock(NIGHT)
    assert only().swap == facts().swap_long


@pytest.mark.parametrize(
    ("mode", "rate", "usd"),
    [
        ("disabled", -5.0, 0.0),
        ("points", -5.0, -10.0),
        ("currency_symbol", -5.0, -10.0 * 1.07),
        ("currency_margin", -5.0, -10.0 * 1.07),
        ("currency_deposit", -5.0, -10.0),
        ("interest_current", -3.6, -0.036 / 360 * 200_000 * 1.07),
        ("interest_open", -3.6, -0.036 / 360 * 200_000 * 1.07),
    ],
)
def test_each_mode_has_its_measure(hedging: None, mode: str, rate: float, usd: float) -> None:
    rates(swap_mode=mode, swap_long=rate)
    opened(BUY, 2.0)
    control.set_clock(NIGHT)
    assert only().swap == pytest.approx(usd, rel=0.01)
    assert facts().swap_mode == SWAP_MODES[mode]


def test_interest_is_taken_of_the_price_then_or_of_the_opening(hedging: None) -> None:
    opened(BUY, 1.0), opened(BUY, 1.0)
    control.jump("EURUSD", 5000)
    found = []
    for mode, at in (("interest_current", NIGHT), ("interest_open", NIGHT + DAY)):
        rates(swap_mode=mode, swap_long=-3.6)
        before = only_swap()
        control.set_clock(at)
        found.append(only_swap() - before)
    first = next(iter(held().values()))
    assert found[1] == pytest.approx(-first.price_open * 10, abs=0.02)
    assert found[0] < found[1] - 0.3


def only_swap() -> float:
    return next(iter(held().values())).swap


def test_the_yen_is_turned_into_dollars(begin: Begin) -> None:
    begin(Settings(seed=11, speed=0, symbol="USDJPY"))
    control.symbol("USDJPY", swap_long=15.0)
    opened(BUY, 1.0, symbol="USDJPY")
    control.set_clock(NIGHT)
    assert only().swap == pytest.approx(15 * 0.001 * 100_000 / only().price_current, abs=0.06)


def test_equity_has_the_swap_before_the_balance_does(hedging: None) -> None:
    rates(**FREE, swap_mode="currency_deposit", swap_long=-40.0)
    ticket = opened(BUY, 1.0)
    balance = account().balance
    control.set_clock(NIGHT)
    shown = account()
    assert shown.balance == balance
    assert shown.profit == pytest.approx(only().profit - 40)
    assert shown.equity == pytest.approx(balance + only().profit - 40)
    assert close(ticket).retcode == DONE
    last = deals(ticket)[-1]
    assert last.swap == -40
    assert account().balance == pytest.approx(balance + last.profit - 40)


def test_a_part_that_is_closed_pays_its_share(hedging: None) -> None:
    rates(swap_mode="currency_deposit", swap_long=-10.01)
    ticket = opened(BUY, 0.3)
    control.set_clock(NIGHT)
    assert only().swap == -3.0
    assert close(ticket, volume=0.1).retcode == DONE
    assert (deals(ticket)[-1].swap, only().swap) == (-1.0, -2.0)
    assert close(ticket).retcode == DONE
    assert [made.swap for made in deals(ticket)] == [0, -1.0, -2.0]


def test_a_close_by_settles_the_swap_of_both(hedging: None) -> None:
    rates(swap_mode="currency_deposit", swap_long=-10.0, swap_short=4.0)
    one, two = opened(BUY, 0.3), opened(SELL, 0.1)
    control.set_clock(NIGHT)
    assert close_by(one, two).retcode == DONE
    assert [deals(ticket)[-1].swap for ticket in (one, two)] == [-1.0, 0.4]
    assert only().swap == -2.0


def test_a_netting_position_pays_when_it_is_reduced_or_turned(netting: None) -> None:
    rates(swap_mode="currency_deposit", swap_long=-10.0, swap_short=4.0)
    ticket = opened(BUY, 0.2)
    control.set_clock(NIGHT)
    assert deal(type=BUY, volume=0.2).retcode == DONE
    assert only().swap == -2.0, "what is added to a position leaves its swap"
    assert deal(type=SELL, volume=0.1).retcode == DONE
    assert only().swap == -1.5
    assert deal(type=SELL, volume=0.5).retcode == DONE
    assert (only().type, only().swap) == (SELL, 0)
    assert [made.swap for made in deals(ticket)] == [0, 0, -0.5, -1.5]


def test_swap_can_be_what_stops_an_account_out(hedging: None) -> None:
    rates(swap_mode="currency_deposit", swap_long=-5000.0)
    ticket = opened(BUY, 2.0)
    control.set_clock(NIGHT - timedelta(milliseconds=1))
    assert ticket in held()
    control.set_clock(NIGHT + timedelta(minutes=1))
    assert deals(ticket)[-1].reason == mt5.DEAL_REASON_SO
    assert deals(ticket)[-1].swap == -10_000
    assert deals(ticket)[-1].time_msc == 1_736_208_000_000, "the first tick of the day"


def test_swap_of_friday_night_stops_nothing_out_before_monday(hedging: None) -> None:
    rates(swap_long=0.0)
    ticket = opened(BUY, 2.0)
    control.set_clock(NIGHT + 4 * DAY - timedelta(seconds=1))
    rates(swap_mode="currency_deposit", swap_long=-5000.0)
    control.set_clock(NIGHT + 5 * DAY)
    assert only().swap == -10_000, "the market is closed"
    control.set_clock(NIGHT + 6 * DAY)
    assert deals(ticket)[-1].reason == mt5.DEAL_REASON_SO


def test_a_midnight_is_passed_once_even_where_the_moment_is_gone_through_again(
    hedging: None,
) -> None:
    rates(swap_long=-7.0)
    opened(BUY, 1.0)
    control.set_clock(NIGHT)
    control.jump("EURUSD", 5)
    control.jump("EURUSD", -5)
    assert only().swap == -7.0


def test_a_jump_of_a_month_charges_what_a_month_in_steps_does(begin: Begin) -> None:
    found = []
    for step in (timedelta(days=28), timedelta(hours=7)):
        begin(Settings(seed=11, speed=0, rules={"stop_out_level": 0}))
        opened(BUY, 0.1), opened(SELL, 0.2, symbol="XAUUSD")
        while control.clock()[0] < NIGHT + timedelta(days=28):
            at = min(control.clock()[0] + step, NIGHT + timedelta(days=28))
            control.set_clock(at)
        found.append(held())
    assert found[0] == found[1]
    assert all(position.swap for position in found[0].values())


@pytest.mark.parametrize("mode", ["reopen_current", "reopen_bid"])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_position_may_be_opened_again_under_another_ticket(
    hedging: None, mode: str, side: int
) -> None:
    rates(swap_mode=mode, swap_long=-7.0, swap_short=-2.0)
    away = -3000 if side == BUY else 3000
    stop, target = points(tick().bid, away), points(tick().bid, -away)
    ticket = opened(side, 0.4, sl=stop, tp=target, magic=7, comment="mine")
    control.set_clock(NIGHT - timedelta(milliseconds=1))
    last = only()
    balance = account().balance
    control.set_clock(NIGHT)
    position = only()
    assert (position.ticket != ticket, position.identifier) == (True, ticket)
    assert (position.type, position.volume, position.magic) == (side, 0.4, 7)
    assert (position.sl, position.tp, position.comment) == (stop, target, "mine")
    assert (position.swap, position.time_msc) == (0, 1_736_208_000_000)
    base = last.price_current if mode == "reopen_current" else tick().bid
    assert position.price_open == points(base, 7 if side == BUY else -2)

    [_, out, back] = deals(ticket)
    assert (out.reason, back.reason) == (mt5.DEAL_REASON_ROLLOVER,) * 2
    assert (out.entry, back.entry) == (mt5.DEAL_ENTRY_OUT, mt5.DEAL_ENTRY_IN)
    assert (out.price, out.profit) == (last.price_current, last.profit)
    assert (back.order, back.price) == (position.ticket, position.price_open)
    assert (out.commission, back.commission) == (0, 0)
    assert account().balance == pytest.approx(balance + out.profit)
    assert close(position.ticket).retcode == DONE
    assert held() == {}


def test_the_old_day_ends_with_its_own_price(hedging: None) -> None:
    """The first tick of the new day comes at midnight, and is not yet there."""
    rates(swap_mode="reopen_current")
    opened(SELL, 0.1)
    moved = []
    for night in range(4):
        control.set_clock(NIGHT + night * DAY - timedelta(milliseconds=1))
        last = tick().ask
        control.set_clock(NIGHT + night * DAY)
        assert deals(only().identifier)[-2].price == last
        moved.append(tick().ask != last)
    assert any(moved)


def test_three_nights_reopen_once_by_three_times_the_points(hedging: None) -> None:
    rates(swap_mode="reopen_current", swap_long=-7.0)
    opened(BUY, 0.1)
    control.set_clock(NIGHT + 2 * DAY - timedelta(milliseconds=1))
    before = only()
    control.set_clock(NIGHT + 2 * DAY)
    assert only().price_open == points(before.price_current, 21)
    control.set_clock(NIGHT + 6 * DAY)
    assert len(deals(before.identifier)) == 1 + 2 * 5, "no night at the weekend"


@given(
    lots=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    rate=st.integers(-900, 900),
    days=st.sampled_from((0, 1, 2, 3, 6, 7, 8, 9)),
)
@run_settings(max_examples=30, deadline=None)
def test_all_swap_that_was_gathered_is_settled_to_the_cent(
    lots: list[int], rate: int, days: int
) -> None:
    """However a position is cut up, its deals have paid what it was charged."""
    control.start(Settings(seed=11, speed=0, symbol="EURUSD", rules={"stop_out_level": 0}))
    assert mt5.initialize()
    control.symbol("EURUSD", swap_mode="currency_deposit", swap_long=rate / 7)
    ticket = opened(BUY, sum(lots) / 100)
    control.set_clock(NIGHT + days * DAY + timedelta(hours=9))
    gathered = only().swap
    for part in lots:
        assert close(ticket, volume=part / 100).retcode == DONE
    assert math.fsum(made.swap for made in deals(ticket)) == pytest.approx(gathered, abs=1e-6)
