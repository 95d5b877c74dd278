import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from terminal.simulator.trader import (
    BUY,
    DONE,
    SELL,
    account,
    close_by,
    deals,
    facts,
    held,
    opened,
    points,
    tick,
)

INVALID = mt5.TRADE_RETCODE_INVALID


def pair(long: float, short: float) -> tuple[int, int]:
    first = opened(BUY, long)
    control.jump("EURUSD", 50)
    return first, opened(SELL, short)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("long", "short"), [(0.3, 0.3), (0.5, 0.2), (0.2, 0.5)])
def test_opposite_positions_close_each_other_and_the_rest_of_the_larger_stays(
    long: float, short: float, turned: bool, hedging: None
) -> None:
    tickets = pair(long, short)
    before = held()
    one, two = reversed(tickets) if turned else tickets
    sent = close_by(one, two, magic=7)
    part = min(long, short)
    assert (sent.retcode, sent.volume) == (DONE, part)
    left = {t: round(p.volume - part, 8) for t, p in before.items() if p.volume > part}
    after = held()
    assert {ticket: position.volume for ticket, position in after.items()} == left
    for ticket, position in after.items():
        assert position.price_open == before[ticket].price_open
        assert position.identifier == before[ticket].identifier


def test_both_deals_are_out_by_at_the_others_opening_price_and_one_has_the_profit(
    hedging: None,
) -> None:
    one, two = pair(0.3, 0.2)
    price = {ticket: position.price_open for ticket, position in held().items()}
    sent = close_by(one, two)
    first, second = deals(one)[-1], deals(two)[-1]
    assert first.entry == second.entry == mt5.DEAL_ENTRY_OUT_BY
    assert (first.type, second.type) == (SELL, BUY)
    assert first.volume == second.volume == 0.2
    assert first.price == second.price == sent.price == price[two]
    assert first.order == second.order == sent.order
    assert (first.position_id, second.position_id) == (one, two)
    assert (sent.deal, second.ticket) == (first.ticket, first.ticket + 1)
    assert first.profit == round((price[two] - price[one]) * 20_000, 2)
    assert second.profit == 0
    assert first.comment == f"close #{one} by #{two}"


def test_the_order_of_a_close_by_names_both_positions(hedging: None) -> None:
    one, two = pair(0.2, 0.2)
    sent = close_by(one, two, comment="pair")
    orders = mt5.history_orders_get(ticket=sent.order)
    assert orders is not None
    assert [(o.type, o.position_id, o.position_by_id, o.comment) for o in orders] == [
        (mt5.ORDER_TYPE_CLOSE_BY, one, two, "pair")
    ]


def test_a_close_by_saves_a_spread(hedging: None) -> None:
    one, two = opened(BUY, 1.0), opened(SELL, 1.0)
    spread = tick().ask - tick().bid
    before = account().balance
    close_by(one, two)
    assert account().balance == pytest.approx(before - spread * 100_000 - 7.0)
    assert account().equity == account().balance


def test_only_two_opposite_positions_of_a_symbol_close_each_other(hedging: None) -> None:
    long, longer, pound = opened(BUY), opened(BUY), opened(SELL, symbol="GBPUSD")
    assert close_by(long, longer).retcode == INVALID
    assert close_by(long, pound).retcode == INVALID
    assert close_by(long, long).retcode == INVALID
    assert close_by(long, 0).retcode == INVALID
    assert close_by(long, 1).retcode == mt5.TRADE_RETCODE_POSITION_CLOSED
    assert close_by(1, long).retcode == mt5.TRADE_RETCODE_POSITION_CLOSED
    assert len(held()) == 3


def test_a_symbol_may_be_without_close_by(hedging: None) -> None:
    one, two = pair(0.2, 0.2)
    assert facts().order_mode & 64
    control.symbol("EURUSD", close_by=False)
    assert not facts().order_mode & 64
    assert close_by(one, two).retcode == INVALID


def test_under_fifo_the_two_oldest_close_each_other(hedging: None) -> None:
    control.account(fifo=True)
    one, two = pair(0.2, 0.2)
    three = opened(SELL, 0.2)
    assert close_by(one, three).retcode == mt5.TRADE_RETCODE_FIFO_CLOSE
    assert close_by(two, one).retcode == DONE


def test_a_close_by_keeps_the_stops_of_what_stays(hedging: None) -> None:
    low = points(tick().bid, -200)
    one, two = opened(BUY, 0.3, sl=low), opened(SELL, 0.1)
    close_by(one, two)
    assert held()[one].sl == low
