"""What positions bind, hedged or not, and what a margin call stops."""

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.conftest import Begin
from terminal.simulator.trader import BUY, DONE, SELL, account, close, deal, facts, held, opened

NO_MONEY = mt5.TRADE_RETCODE_NO_MONEY


def prices() -> list[float]:
    return [position.price_open for position in held().values()]


def test_a_position_binds_its_value_by_the_leverage(hedging: None) -> None:
    opened(BUY, 0.4)
    assert account().margin == pytest.approx(prices()[0] * 400, abs=0.006)


def test_hedged_lots_bind_as_much_as_one_side_of_them(hedging: None) -> None:
    opened(BUY, 0.4), opened(SELL, 0.3)
    bought, sold = prices()
    hedged = (bought * 0.4 + sold * 0.3) / 0.7
    assert account().margin == pytest.approx(100 * bought + 300 * hedged, abs=0.011)
    assert facts().margin_hedged == 100_000


@pytest.mark.parametrize(("size", "lots"), [(0, 0.0), (50_000, 0.5), (200_000, 2.0)])
def test_a_broker_says_what_hedged_lots_bind(hedging: None, size: float, lots: float) -> None:
    control.symbol("EURUSD", margin_hedged=size)
    opened(BUY, 0.3), opened(SELL, 0.3)
    assert account().margin == pytest.approx(lots * 300 * sum(prices()) / 2, abs=0.006)
    assert facts().margin_hedged == size


def test_or_the_larger_leg_alone_counts(hedging: None) -> None:
    control.symbol("EURUSD", margin_hedged=0, margin_hedged_use_leg=True)
    opened(BUY, 0.3), opened(SELL, 0.4)
    assert account().margin == pytest.approx(400 * prices()[1], abs=0.006)
    assert facts().margin_hedged_use_leg


def test_a_hedge_needs_no_money_where_it_binds_none(hedging: None) -> None:
    opened(BUY, 9.0)
    free = account().margin_free
    assert deal(type=BUY, volume=9.0).retcode == NO_MONEY
    assert deal(type=SELL, volume=9.0).retcode == DONE
    assert account().margin_free < free  # the spread and the commission


def test_what_was_lost_by_swap_is_not_free(begin: Begin) -> None:
    begin(Settings(seed=11, speed=0, symbol="EURUSD"))
    control.symbol("EURUSD", swap_mode="currency_deposit", swap_long=-1000.0)
    opened(BUY, 1.0)
    control.advance(24 * 3600)
    shown = account()
    assert next(iter(held().values())).swap == -1000.0
    assert shown.margin_free == pytest.approx(shown.equity - shown.margin, abs=0.005)
    assert shown.equity == pytest.approx(
        shown.balance + next(iter(held().values())).profit - 1000, abs=0.005
    )


def test_in_a_margin_call_nothing_that_binds_more_is_opened(hedging: None) -> None:
    control.account(margin_call_level=300, stop_out_level=0)
    ticket = opened(BUY, 3.0)
    assert account().margin_level > 300
    control.jump("EURUSD", -300)
    assert account().margin_level < 300
    assert account().margin_free > 1000
    assert deal(type=BUY, volume=0.01).retcode == NO_MONEY
    assert deal(type=SELL, volume=0.01).retcode == DONE, "a hedge binds nothing more"
    assert close(ticket).retcode == DONE, "closing is always allowed"


def test_the_account_shows_its_levels(hedging: None) -> None:
    assert (account().margin_so_call, account().margin_so_so) == (100, 50)
    assert account().margin_so_mode == mt5.ACCOUNT_STOPOUT_MODE_PERCENT
    control.account(margin_call_level=80, stop_out_level=20)
    assert (account().margin_so_call, account().margin_so_so) == (80, 20)
    assert account().margin_level == 0, "nothing is bound"


def test_an_order_is_checked_against_the_account_after_it(hedging: None) -> None:
    opened(BUY, 1.0)
    before = account()
    request = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 1.0, "type": SELL}
    shown = mt5.order_check(request)
    assert shown is not None
    assert (shown.retcode, shown.comment) == (0, "Done")
    assert (shown.balance, shown.equity, shown.profit) == (
        before.balance,
        before.equity,
        before.profit,
    )
    assert shown.margin == pytest.approx(before.margin, abs=0.1), "a hedge binds nothing more"
    assert shown.margin_free == pytest.approx(shown.equity - shown.margin, abs=0.005)
    assert shown.margin_level == pytest.approx(shown.equity / shown.margin * 100)
