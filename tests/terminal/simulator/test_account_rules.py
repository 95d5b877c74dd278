import math

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from terminal.simulator.trader import (
    BUY,
    DONE,
    SELL,
    account,
    close,
    deal,
    held,
    opened,
    points,
    protect,
    tick,
)


@pytest.mark.parametrize(
    ("mode", "buying", "selling", "closing"),
    [
        ("disabled", *[mt5.TRADE_RETCODE_TRADE_DISABLED] * 3),
        ("long_only", DONE, mt5.TRADE_RETCODE_LONG_ONLY, DONE),
        ("short_only", mt5.TRADE_RETCODE_SHORT_ONLY, DONE, DONE),
        ("close_only", mt5.TRADE_RETCODE_CLOSE_ONLY, mt5.TRADE_RETCODE_CLOSE_ONLY, DONE),
        ("full", DONE, DONE, DONE),
    ],
)
def test_a_trade_mode_says_what_may_be_opened_and_closed(
    mode: str, buying: int, selling: int, closing: int, hedging: None
) -> None:
    long, short, low = opened(BUY), opened(SELL), points(tick().bid, -100)
    control.symbol("EURUSD", trade_mode=mode)
    assert deal(type=BUY).retcode == buying
    assert deal(type=SELL).retcode == selling
    assert protect(long, sl=low).retcode == closing
    assert [close(long).retcode, close(short).retcode] == [closing, closing]
    assert deal(symbol="GBPUSD").retcode == DONE


def test_a_position_is_not_turned_where_its_other_side_is_closed(netting: None) -> None:
    opened(BUY, 0.2)
    control.symbol("EURUSD", trade_mode="long_only")
    assert deal(type=SELL, volume=0.3).retcode == mt5.TRADE_RETCODE_LONG_ONLY
    assert deal(type=SELL, volume=0.1).retcode == DONE
    control.symbol("EURUSD", trade_mode="close_only")
    assert deal(type=BUY, volume=0.1).retcode == mt5.TRADE_RETCODE_CLOSE_ONLY


def test_what_the_account_cannot_carry_is_not_opened(hedging: None) -> None:
    lots = math.floor(account().margin_free / (tick().ask * 1000) * 100) / 100
    assert deal(volume=round(lots + 0.01, 2)).retcode == mt5.TRADE_RETCODE_NO_MONEY
    ticket = opened(BUY, lots)
    assert account().margin_free < 1200
    assert deal(type=SELL, volume=1.0).retcode == mt5.TRADE_RETCODE_NO_MONEY
    assert close(ticket, volume=5.0).retcode == DONE
    assert deal(type=SELL, volume=1.0).retcode == DONE


def test_a_loss_leaves_less_for_new_positions(hedging: None) -> None:
    opened(BUY, 5.0)
    assert account().margin_free > 4000
    control.jump("EURUSD", -800)  # 4,000 USD
    assert deal(volume=1.0).retcode == mt5.TRADE_RETCODE_NO_MONEY


def test_a_netting_position_is_reduced_without_money_and_turned_only_with_it(
    netting: None,
) -> None:
    opened(BUY, 9.0)
    assert deal(type=BUY, volume=1.0).retcode == mt5.TRADE_RETCODE_NO_MONEY
    assert deal(type=SELL, volume=19.0).retcode == mt5.TRADE_RETCODE_NO_MONEY
    assert deal(type=SELL, volume=8.0).retcode == DONE


def test_under_fifo_the_oldest_position_of_a_symbol_closes_first(hedging: None) -> None:
    assert control.account(fifo=True)["fifo"] is True
    assert account().fifo_close
    first, second, other = opened(), opened(), opened(symbol="GBPUSD")
    assert close(second).retcode == mt5.TRADE_RETCODE_FIFO_CLOSE
    assert close(second, volume=0.05).retcode == mt5.TRADE_RETCODE_FIFO_CLOSE
    assert close(other).retcode == DONE  # each symbol has its own row
    assert protect(second, sl=points(tick().bid, -100)).retcode == DONE
    assert close(first, volume=0.05).retcode == DONE
    assert close(second).retcode == mt5.TRADE_RETCODE_FIFO_CLOSE
    assert close(first).retcode == DONE
    assert close(second).retcode == DONE


def test_where_hedging_is_prohibited_no_two_sides_are_held(hedging: None) -> None:
    control.account(hedge_prohibited=True)
    ticket = opened(BUY)
    assert deal(type=SELL).retcode == 10046
    assert deal(type=SELL, symbol="GBPUSD").retcode == DONE
    assert deal(type=BUY).retcode == DONE
    assert close(ticket).retcode == DONE  # an opposite deal that closes is none


def test_no_more_positions_are_held_than_the_account_allows(hedging: None) -> None:
    control.account(max_positions=2)
    ticket = opened()
    opened()
    assert deal().retcode == mt5.TRADE_RETCODE_LIMIT_POSITIONS
    assert close(ticket).retcode == DONE
    assert deal().retcode == DONE


def test_requests_that_come_too_fast_are_refused_for_a_second(hedging: None) -> None:
    control.account(requests_per_second=2)
    assert [deal().retcode for _ in range(3)] == [DONE, DONE, mt5.TRADE_RETCODE_TOO_MANY_REQUESTS]
    assert control.open_position("EURUSD", "BUY", 0.1)  # nobody's hand is so fast
    control.advance(1)
    assert deal().retcode == DONE


def test_every_answer_echoes_the_request_and_has_its_own_number(hedging: None) -> None:
    done = deal(magic=7, comment="one")
    gone = deal(position=1, magic=8)
    assert (done.request.comment, gone.request.magic) == ("one", 8)
    assert (done.comment, gone.comment) == ("Request executed", "Position doesn't exist")
    assert (done.bid, done.ask) == (gone.bid, gone.ask) == (tick().bid, tick().ask)
    assert gone.request_id == done.request_id + 1


def test_a_check_says_what_the_rules_do_and_changes_nothing(hedging: None) -> None:
    order = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 1.0, "type": BUY}
    passed, refused = mt5.order_check(order), mt5.order_check(order | {"volume": 50.0})
    assert passed is not None
    assert refused is not None
    assert (passed.retcode, passed.comment, passed.request.volume) == (0, "Done", 1.0)
    assert passed.margin == pytest.approx(tick().ask * 1000, abs=0.01)
    assert passed.margin_free == pytest.approx(passed.equity - passed.margin)
    assert refused.retcode == mt5.TRADE_RETCODE_NO_MONEY
    assert held() == {}
    control.inject("autotrading_off")
    again = mt5.order_check(order)
    assert again is not None
    assert again.retcode == 0  # it proves little
    assert mt5.order_check({"volume": "x"}) is None
    assert mt5.last_error() == (-2, 'Invalid "volume" argument')


@pytest.mark.parametrize("level", [math.nan, math.inf, -1.0])
def test_a_hand_that_sets_no_price_at_all_is_refused_too(level: float, hedging: None) -> None:
    with pytest.raises(control.Refused, match="Invalid stops"):
        control.open_position("EURUSD", "BUY", 0.1, stop_loss=level)


def test_a_hand_sets_stops_on_the_grid_whatever_it_is_given(hedging: None) -> None:
    position = control.open_position("EURUSD", "BUY", 0.1, stop_loss=1.0123456789)
    assert position is not None
    assert position.sl == 1.01235
