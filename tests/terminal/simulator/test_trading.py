import math
from datetime import UTC, datetime

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.facts import AccountInfo, Tick
from dtms_server.terminal.simulator.records import OrderSendResult, TradePosition
from dtms_server.terminal.simulator.settings import Settings

BUY, SELL = mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL


def tick(symbol: str = "EURUSD") -> Tick:
    found = mt5.symbol_info_tick(symbol)
    assert found is not None
    return found


def account() -> AccountInfo:
    found = mt5.account_info()
    assert found is not None
    return found


def deal(**fields: object) -> OrderSendResult:
    whole = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.1, "type": BUY}
    sent = mt5.order_send(whole | fields)
    assert sent is not None
    return sent


def only_position() -> TradePosition:
    positions = mt5.positions_get()
    assert positions is not None
    (position,) = positions
    return position


def test_a_market_order_opens_a_position_at_the_tick(hedging: None) -> None:
    now = tick()
    sent = deal(sl=round(now.bid - 0.01, 5), tp=round(now.bid + 0.02, 5), magic=7, comment="bot")
    assert (sent.retcode, sent.price, sent.volume) == (mt5.TRADE_RETCODE_DONE, now.ask, 0.1)
    assert sent.request.magic == 7
    position = only_position()
    assert position.ticket == position.identifier == sent.order
    assert (position.type, position.volume, position.price_open) == (BUY, 0.1, now.ask)
    assert (position.sl, position.tp) == (round(now.bid - 0.01, 5), round(now.bid + 0.02, 5))
    assert (position.magic, position.comment, position.reason) == (7, "bot", 3)
    assert position.time == now.time
    assert position.price_current == now.bid
    assert position.profit == round((now.bid - now.ask) * 10_000, 2)
    assert mt5.positions_total() == 1


def test_the_account_adds_up(hedging: None) -> None:
    deal()
    deal(type=SELL, symbol="USDJPY", volume=0.2)
    shown, positions = account(), mt5.positions_get()
    assert positions is not None
    assert shown.profit == pytest.approx(sum(p.profit for p in positions))
    assert shown.equity == pytest.approx(shown.balance + shown.profit)
    assert shown.balance == pytest.approx(10_000 - 0.35 - 0.7)
    euro_margin = 0.1 * 100_000 * positions[0].price_open / 100
    assert shown.margin == pytest.approx(euro_margin + 0.2 * 100_000 / 100, abs=0.01)
    assert shown.margin_free == pytest.approx(shown.equity - shown.margin)
    assert (shown.currency, shown.trade_mode, shown.margin_mode) == ("USD", 0, 2)


def test_yen_become_dollars_at_the_closing_price(hedging: None) -> None:
    sent = deal(symbol="USDJPY", volume=1.0)
    control.jump("USDJPY", 500)
    closed = deal(symbol="USDJPY", volume=1.0, type=SELL, position=sent.order)
    deals = mt5.history_deals_get(position=sent.order)
    assert deals is not None
    assert deals[-1].profit == pytest.approx(
        (closed.price - sent.price) * 100_000 / closed.price, abs=0.005
    )


def test_opposite_positions_stand_side_by_side_on_a_hedging_account(hedging: None) -> None:
    deal()
    deal(type=SELL)
    assert [p.type for p in mt5.positions_get() or ()] == [BUY, SELL]


def test_a_close_by_position_ends_it_and_is_history(hedging: None) -> None:
    opened = deal(magic=7)
    closed = deal(type=SELL, position=opened.order, magic=7)
    assert closed.retcode == mt5.TRADE_RETCODE_DONE
    assert mt5.positions_get() == ()
    deals = mt5.history_deals_get(position=opened.order)
    assert deals is not None
    assert [(d.entry, d.type, d.volume, d.reason) for d in deals] == [
        (mt5.DEAL_ENTRY_IN, BUY, 0.1, mt5.DEAL_REASON_EXPERT),
        (mt5.DEAL_ENTRY_OUT, SELL, 0.1, mt5.DEAL_REASON_EXPERT),
    ]
    assert {d.position_id for d in deals} == {opened.order}
    assert [d.ticket for d in deals] == [opened.deal, closed.deal]
    assert deals[1].profit == round((closed.price - opened.price) * 10_000, 2)
    orders = mt5.history_orders_get(position=opened.order)
    assert orders is not None
    assert [o.ticket for o in orders] == [opened.order, closed.order]
    assert {o.state for o in orders} == {mt5.ORDER_STATE_FILLED}
    assert mt5.history_deals_get(ticket=closed.order) == deals[1:]
    assert mt5.history_orders_get(ticket=closed.order) == orders[1:]


