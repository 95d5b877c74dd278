import math

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from terminal.simulator.trader import (
    BUY,
    DONE,
    SELL,
    close,
    deal,
    facts,
    held,
    opened,
    points,
    protect,
    tick,
)

FOK, IOC, RETURN = mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC, mt5.ORDER_FILLING_RETURN


@pytest.mark.parametrize("volume", [0.05, 0.15, 0.45, 2.1, math.inf])
def test_a_volume_is_between_minimum_and_maximum_and_on_the_step(
    volume: float, hedging: None
) -> None:
    control.symbol("EURUSD", volume_min=0.1, volume_max=2.0, volume_step=0.1)
    assert deal(volume=volume).retcode == mt5.TRADE_RETCODE_INVALID_VOLUME
    assert deal(volume=0.3).retcode == DONE
    shown = facts()
    assert (shown.volume_min, shown.volume_max, shown.volume_step) == (0.1, 2.0, 0.1)


def test_a_close_in_part_leaves_the_minimum_or_nothing(hedging: None) -> None:
    ticket = opened(volume=0.3)
    control.symbol("EURUSD", volume_min=0.2)
    assert close(ticket, volume=0.2).retcode == mt5.TRADE_RETCODE_INVALID_VOLUME
    assert close(ticket, volume=0.3).retcode == DONE


def test_the_whole_of_a_position_can_be_closed_whatever_the_steps_have_become(
    hedging: None,
) -> None:
    ticket = opened(volume=0.15)
    control.symbol("EURUSD", volume_min=0.2, volume_step=0.1)
    assert close(ticket).retcode == DONE


def test_one_side_of_a_symbol_holds_no_more_than_its_limit(hedging: None) -> None:
    control.symbol("EURUSD", volume_limit=0.3)
    ticket = opened(volume=0.2)
    assert deal(volume=0.2).retcode == mt5.TRADE_RETCODE_LIMIT_VOLUME
    assert deal(volume=0.3, type=SELL).retcode == DONE  # the other side has its own
    assert deal(volume=0.1).retcode == DONE
    assert close(ticket).retcode == DONE
    assert facts().volume_limit == 0.3


@pytest.mark.parametrize("level", [0, 25])
def test_stops_keep_their_distance_from_bid_for_buy_and_from_ask_for_sell(
    level: int, hedging: None
) -> None:
    control.symbol("EURUSD", stops_level=level)
    now = tick()
    nearest = level or round((now.ask - now.bid) * 100_000)  # floating: the spread counts
    refused = mt5.TRADE_RETCODE_INVALID_STOPS
    for by, retcode in ((nearest - 1, refused), (nearest, DONE)):
        assert deal(sl=points(now.bid, -by)).retcode == retcode
        assert deal(tp=points(now.bid, by)).retcode == retcode
        assert deal(type=SELL, sl=points(now.ask, by)).retcode == retcode
        assert deal(type=SELL, tp=points(now.ask, -by)).retcode == retcode
    assert facts().trade_stops_level == level


def test_a_stop_is_moved_under_the_same_rules(hedging: None) -> None:
    control.symbol("EURUSD", stops_level=25)
    ticket, bid = opened(), tick().bid
    near, far = points(bid, -24), points(bid, -25)
    assert protect(ticket, sl=near).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert protect(ticket, sl=far).retcode == DONE
    assert protect(ticket, sl=far).retcode == mt5.TRADE_RETCODE_NO_CHANGES
    assert protect(ticket, sl=far, tp=far).retcode == mt5.TRADE_RETCODE_INVALID_STOPS


def test_a_level_that_stays_as_it_was_is_not_looked_at(hedging: None) -> None:
    target = points(tick().bid, 30)
    ticket = opened(tp=target)
    control.symbol("EURUSD", stops_level=50)
    far = points(tick().bid, -60)
    assert protect(ticket, sl=far, tp=target).retcode == DONE
    closer = points(target, -1)
    assert protect(ticket, sl=far, tp=closer).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert protect(ticket, tp=target).retcode == DONE  # what is omitted is deleted


