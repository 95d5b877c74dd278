from typing import Any

import numpy as np
import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import SESSION
from dtms_server.terminal.simulator.settings import Settings

OPEN = {"action": mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.1}


def test_initialize_without_a_start_makes_a_world_of_default_settings() -> None:
    SESSION.world = None
    try:
        assert mt5.initialize()
        account = mt5.account_info()
        assert account is not None
        assert (account.server, account.balance) == ("DTMS-Simulator", 10_000.0)
    finally:
        SESSION.world = None
        mt5.shutdown()


def test_another_login_or_server_is_not_let_in(hedging: None) -> None:
    assert mt5.initialize(login=10_000_001, server="DTMS-Simulator", password="x", timeout=9)
    assert mt5.initialize(login=5) is False
    assert mt5.last_error()[0] == mt5.RES_E_AUTH_FAILED
    assert mt5.account_info() is None
    assert mt5.initialize(server="Other") is False
    assert mt5.initialize()
    assert mt5.login(5) is False
    assert mt5.last_error()[0] == mt5.RES_E_AUTH_FAILED
    assert mt5.login(10_000_001) is True
    assert mt5.account_info() is not None


def test_errors_are_cleared_by_the_next_success(hedging: None) -> None:
    assert mt5.symbol_info("NOSUCH") is None
    assert mt5.last_error()[0] == mt5.RES_E_NOT_FOUND
    assert mt5.terminal_info() is not None
    assert mt5.last_error() == (1, "Success")


def test_the_longest_comment_and_a_numpy_float_pass(hedging: None) -> None:
    sent = mt5.order_send(OPEN | {"comment": "x" * 29, "volume": np.float64(0.1)})
    assert sent is not None
    assert sent.retcode == mt5.TRADE_RETCODE_DONE
    positions = mt5.positions_get()
    assert positions is not None
    assert positions[0].comment == "x" * 29


def test_a_misspelt_filter_returns_everything(hedging: None) -> None:
    for _ in range(2):
        assert control.open_position("EURUSD", "BUY", 0.1)
    everything = mt5.positions_get()
    assert everything is not None
    assert len(everything) == 2
    assert mt5.positions_get(tikcet=everything[0].ticket) == everything
    assert mt5.positions_get(ticket=everything[0].ticket) == everything[:1]


def test_positions_are_chosen_by_symbol_and_group(hedging: None) -> None:
    for symbol in ("EURUSD", "USDJPY"):
        assert control.open_position(symbol, "BUY", 0.1)
    assert [p.symbol for p in mt5.positions_get(symbol="USDJPY") or ()] == ["USDJPY"]
    assert [p.symbol for p in mt5.positions_get(group="*USD*,!*JPY*") or ()] == ["EURUSD"]
    assert mt5.positions_get(symbol="XAUUSD") == ()


@pytest.mark.parametrize(
    "call",
    [
        lambda: mt5.order_calc_margin(0, "EURUSD", 1.0, 1.0),
        lambda: mt5.order_calc_profit(0, "EURUSD", 1.0, 1.0, 1.1),
        lambda: mt5.market_book_add("EURUSD"),
        lambda: mt5.market_book_get("EURUSD"),
        lambda: mt5.market_book_release("EURUSD"),
        lambda: mt5.order_send(OPEN | {"action": mt5.TRADE_ACTION_PENDING}),
    ],
)
def test_what_it_does_without_says_so(call: object, hedging: None) -> None:
    assert callable(call)
    assert call() is None
    assert mt5.last_error() == (-7, "Unsupported")


def test_symbols_show_facts_and_prices(hedging: None) -> None:
    symbols = mt5.symbols_get()
    assert symbols
    assert [s.name for s in symbols] == ["EURUSD", "GBPUSD", "USDJPY", "XAUUSD"]
    assert mt5.symbols_total() == 4
    yen = mt5.symbol_info("USDJPY")
    assert yen is not None
    assert (yen.digits, yen.point, yen.currency_profit) == (3, 0.001, "JPY")
    assert yen.bid < yen.ask
    assert yen.spread == round((yen.ask - yen.bid) / yen.point)
    tick = mt5.symbol_info_tick("USDJPY")
    assert tick is not None
    assert (tick.bid, tick.ask, tick.time) == (yen.bid, yen.ask, yen.time)
    assert tick._asdict()["time_msc"] // 1000 == tick.time


def test_a_symbol_out_of_market_watch_has_no_tick(hedging: None) -> None:
    assert mt5.symbol_select("EURUSD", False)
    assert mt5.symbol_info_tick("EURUSD") is None
    assert mt5.symbol_select("EURUSD", True)
    assert mt5.symbol_info_tick("EURUSD") is not None
    assert control.open_position("EURUSD", "BUY", 0.1)
    assert mt5.symbol_select("EURUSD", False) is False
    assert mt5.symbol_select("eurusd") is False


def test_a_suffix_has_the_facts_of_its_base() -> None:
    control.start(Settings(seed=1, speed=0, symbol="EURUSDc, XAUUSD.m"))
    assert mt5.initialize()
    assert [(s.name, s.digits) for s in mt5.symbols_get() or ()] == [
        ("EURUSDc", 5),
        ("XAUUSD.m", 2),
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"symbol": "NOSUCH"}, "NOSUCH"),
        ({"server_offset": "Nowhere/Land"}, "Nowhere/Land"),
        ({"server_offset": "+25:00"}, r"\+25:00"),
        ({"account": "exchange"}, "exchange"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": -1.0}, "speed"),
        ({"min_spread": 0}, "min spread"),
        ({"first_ticket": 2**62}, "first ticket"),
        ({"leverage": 0}, "leverage"),
        ({"balance": float("inf")}, "balance"),
        ({"replay": "a.csv"}, "symbol"),
        ({"replay": "a.csv", "symbol": "EURUSD"}, "a.csv"),
    ],
)
def test_settings_that_make_no_sense_say_why(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        control.start(Settings(**wrong))


def test_a_new_world_counts_its_orders_from_the_first_ticket() -> None:
    first = 2**53 + 1
    control.start(Settings(seed=1, speed=0, first_ticket=first))
    assert mt5.initialize()
    tickets = [control.open_position("EURUSD", "BUY", 0.1) for _ in range(2)]
    assert [position.ticket for position in tickets if position] == [first, first + 1]
