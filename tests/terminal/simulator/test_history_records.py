"""What order, deal and position tell, field by field, as the terminal's documentation has it."""

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.records import TradeDeal, TradeOrder
from terminal.simulator.trader import (
    BUY,
    SELL,
    account,
    close_by,
    deal,
    deals,
    held,
    opened,
    points,
    tick,
    waiting,
)


def order_of(made: TradeDeal) -> TradeOrder:
    found = mt5.history_orders_get(ticket=made.order)
    assert found is not None
    return found[0]


def test_a_market_order_is_set_up_and_done_at_once(hedging: None) -> None:
    before = tick()
    ticket = opened(BUY, 0.3, magic=7, comment="mine", price=before.ask)
    [made] = deals(ticket)
    order = order_of(made)
    assert order.time_setup_msc == order.time_done_msc == made.time_msc
    assert (order.time_setup, order.time_done) == (made.time_msc // 1000,) * 2
    assert (order.volume_initial, order.volume_current) == (0.3, 0)
    assert (order.price_open, order.price_current) == (before.ask, made.price)
    assert (order.state, order.reason) == (mt5.ORDER_STATE_FILLED, mt5.ORDER_REASON_EXPERT)
    assert (order.position_id, order.position_by_id) == (ticket, 0)
    assert (order.time_expiration, order.type_time) == (0, mt5.ORDER_TIME_GTC)
    assert (order.magic, order.comment, order.external_id) == (7, "mine", "")
    assert (made.magic, made.comment, made.external_id) == (7, "mine", "")
    assert (made.entry, made.reason) == (mt5.DEAL_ENTRY_IN, mt5.DEAL_REASON_EXPERT)
    assert (made.profit, made.swap) == (0, 0)


def test_what_a_hand_does_is_told_from_what_a_program_does(hedging: None) -> None:
    position = control.open_position("EURUSD", "BUY", 0.1)
    assert position is not None
    assert position.reason == mt5.POSITION_REASON_CLIENT
    control.close_position(position.ticket)
    assert {made.reason for made in deals(position.ticket)} == {mt5.DEAL_REASON_CLIENT}


def test_a_stop_and_a_target_say_what_they_were_and_what_they_got(hedging: None) -> None:
    bid, ask = tick().bid, tick().ask
    for reason, word, level, jump in (
        (mt5.DEAL_REASON_SL, "sl", points(bid, -200), -230),
        (mt5.DEAL_REASON_TP, "tp", points(ask, 200), 490),
    ):
        wanted = {"sl": level} if word == "sl" else {"tp": level}
        ticket = opened(BUY, 0.1, magic=7, comment="mine", **wanted)
        control.jump("EURUSD", jump)
        last = deals(ticket)[-1]
        order = order_of(last)
        assert (last.reason, last.comment) == (reason, f"[{word} {level:.5f}]")
        assert (order.reason, order.comment) == (reason, last.comment)
        assert (order.price_open, order.price_current) == (level, last.price)
        assert last.price == tick().bid, "the first price beyond"
        assert (order.type, last.type, last.entry) == (SELL, SELL, mt5.DEAL_ENTRY_OUT)
        assert (order.magic, order.position_id) == (7, ticket)
        assert (order.sl, order.tp) == (0, 0)


def test_an_order_that_is_filled_later_remembers_when_it_came(hedging: None) -> None:
    control.inject("late_fill", seconds=20)
    begun = tick().time
    sent = deal(volume=0.2)
    [placed] = waiting()
    assert (placed.ticket, placed.state) == (sent.order, mt5.ORDER_STATE_PLACED)
    assert (placed.time_done, placed.volume_current) == (0, 0.2)
    control.advance(30)
    [made] = deals(sent.order)
    order = order_of(made)
    assert (order.time_setup, order.time_done) == (begun, begun + 20)
    assert made.time == begun + 20


def test_an_order_that_is_filled_in_part_tells_the_rest(hedging: None) -> None:
    control.inject("partial", share=0.4)
    sent = deal(volume=0.5, type_filling=mt5.ORDER_FILLING_IOC)
    [made] = deals(sent.order)
    order = order_of(made)
    assert (order.volume_initial, order.volume_current, made.volume) == (0.5, 0.3, 0.2)
    assert order.state == mt5.ORDER_STATE_PARTIAL
    assert held()[sent.order].volume == 0.2


def test_a_close_by_is_one_order_of_its_own_type_with_a_deal_for_each(hedging: None) -> None:
    one, two = opened(BUY, 0.3), opened(SELL, 0.3)
    sent = close_by(one, two)
    made = [deals(one)[-1], deals(two)[-1]]
    order = order_of(made[0])
    assert order.type == mt5.ORDER_TYPE_CLOSE_BY
    assert (order.position_id, order.position_by_id) == (one, two)
    assert [each.order for each in made] == [sent.order] * 2
    assert [each.entry for each in made] == [mt5.DEAL_ENTRY_OUT_BY] * 2
    assert order.comment == f"close #{one} by #{two}"


def test_commission_and_fee_are_taken_by_each_deal(hedging: None) -> None:
    control.symbol("EURUSD", commission=3.0, fee=0.5)
    before = account().balance
    ticket = opened(BUY, 2.0)
    assert account().balance == before - 7
    control.close_position(ticket)
    assert [(made.commission, made.fee) for made in deals(ticket)] == [(-6, -1)] * 2
    profit = deals(ticket)[-1].profit
    assert account().balance == pytest.approx(before - 14 + profit)


def test_money_that_is_paid_in_is_a_deal_without_a_symbol(hedging: None) -> None:
    control.deposit(250.0)
    control.deposit(-50.0)
    found = mt5.history_deals_get(0, 4_000_000_000)
    assert found is not None
    assert [made.profit for made in found] == [10_000, 250, -50]
    for made in found:
        assert made.type == mt5.DEAL_TYPE_BALANCE
        assert (made.symbol, made.volume, made.price, made.position_id) == ("", 0, 0, 0)
        assert (made.order, made.entry, made.commission, made.swap, made.fee) == (0, 0, 0, 0, 0)