def test_a_partial_close_keeps_ticket_stop_and_entry(hedging: None) -> None:
    sent = deal(volume=0.3, sl=round(tick().bid - 0.01, 5))
    before = only_position()
    assert deal(type=SELL, volume=0.1, position=sent.order).retcode == mt5.TRADE_RETCODE_DONE
    after = only_position()
    assert after.volume == 0.2
    assert (after.ticket, after.sl, after.price_open) == (
        before.ticket,
        before.sl,
        before.price_open,
    )


@pytest.mark.parametrize(
    ("fields", "retcode"),
    [
        ({"volume": 0.0}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 0.001}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 0.015}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 100.01}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": -0.1}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": math.nan}, mt5.TRADE_RETCODE_INVALID_VOLUME),
        ({"sl": 9.0}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"tp": 0.5}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"sl": math.nan}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"sl": -1.0}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"type": SELL, "sl": 0.5}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"type": SELL, "tp": 9.0}, mt5.TRADE_RETCODE_INVALID_STOPS),
        ({"type": mt5.ORDER_TYPE_CLOSE_BY}, mt5.TRADE_RETCODE_INVALID),
        ({"symbol": "NOSUCH"}, mt5.TRADE_RETCODE_INVALID),
        ({"action": 99}, mt5.TRADE_RETCODE_INVALID),
        ({"position": 1}, mt5.TRADE_RETCODE_POSITION_CLOSED),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(
    fields: dict[str, object], retcode: int, hedging: None
) -> None:
    sent = deal(**fields)
    assert (sent.retcode, sent.order, sent.deal) == (retcode, 0, 0)
    assert mt5.last_error() == (1, "Success")  # the call went well, the broker said no
    assert mt5.positions_get() == ()
    assert account().balance == 10_000


def test_a_close_must_fit_its_position(hedging: None) -> None:
    sent = deal(volume=0.2)
    closing = {"type": SELL, "position": sent.order}
    assert deal(**closing, volume=0.3).retcode == mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    assert deal(type=BUY, position=sent.order).retcode == mt5.TRADE_RETCODE_INVALID
    assert deal(**closing, symbol="GBPUSD").retcode == mt5.TRADE_RETCODE_INVALID
    assert only_position().volume == 0.2
    assert deal(**closing, volume=0.2).retcode == mt5.TRADE_RETCODE_DONE
    assert deal(**closing, volume=0.2).retcode == mt5.TRADE_RETCODE_POSITION_CLOSED


def test_a_stop_at_the_price_itself_is_on_the_wrong_side(hedging: None) -> None:
    control.symbol("EURUSD", stops_level=1)
    assert deal(sl=tick().bid).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert deal(sl=round(tick().bid - 1e-5, 5)).retcode == mt5.TRADE_RETCODE_DONE
    assert deal(type=SELL, sl=tick().ask).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    assert deal(type=SELL, sl=round(tick().ask + 1e-5, 5)).retcode == mt5.TRADE_RETCODE_DONE


def protect(**fields: object) -> int:
    sent = mt5.order_send({"action": mt5.TRADE_ACTION_SLTP, "symbol": "EURUSD"} | fields)
    assert sent is not None
    return sent.retcode


