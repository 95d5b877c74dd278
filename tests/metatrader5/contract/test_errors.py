"""What calls answer where there is no terminal; for each API module."""

import pytest
from api_module import API, NO_CONNECTION, SUCCESS, Answer, asked, differs

OLD_TERMINAL = (
    -5,
    "Terminal: Incompatible versions, please install the latest version of Terminal and Python "
    "module",
)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("account_info", ()),
        ("terminal_info", ()),
        ("positions_total", ()),
        ("positions_get", ()),
        ("orders_total", ()),
        ("orders_get", ()),
        ("symbol_info", ("EURUSD",)),
        ("symbol_info_tick", ("EURUSD",)),
        ("copy_rates_from", ("EURUSD", 5, 0, 1)),
        ("copy_rates_from_pos", ("EURUSD", 5, 0, 1)),
        ("copy_rates_range", ("EURUSD", 5, 0, 1)),
        ("copy_ticks_from", ("EURUSD", 0, 1, -1)),
        ("copy_ticks_range", ("EURUSD", 0, 1, -1)),
        ("history_deals_total", (0, 1)),
        ("history_deals_get", (0, 1)),
        ("history_orders_total", (0, 1)),
        ("history_orders_get", (0, 1)),
        ("market_book_get", ("EURUSD",)),
        ("order_calc_margin", (0, "EURUSD", 1.0, 1.0)),
        ("order_calc_profit", (0, "EURUSD", 1.0, 1.0, 1.0)),
        ("order_check", ({"action": 1},)),
        ("order_send", ({"action": 1},)),
    ],
)
def test_without_a_connection_a_call_answers_none(call: str, given: tuple[object, ...]) -> None:
    assert asked(call, *given) == (None, NO_CONNECTION)


@pytest.mark.parametrize(
    ("call", "given", "answer"),
    [
        ("symbol_select", ("EURUSD",), (False, NO_CONNECTION)),
        ("login", (5,), (False, NO_CONNECTION)),
        ("version", (), ((0, 0, ""), NO_CONNECTION)),
        ("symbols_total", (), (None, OLD_TERMINAL)),
        ("symbols_get", (), (None, OLD_TERMINAL)),
        ("market_book_add", ("EURUSD",), (False, SUCCESS)),
        ("market_book_release", ("EURUSD",), (False, SUCCESS)),
        ("shutdown", (), (True, SUCCESS)),
        ("last_error", (), (SUCCESS, SUCCESS)),
    ],
)
def test_some_calls_answer_otherwise(call: str, given: tuple[object, ...], answer: Answer) -> None:
    assert asked(call, *given) == answer


def test_shutdown_succeeds_twice_and_clears_the_error() -> None:
    assert asked("account_info") == (None, NO_CONNECTION)
    assert (API.shutdown(), API.shutdown()) == (True, True)
    assert API.last_error() == SUCCESS


@differs("always a terminal")
@pytest.mark.parametrize(
    ("given", "named", "text"),
    [
        ((), {}, "MetaTrader 5 x64 not found"),
        (("",), {}, "MetaTrader 5 x64 not found"),
        (
            (),
            {"login": 5, "password": "x", "server": "y", "timeout": 1},
            "MetaTrader 5 x64 not found",
        ),
        (("C:\\nope\\terminal64.exe",), {}, "Process create failed 'C:\\nope\\terminal64.exe'"),
        ((), {"path": "x", "timeout": 3000}, "Process create failed 'x'"),
    ],
)
def test_initialize_fails_at_once_where_there_is_no_terminal(
    given: tuple[object, ...], named: dict[str, object], text: str
) -> None:
    answer = asked("initialize", *given, **named)
    assert answer == (False, (-10003, f"IPC initialize failed, {text}"))
    assert API.account_info() is None
    assert API.last_error() == NO_CONNECTION


@differs("always a terminal")
def test_after_a_path_that_is_not_ascii_even_last_error_breaks() -> None:
    API.shutdown()
    assert API.initialize("caf\u00e9.exe") is False
    with pytest.raises(UnicodeDecodeError):
        API.last_error()
    API.shutdown()