def test_stops_and_quotes_are_on_the_grid_of_ticks(hedging: None) -> None:
    control.symbol("EURUSD", tick_size=0.00005)
    for _ in range(20):
        control.advance(7)
        for price in (tick().bid, tick().ask):
            assert round(price * 100_000) % 5 == 0
    low = points(tick().bid, -100)
    assert deal(sl=points(low, -1)).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert deal(sl=low + 1e-13).retcode == DONE
    assert next(iter(held().values())).sl == low
    assert facts().trade_tick_size == 0.00005
    assert facts().trade_tick_value == pytest.approx(5.0)


def test_digits_beyond_the_last_are_an_invalid_stop(hedging: None) -> None:
    assert deal(sl=tick().bid * 0.99 + 0.000003).retcode == mt5.TRADE_RETCODE_INVALID_STOPS


@pytest.mark.parametrize(("direction", "kind"), [(BUY, "sl"), (BUY, "tp"), (SELL, "sl")])
def test_a_position_is_frozen_while_the_price_is_near_its_stop_or_target(
    direction: int, kind: str, hedging: None
) -> None:
    price = tick().bid if direction == BUY else tick().ask
    ahead = 30 if (kind == "tp") == (direction == BUY) else -30
    ticket = opened(direction, **{kind: points(price, ahead)})
    other = opened(1 - direction)
    control.symbol("EURUSD", freeze_level=30)
    frozen = mt5.TRADE_RETCODE_FROZEN
    assert protect(ticket, sl=0.0, tp=0.0).retcode == frozen
    assert close(ticket).retcode == frozen
    assert close(ticket, volume=0.05).retcode == frozen
    by = {"action": mt5.TRADE_ACTION_CLOSE_BY, "position": other, "position_by": ticket}
    assert deal(**by).retcode == frozen
    control.symbol("EURUSD", freeze_level=29)
    assert facts().trade_freeze_level == 29
    assert protect(ticket).retcode == DONE


@pytest.mark.parametrize(
    ("execution", "mask", "allowed"),
    [
        ("market", 3, {FOK, IOC}),
        ("market", 1, {FOK}),
        ("market", 2, {IOC}),
        ("exchange", 2, {IOC, RETURN}),
        ("exchange", 0, {RETURN}),
        ("instant", 2, {FOK}),
        ("request", 0, {FOK}),
    ],
)
def test_a_filling_fits_the_symbols_mask_and_execution(
    execution: str, mask: int, allowed: set[int], hedging: None
) -> None:
    control.symbol("EURUSD", execution=execution, filling_mode=mask)
    for filling in (FOK, IOC, RETURN, mt5.ORDER_FILLING_BOC):
        expected = DONE if filling in allowed else mt5.TRADE_RETCODE_INVALID_FILL
        assert deal(type_filling=filling, price=tick().ask).retcode == expected
    assert facts().filling_mode == mask
    assert control.open_position("EURUSD", "SELL", 0.1)  # a hand knows what to choose


@pytest.mark.parametrize(
    ("execution", "moved"),
    [("instant", mt5.TRADE_RETCODE_REQUOTE), ("request", mt5.TRADE_RETCODE_PRICE_CHANGED)],
)
def test_a_price_that_the_market_has_left_comes_back_fresh(
    execution: str, moved: int, hedging: None
) -> None:
    control.symbol("EURUSD", execution=execution)
    asked = tick().ask
    control.jump("EURUSD", 4)
    sent = deal(price=asked, deviation=3)
    assert (sent.retcode, sent.order) == (moved, 0)
    assert (sent.bid, sent.ask, sent.price) == (tick().bid, tick().ask, tick().ask)
    sent = deal(price=asked, deviation=4)
    assert (sent.retcode, sent.price) == (DONE, tick().ask)  # filled at the market's price
    sold = deal(type=SELL, price=points(tick().bid, 1))
    assert (sold.retcode, sold.price) == (moved, tick().bid)


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, 1.0700001])
def test_instant_execution_wants_a_price_that_is_one(price: float, hedging: None) -> None:
    control.symbol("EURUSD", execution="instant")
    assert deal(price=price).retcode == mt5.TRADE_RETCODE_INVALID_PRICE


def test_market_execution_does_not_look_at_the_price(hedging: None) -> None:
    assert deal(price=0.5, deviation=0).retcode == DONE