def test_stops_are_changed_and_what_is_omitted_is_deleted(hedging: None) -> None:
    ticket = deal().order
    low, high = round(tick().bid - 0.01, 5), round(tick().bid + 0.01, 5)
    assert protect(position=ticket, sl=low, tp=high) == mt5.TRADE_RETCODE_DONE
    assert (only_position().sl, only_position().tp) == (low, high)
    assert protect(position=ticket, sl=low, tp=high) == mt5.TRADE_RETCODE_NO_CHANGES
    assert protect(position=ticket, sl=low) == mt5.TRADE_RETCODE_DONE
    assert (only_position().sl, only_position().tp) == (low, 0.0)
    assert protect(position=ticket, sl=high) == mt5.TRADE_RETCODE_INVALID_STOPS
    assert protect(position=ticket + 1, sl=low) == mt5.TRADE_RETCODE_POSITION_CLOSED
    assert protect(sl=low) == mt5.TRADE_RETCODE_POSITION_CLOSED
    history = mt5.history_deals_get(position=ticket)
    assert history is not None
    assert len(history) == 1  # a stop is no deal


def test_nothing_is_dealt_at_the_weekend(hedging: None) -> None:
    ticket = deal().order
    control.advance(5 * 86_400)  # from Monday to Saturday
    assert deal().retcode == mt5.TRADE_RETCODE_MARKET_CLOSED
    assert deal(type=SELL, position=ticket).retcode == mt5.TRADE_RETCODE_MARKET_CLOSED
    assert protect(position=ticket, sl=0.5) == mt5.TRADE_RETCODE_MARKET_CLOSED
    with pytest.raises(control.Refused, match="Market closed"):
        control.jump("EURUSD", 10)
    control.advance(2 * 86_400)
    assert deal().retcode == mt5.TRADE_RETCODE_DONE


def test_history_is_chosen_by_dates_of_the_servers_clock(hedging: None) -> None:
    deal()
    at = tick().time
    control.advance(3600)
    deal(symbol="GBPUSD")
    first = mt5.history_deals_get(at, at + 60)
    assert first is not None
    assert [d.symbol for d in first] == ["", "EURUSD"]  # the deposit, then the deal
    assert mt5.history_deals_total(at, at + 86_400) == 3
    assert mt5.history_orders_total(at, at + 86_400) == 2
    pounds = mt5.history_deals_get(at, at + 86_400, group="GBP*")
    assert pounds is not None
    assert [d.symbol for d in pounds] == ["GBPUSD"]
    assert mt5.history_deals_get(at + 86_400, at + 90_000) == ()


def test_by_hand_a_position_is_opened_modified_and_closed_in_part(hedging: None) -> None:
    low, high = round(tick().bid - 0.01, 5), round(tick().bid + 0.01, 5)
    position = control.open_position("EURUSD", "BUY", 0.3, stop_loss=low, magic=5, comment="me")
    assert position is not None
    assert (position.reason, position.magic, position.sl) == (mt5.POSITION_REASON_CLIENT, 5, low)
    changed = control.modify_position(position.ticket, take_profit=high)
    assert (changed.sl, changed.tp) == (low, high)
    changed = control.modify_position(position.ticket, stop_loss=None)
    assert (changed.sl, changed.tp) == (0.0, high)
    rest = control.close_position(position.ticket, 0.1)
    assert rest is not None
    assert rest.volume == 0.2
    assert control.close_position(position.ticket, reason=mt5.DEAL_REASON_MOBILE) is None
    assert control.positions() == ()
    deals = mt5.history_deals_get(position=position.ticket)
    assert deals is not None
    assert [d.reason for d in deals] == [
        mt5.DEAL_REASON_CLIENT,
        mt5.DEAL_REASON_CLIENT,
        mt5.DEAL_REASON_MOBILE,
    ]


