"""Stop-out: at the very tick where the level is crossed, the largest loss first."""

import math

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.control import Direction
from dtms_server.terminal.simulator.records import TradeDeal, TradePosition
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from terminal.simulator.conftest import Begin
from terminal.simulator.trader import BUY, SELL, account, deals, held, opened, points, tick

SO = mt5.DEAL_REASON_SO
WEEK = 7 * 86_400
MIXED: tuple[tuple[str, Direction, float], ...] = (
    ("GBPUSD", "SELL", 1.5),
    ("EURUSD", "BUY", 1.0),
    ("XAUUSD", "SELL", 0.3),
)


def stopped(ticket: int) -> TradeDeal:
    """The deal that closed a position, which was a stop-out."""
    last = deals(ticket)[-1]
    assert last.reason == SO, last
    return last


def test_the_position_with_the_largest_loss_goes_first_until_the_level_is_restored(
    hedging: None,
) -> None:
    small, large = opened(BUY, 2.0), opened(BUY, 5.0)
    control.jump("EURUSD", -970)
    assert list(held()) == [small]
    assert stopped(large).profit < -4000
    assert account().margin_level > 50
    control.jump("EURUSD", -1200)
    assert held() == {}
    assert stopped(small).time_msc == tick().time_msc


def test_a_level_that_is_not_reached_stops_nothing(hedging: None) -> None:
    opened(BUY, 8.0)
    control.jump("EURUSD", -600)
    assert 50 < account().margin_level < 100
    assert len(held()) == 1


@pytest.mark.parametrize(("cents", "left"), [(0, 0), (1, 1)])
def test_the_level_itself_is_too_low(hedging: None, cents: int, left: int) -> None:
    control.account(stop_out_level=0)
    opened(BUY, 1.0)
    control.jump("EURUSD", -9500)
    shown = account()
    control.deposit(round(shown.margin - shown.equity + cents / 100, 2))
    control.account(stop_out_level=100)
    control.jump("EURUSD", 0)
    assert len(held()) == left


def test_a_stop_out_is_an_order_of_its_own_with_its_reason_and_words(hedging: None) -> None:
    ticket = opened(BUY, 8.0, magic=7, comment="mine")
    balance = account().balance
    margin = account().margin
    control.jump("EURUSD", -800)
    closed = stopped(ticket)
    equity = balance + closed.profit
    level = equity / margin * 100
    assert closed.comment == f"[so {level:.2f}%/{equity:.2f}/{margin:.2f}]"
    assert (closed.entry, closed.type, closed.magic) == (mt5.DEAL_ENTRY_OUT, SELL, 7)
    assert closed.price == tick().bid
    orders = mt5.history_orders_get(ticket=closed.order)
    assert orders is not None
    assert (orders[0].reason, orders[0].comment) == (mt5.ORDER_REASON_SO, closed.comment)
    assert (orders[0].state, orders[0].volume_current) == (mt5.ORDER_STATE_FILLED, 0)


def test_at_one_tick_a_stop_out_comes_before_a_stop(hedging: None) -> None:
    stop = points(tick().bid, -500)
    ticket, other = opened(BUY, 5.0, sl=stop), opened(BUY, 3.0)
    control.jump("EURUSD", -900)
    assert stopped(ticket).price == tick().bid
    assert other in held()


def test_a_stop_that_comes_first_spares_the_account_the_stop_out(hedging: None) -> None:
    stop = points(tick().bid, -300)
    ticket = opened(BUY, 8.0, sl=stop)
    control.jump("EURUSD", -350)
    assert deals(ticket)[-1].reason == mt5.DEAL_REASON_SL


def test_without_a_level_nothing_is_stopped_out_even_below_nothing(hedging: None) -> None:
    control.account(stop_out_level=0)
    opened(BUY, 8.0)
    control.jump("EURUSD", -2000)
    assert account().equity < 0
    assert len(held()) == 1


def test_hedged_positions_that_bind_nothing_go_when_nothing_is_left(hedging: None) -> None:
    control.symbol("EURUSD", margin_hedged=0)
    one, two = opened(BUY, 8.0), opened(SELL, 8.0)
    control.jump("EURUSD", -3000)
    assert list(held()) == [one, two], "what one loses, the other earns"
    control.inject("spread", symbol="EURUSD", points=2000, seconds=60)
    assert len(held()) < 2
    assert min(stopped(ticket).profit for ticket in (one, two) if ticket not in held()) < 0


def test_a_level_that_is_raised_is_felt_at_the_next_tick(hedging: None) -> None:
    ticket = opened(BUY, 5.0)
    control.account(stop_out_level=1000)
    assert len(held()) == 1
    control.advance(60)
    assert held() == {}
    assert stopped(ticket).time_msc < control.clock()[0].timestamp() * 1000 + 3 * 3600_000


def test_a_long_jump_stops_out_at_the_tick_that_a_clock_in_steps_finds(begin: Begin) -> None:
    found = []
    for step in (WEEK, 307.0):
        begin(Settings(seed=3, speed=0, balance=900, leverage=500))
        for symbol, side, volume in MIXED:
            control.open_position(symbol, side, volume)
        passed = 0.0
        while passed < WEEK / 4:
            control.advance(min(step, WEEK / 4))
            passed += step
        all_deals = mt5.history_deals_get(0, 2_000_000_000)
        assert all_deals is not None
        found.append([deal for deal in all_deals if deal.reason == SO])
    assert found[0], "somebody was stopped out"
    assert found[0] == found[1]


def equity_at(positions: list[TradePosition], balance: float, bid: float, ask: float) -> float:
    """What an account with positions in EURUSD is worth, by hand."""
    return balance + math.fsum(
        round((bid - p.price_open if p.type == BUY else p.price_open - ask) * p.volume * 1e5, 2)
        for p in positions
    )


@given(
    seed=st.integers(0, 50),
    sides=st.lists(
        st.tuples(st.sampled_from((BUY, SELL)), st.integers(1, 6)), min_size=1, max_size=5
    ),
    level=st.sampled_from((20, 50, 90)),
)
@run_settings(max_examples=25, deadline=None)
def test_no_tick_finds_the_level_too_low_but_that_which_stops_out(
    seed: int, sides: list[tuple[int, int]], level: int
) -> None:
    control.start(
        Settings(
            seed=seed,
            speed=0,
            symbol="EURUSD",
            balance=1200,
            leverage=500,
            rules={"stop_out_level": level},
            conditions={"EURUSD": {"commission": 0, "swap_mode": "disabled"}},
        )
    )
    assert mt5.initialize()
    for side, volume in sides:
        mt5.order_send(
            {"action": 1, "symbol": "EURUSD", "type": side, "volume": volume / 2, "type_filling": 0}
        )
    before, balance = list(held().values()), account().balance
    begun = tick().time_msc
    margin = account().margin
    control.advance(2 * 86_400)
    ticks = mt5.copy_ticks_range("EURUSD", begun // 1000, 2_000_000_000, mt5.COPY_TICKS_ALL)
    assert ticks is not None
    low = [
        int(row["time_msc"])
        for row in ticks[ticks["time_msc"] > begun]
        if equity_at(before, balance, row["bid"], row["ask"]) * 100 <= margin * level
    ]
    closed = [deal for p in before for deal in deals(p.identifier) if deal.reason == SO]
    first = min((deal.time_msc for deal in closed), default=None)
    assert first == (low[0] if low and before else None)
    if held():
        assert account().margin_level > level
