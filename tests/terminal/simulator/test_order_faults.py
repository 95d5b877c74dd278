from collections.abc import Callable
from pathlib import Path

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.trader import (
    BUY,
    DONE,
    SELL,
    close,
    close_by,
    deal,
    deals,
    held,
    opened,
    points,
    protect,
    tick,
    waiting,
)

ORDER = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.1, "type": BUY}


def test_any_retcode_is_answered_as_often_as_told_and_nothing_is_done(hedging: None) -> None:
    control.inject("retcode", code=10006, count=2)
    for _ in range(2):
        sent = deal()
        assert (sent.retcode, sent.order, sent.deal) == (10006, 0, 0)
    assert held() == {}
    assert deal().retcode == DONE


def test_a_retcode_may_come_of_an_order_that_was_carried_out(hedging: None) -> None:
    control.inject("retcode", code=10011, executed=True)
    sent = deal(comment="mine")
    assert (sent.retcode, sent.order) == (10011, 0)
    assert [position.comment for position in held().values()] == ["mine"]


def test_a_success_that_is_told_is_told_whole(hedging: None) -> None:
    control.inject("retcode", code=10008, executed=True)
    sent = deal()
    assert (sent.retcode, set(held())) == (10008, {sent.order})


def test_a_requote_has_a_fresh_price_and_no_effect(hedging: None) -> None:
    control.inject("requote", count=3)
    for _ in range(3):
        sent = deal()
        assert sent.retcode == mt5.TRADE_RETCODE_REQUOTE
        assert (sent.price, sent.bid, sent.ask) == (tick().ask, tick().bid, tick().ask)
    assert held() == {}
    assert deal().retcode == DONE


@pytest.mark.parametrize(("executed", "count"), [(True, 1), (False, 0)])
def test_after_a_timeout_the_order_was_carried_out_or_not(
    executed: bool, count: int, hedging: None
) -> None:
    control.inject("timeout", executed=executed)
    assert deal().retcode == mt5.TRADE_RETCODE_TIMEOUT
    assert len(held()) == count
    control.advance(600)
    assert len(held()) == count


def test_after_a_timeout_the_order_may_be_carried_out_later_at_the_price_of_then(
    hedging: None,
) -> None:
    control.inject("timeout", seconds=45)
    at = tick().time_msc
    assert deal(comment="late", magic=5).retcode == mt5.TRADE_RETCODE_TIMEOUT
    assert waiting() == ()  # and nothing tells of it
    control.advance(44.9)
    assert held() == {}
    control.jump("EURUSD", 100)
    control.advance(0.2)
    (position,) = held().values()
    assert (position.comment, position.magic, position.time_msc) == ("late", 5, at + 45_000)
    ticks = mt5.copy_ticks_range("EURUSD", at // 1000, at // 1000 + 45, mt5.COPY_TICKS_ALL)
    assert ticks is not None
    assert position.price_open == ticks[-1]["ask"]


@pytest.mark.parametrize("code", [-10001, -10002])
@pytest.mark.parametrize(("executed", "count"), [(True, 1), (False, 0)])
def test_no_answer_leaves_open_what_became_of_the_order(
    code: int, executed: bool, count: int, hedging: None
) -> None:
    control.inject("no_answer", code=code, executed=executed)
    assert mt5.order_send(ORDER) is None
    assert mt5.last_error()[0] == code
    assert len(held()) == count


def test_an_order_without_an_answer_may_be_carried_out_later(hedging: None) -> None:
    control.inject("no_answer", seconds=60)
    assert mt5.order_send(ORDER) is None
    assert held() == {}
    control.advance(60)
    assert len(held()) == 1


@pytest.mark.parametrize("code", [10008, 10009])
def test_a_late_fill_has_its_ticket_at_once_and_its_position_later(
    code: int, hedging: None
) -> None:
    control.inject("late_fill", code=code, seconds=5)
    sent = deal(comment="late")
    assert (sent.retcode, sent.deal, sent.volume) == (code, 0, 0.1)
    assert sent.order > 0
    assert held() == {}
    assert [(o.ticket, o.state, o.comment) for o in waiting()] == [
        (sent.order, mt5.ORDER_STATE_PLACED, "late")
    ]
    assert mt5.orders_total() == 1
    assert mt5.orders_get(ticket=sent.order) == waiting()
    assert mt5.orders_get(symbol="GBPUSD") == ()
    control.advance(5)
    assert set(held()) == {sent.order}
    assert waiting() == ()
    assert [d.order for d in deals(sent.order)] == [sent.order]


def test_closes_stops_and_close_bys_can_be_late_too(hedging: None) -> None:
    long, short, other = opened(BUY), opened(SELL), opened(BUY, 0.2)
    control.inject("late_fill", count=3, seconds=10)
    low = points(tick().bid, -300)
    assert protect(other, sl=low).order == 0  # new stops are no order
    assert close(other, volume=0.1).retcode == 10008
    assert close_by(long, short).retcode == 10008
    assert len(waiting()) == 2
    control.advance(10)
    (left,) = held().values()
    assert (left.ticket, left.volume, left.sl) == (other, 0.1, low)


def test_a_late_order_that_may_not_be_carried_out_any_more_comes_to_nothing(
    hedging: None,
) -> None:
    ticket = opened()
    control.inject("late_fill", count=2, seconds=10)
    sent = close(ticket)
    protect(ticket, sl=points(tick().bid, -300))
    control.close_position(ticket)
    control.advance(10)
    assert held() == {}
    assert len(deals(ticket)) == 2
    orders = mt5.history_orders_get(ticket=sent.order)
    assert orders is not None
    assert [order.state for order in orders] == [mt5.ORDER_STATE_REJECTED]


def test_a_stop_is_hit_before_or_after_a_late_fill_as_time_has_it(hedging: None) -> None:
    control.inject("late_fill", seconds=3600)
    stop = points(tick().bid, -400)
    sent = deal(sl=stop)
    control.advance(4 * 86_400)
    opening, closing = deals(sent.order)
    assert (opening.entry, closing.entry) == (mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_OUT)
    assert opening.time_msc == waiting_since(sent.order) + 3_600_000 < closing.time_msc
    assert closing.price <= stop


def waiting_since(ticket: int) -> int:
    orders = mt5.history_orders_get(ticket=ticket)
    assert orders is not None
    return int(orders[0].time_done_msc) - 3_600_000


def test_late_orders_outlive_a_restart(tmp_path: Path, begin: Callable[[Settings], None]) -> None:
    settings = Settings(seed=11, speed=0, state_path=tmp_path / "world.json")
    begin(settings)
    control.inject("timeout", seconds=30)
    deal(comment="late")
    begin(settings)
    assert held() == {}
    control.advance(30)
    assert [position.comment for position in held().values()] == ["late"]