def test_what_cannot_be_done_by_hand_says_why(hedging: None) -> None:
    with pytest.raises(control.Refused, match="no open position 5") as refused:
        control.close_position(5)
    assert refused.value.retcode == mt5.TRADE_RETCODE_POSITION_CLOSED
    with pytest.raises(control.Refused, match="Invalid volume"):
        control.open_position("EURUSD", "BUY", 0)
    with pytest.raises(control.Refused, match="NOSUCH"):
        control.open_position("NOSUCH", "BUY", 1)
    with pytest.raises(control.Refused, match="SIDEWAYS"):
        control.open_position("EURUSD", "SIDEWAYS", 1)  # type: ignore[arg-type]  # on purpose
    position = control.open_position("EURUSD", "BUY", 0.1)
    assert position is not None
    with pytest.raises(control.Refused, match="exceeds"):
        control.close_position(position.ticket, 0.2)


def test_a_netting_account_keeps_one_position_a_symbol(netting: None) -> None:
    first = deal(volume=0.2, sl=round(tick().bid - 0.01, 5))
    control.jump("EURUSD", 100)
    second = deal(volume=0.1)
    added = only_position()
    assert (added.ticket, added.volume) == (first.order, 0.3)
    assert added.price_open == pytest.approx((first.price * 0.2 + second.price * 0.1) / 0.3)
    assert added.sl == round(first.bid - 0.01, 5)  # an order without a stop leaves the stop
    deal(type=SELL, volume=0.1)
    assert (only_position().volume, only_position().ticket) == (0.2, first.order)
    deal(type=SELL, volume=0.2)
    assert mt5.positions_get() == ()
    deals = mt5.history_deals_get(position=first.order)
    assert deals is not None
    assert [d.entry for d in deals] == [0, 0, 1, 1]


def test_a_turned_netting_position_has_a_new_ticket_and_its_old_identifier(netting: None) -> None:
    first = deal(volume=0.2)
    turned = deal(type=SELL, volume=0.5)
    position = only_position()
    assert (position.type, position.volume) == (SELL, 0.3)
    assert (position.ticket, position.identifier) == (turned.order, first.order)
    assert position.price_open == turned.price
    deals = mt5.history_deals_get(position=first.order)
    assert deals is not None
    assert (deals[-1].entry, deals[-1].volume) == (mt5.DEAL_ENTRY_INOUT, 0.5)
    assert deals[-1].profit == round((turned.price - first.price) * 20_000, 2)
    assert account().margin_mode == mt5.ACCOUNT_MARGIN_MODE_RETAIL_NETTING


def test_a_turning_deal_brings_its_own_stops_and_they_must_be_right(netting: None) -> None:
    deal(volume=0.2, sl=round(tick().bid - 0.01, 5))
    turning = {"type": SELL, "volume": 0.5}
    assert deal(**turning, sl=0.5).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    high = round(tick().ask + 0.01, 5)
    assert deal(**turning, sl=high).retcode == mt5.TRADE_RETCODE_DONE
    assert (only_position().sl, only_position().volume) == (high, 0.3)


def test_stops_of_a_netting_position_are_set_by_symbol(netting: None) -> None:
    deal()
    low = round(tick().bid - 0.01, 5)
    assert protect(sl=low) == mt5.TRADE_RETCODE_DONE
    assert only_position().sl == low


def test_by_hand_a_netting_position_is_closed_by_its_opposite(netting: None) -> None:
    opened = control.open_position("EURUSD", "BUY", 0.2)
    assert opened is not None
    added = control.open_position("EURUSD", "BUY", 0.1)
    assert added is not None
    assert (added.ticket, added.volume) == (opened.ticket, 0.3)
    assert control.open_position("EURUSD", "SELL", 0.3) is None
    assert control.positions() == ()


def test_a_market_that_is_not_there_yet_is_closed() -> None:
    control.start(Settings(seed=1, speed=0, start=datetime(2024, 8, 30, 12, tzinfo=UTC)))
    assert mt5.initialize()
    assert deal().retcode == mt5.TRADE_RETCODE_MARKET_CLOSED
    assert mt5.symbol_info_tick("EURUSD") is None
    facts = mt5.symbol_info("EURUSD")
    assert facts is not None
    assert facts.bid == 0.0
    rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M15, 0, 10)
    assert rates is not None
    assert len(rates) == 0
