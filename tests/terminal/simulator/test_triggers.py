from collections.abc import Callable

import numpy as np
import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.bars import DAY
from dtms_server.terminal.simulator.facts import Tick
from dtms_server.terminal.simulator.quotes import Jump, Quotes
from dtms_server.terminal.simulator.records import TradeDeal, TradePosition
from dtms_server.terminal.simulator.seeded import START, SeededMarket
from dtms_server.terminal.simulator.settings import Settings
from dtms_server.terminal.simulator.symbols import facts
from dtms_server.terminal.simulator.triggers import triggered
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

MARKET = SeededMarket(3, {"EURUSD": facts("EURUSD")}, 1)


def bid() -> float:
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    return tick.bid


def last_deal(ticket: int) -> TradeDeal:
    deals = mt5.history_deals_get(position=ticket)
    assert deals is not None
    return deals[-1]


@pytest.mark.parametrize(
    ("direction", "stop", "target", "points", "reason", "kind"),
    [
        ("BUY", -50, 50, -50, mt5.DEAL_REASON_SL, "sl"),
        ("BUY", -50, 50, 50, mt5.DEAL_REASON_TP, "tp"),
        ("SELL", 50, -50, 50, mt5.DEAL_REASON_SL, "sl"),
        ("SELL", 50, -50, -50, mt5.DEAL_REASON_TP, "tp"),
    ],
)
def test_a_level_that_is_reached_closes_the_position_there(
    direction: str, stop: int, target: int, points: int, reason: int, kind: str, hedging: None
) -> None:
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    price = tick.bid if direction == "BUY" else tick.ask
    position = control.open_position(
        "EURUSD",
        "BUY" if direction == "BUY" else "SELL",
        0.1,
        stop_loss=round(price + stop / 100_000, 5),
        take_profit=round(price + target / 100_000, 5),
        magic=9,
    )
    assert position is not None
    short = points - 1 if points > 0 else points + 1
    control.jump("EURUSD", short)
    assert len(control.positions()) == 1
    control.jump("EURUSD", points - short)
    assert control.positions() == ()
    deal = last_deal(position.ticket)
    assert (deal.reason, deal.entry, deal.magic) == (reason, mt5.DEAL_ENTRY_OUT, 9)
    assert deal.price == round(price + points / 100_000, 5)
    assert deal.comment == f"[{kind} {deal.price:.5f}]"
    assert deal.time == tick.time
    orders = mt5.history_orders_get(ticket=deal.order)
    assert orders is not None
    assert orders[0].reason == reason


def test_a_price_that_leaps_over_the_stop_closes_where_it_lands(hedging: None) -> None:
    position = control.open_position("EURUSD", "BUY", 0.1, round(bid() - 0.0005, 5))
    assert position is not None
    landed = round(bid() - 0.02, 5)
    control.jump("EURUSD", -2000)
    assert last_deal(position.ticket).price == landed


def test_a_stop_is_hit_at_the_very_tick_that_reaches_it(hedging: None) -> None:
    position = control.open_position("EURUSD", "BUY", 0.1, round(bid() - 0.0010, 5))
    assert position is not None
    begin = position.time
    control.advance(4 * DAY)
    assert control.positions() == ()
    ticks = mt5.copy_ticks_range("EURUSD", begin, begin + 4 * DAY, mt5.COPY_TICKS_ALL)
    assert ticks is not None
    hit = ticks[np.argmax(ticks["bid"] <= position.sl)]
    deal = last_deal(position.ticket)
    assert (deal.time_msc, deal.price) == (hit["time_msc"], hit["bid"])
    account = mt5.account_info()
    assert account is not None
    assert account.balance == pytest.approx(10_000 + deal.profit - 0.7)


def test_small_steps_and_one_long_one_lead_to_the_same_history(
    begin: Callable[[Settings], None],
) -> None:
    histories = []
    for step in (1800, 2 * DAY):
        begin(Settings(seed=11, speed=0))
        start = bid()
        for level in range(1, 30):
            low, high = start - level * 2e-4, start + level * 3e-4
            assert control.open_position("EURUSD", "BUY", 0.1, round(low, 5), round(high, 5))
            assert control.open_position("EURUSD", "SELL", 0.1, round(high, 5), round(low, 5))
        for _ in range(2 * DAY // step):
            control.advance(step)
        histories.append(mt5.history_deals_get(0, 2_000_000_000))
    assert histories[0] == histories[1]
    assert histories[0] is not None
    assert len({deal.time_msc for deal in histories[0]}) > 10


@given_settings(max_examples=60, deadline=None)
@given(
    side=st.sampled_from((mt5.POSITION_TYPE_BUY, mt5.POSITION_TYPE_SELL)),
    stop=st.integers(10, 400),
    target=st.integers(10, 400),
    length=st.integers(1, 40_000_000),
    jumps=st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(-300, 300)), max_size=3),
)
def test_triggers_are_found_as_by_looking_at_every_tick(
    side: int, stop: int, target: int, length: int, jumps: list[tuple[int, int]]
) -> None:
    begin = round(START * 1000)
    bent = [Jump("EURUSD", begin + after, points) for after, points in sorted(jumps)]
    quotes = Quotes(MARKET, bent)
    quote = quotes.last("EURUSD", begin - 1)
    assert quote is not None
    sign = 1 if side == mt5.POSITION_TYPE_BUY else -1
    position = TradePosition(
        ticket=1,
        type=side,
        symbol="EURUSD",
        sl=round(quote.bid - sign * stop / 100_000, 5),
        tp=round(quote.bid + sign * target / 100_000, 5),
    )
    expected = None
    for tick in quotes.ticks("EURUSD", begin - 1, begin + length):
        price = int(tick["bid"] if sign == 1 else tick["ask"]) / 100_000
        if sign * (price - position.sl) <= 0 or sign * (price - position.tp) >= 0:
            expected = (int(tick["time"]), price)
            break
    found = triggered(quotes, [position], begin - 1, begin + length)
    assert [(trigger.at, trigger.price) for trigger in found] == ([expected] if expected else [])


def test_a_jump_shows_in_a_tick_of_its_moment_and_in_every_later_one(hedging: None) -> None:
    before = bid()
    control.advance(31.7)  # between two ticks
    now = mt5.symbol_info_tick("EURUSD")
    assert isinstance(now, Tick)
    control.jump("EURUSD", -700)
    after = mt5.symbol_info_tick("EURUSD")
    assert after is not None
    assert after.bid == pytest.approx(now.bid - 0.007)
    assert after.ask - after.bid == pytest.approx(now.ask - now.bid)
    bars = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 1)
    assert bars is not None
    assert bars[0]["open"] == before
    assert bars[0]["low"] <= after.bid
    control.advance(3600)
    bent = bid()
    control.start(Settings(seed=11, speed=0))  # the same hour of a market that was left alone
    assert mt5.initialize()
    control.advance(3631.7)
    assert bent == pytest.approx(bid() - 0.007)


def test_a_price_cannot_jump_below_nothing(hedging: None) -> None:
    with pytest.raises(control.Refused, match="nothing"):
        control.jump("EURUSD", -10_000_000)
