"""The arguments of calls that take them by position only; for each API module."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from api_module import INVALID, NO_CONNECTION, SUCCESS, asked, differs

NOW = datetime(2025, 1, 1, tzinfo=UTC)
GOOD: dict[str, tuple[object, ...]] = {
    "symbol_info": ("EURUSD",),
    "symbol_info_tick": ("EURUSD",),
    "symbol_select": ("EURUSD", True),
    "market_book_add": ("EURUSD",),
    "market_book_get": ("EURUSD",),
    "market_book_release": ("EURUSD",),
    "copy_rates_from": ("EURUSD", 5, NOW, 10),
    "copy_rates_from_pos": ("EURUSD", 5, 0, 10),
    "copy_rates_range": ("EURUSD", 5, NOW, NOW),
    "copy_ticks_from": ("EURUSD", NOW, 10, -1),
    "copy_ticks_range": ("EURUSD", NOW, NOW, -1),
    "history_deals_total": (NOW, NOW),
    "history_orders_total": (NOW, NOW),
    "order_calc_margin": (0, "EURUSD", 1.0, 1.1),
    "order_calc_profit": (0, "EURUSD", 1.0, 1.1, 1.2),
}
BARE = [
    *("account_info", "terminal_info", "version", "shutdown", "last_error"),
    *("symbols_total", "positions_total", "orders_total"),
]
SYMBOL = {call: given.index("EURUSD") for call, given in GOOD.items() if "EURUSD" in given}
NO_NUMBERS: list[object] = [None, "1", []]
COPIES = [call for call in GOOD if call.startswith("copy_")]
CALCULATORS = ["order_calc_margin", "order_calc_profit"]
DATED = [call for call, given in GOOD.items() if NOW in given]


def answered(call: str, place: int, value: object) -> tuple[object, tuple[int, str]]:
    """Ask with one good argument replaced."""
    given = [*GOOD[call]]
    given[place] = value
    return asked(call, *given)


def refused(call: str) -> tuple[object, tuple[int, str]]:
    return (False if call == "symbol_select" else None, INVALID)


@pytest.mark.parametrize("call", BARE)
def test_a_call_without_arguments_takes_none(call: str) -> None:
    assert asked(call, None) == asked(call, x=1) == (TypeError, SUCCESS)


@pytest.mark.parametrize("call", GOOD)
def test_an_argument_by_name_is_a_type_error(call: str) -> None:
    assert asked(call, *GOOD[call], x=1) == (TypeError, SUCCESS)
    assert asked(call, symbol="EURUSD") == (TypeError, SUCCESS)


@pytest.mark.parametrize("call", GOOD)
def test_too_few_or_too_many_arguments_are_invalid(call: str) -> None:
    good = GOOD[call]
    fewest = 1 if call == "symbol_select" else len(good)
    for given in ((), good[: fewest - 1], (*good, 1)):
        assert asked(call, *given) == refused(call)


@pytest.mark.parametrize("call", SYMBOL)
@pytest.mark.parametrize(
    "symbol", [None, 5, 5.0, b"EURUSD", [], "x" * 30, "\U0001f600" * 15], ids=repr
)
def test_a_symbol_is_text_of_fewer_than_30_units(call: str, symbol: object) -> None:
    assert answered(call, SYMBOL[call], symbol) == refused(call)


@pytest.mark.parametrize("call", SYMBOL)
@pytest.mark.parametrize(
    "symbol", ["", "x" * 29, "\U0001f600" * 14, "a\0b", "\ud800", np.str_("EURUSD")], ids=ascii
)
def test_any_other_text_goes_to_the_terminal(call: str, symbol: str) -> None:
    value, error = answered(call, SYMBOL[call], symbol)
    assert value in (None, False)
    assert error in (NO_CONNECTION, SUCCESS)


@pytest.mark.parametrize("enable", [None, 2, -1, 1.5, [], "no"], ids=repr)
def test_symbol_select_takes_anything_as_its_flag(enable: object) -> None:
    assert asked("symbol_select", "EURUSD", enable) == (False, NO_CONNECTION)


WHOLE_PLACES = [
    (call, place)
    for call in COPIES
    for place, value in enumerate(GOOD[call])
    if isinstance(value, int)
]


@pytest.mark.parametrize(("call", "place"), WHOLE_PLACES)
@pytest.mark.parametrize("value", [None, "5", 5.0, np.float64(5), Decimal(5), []], ids=repr)
def test_what_is_no_whole_number_raises(call: str, place: int, value: object) -> None:
    assert answered(call, place, value) == (TypeError, INVALID)


@pytest.mark.parametrize(("call", "place"), WHOLE_PLACES)
def test_a_whole_number_has_32_bits_and_a_sign(call: str, place: int) -> None:
    for wrong in (2**31, -(2**31) - 1, 2**64):
        assert answered(call, place, wrong) == (OverflowError, INVALID)
    for value in (2**31 - 1, -(2**31), True, np.int64(5), np.int32(-5)):
        assert answered(call, place, value) == (None, NO_CONNECTION)


def test_numbers_are_looked_at_before_symbols_and_dates() -> None:
    for given in ((None, None, None, None), ("E", 5, "x", None), ("E", None, "x", 5)):
        assert asked("copy_rates_from", *given) == (TypeError, INVALID)
    assert asked("copy_rates_from", None, 5, 2**31, 5) == (None, INVALID)
    assert asked("order_calc_margin", 0, None, None, None) == (TypeError, INVALID)


@pytest.mark.parametrize("call", DATED)
@pytest.mark.parametrize(
    "when",
    [None, "2025-01-01", date(2025, 1, 1), np.int64(5), np.datetime64("2025-01-01"), Decimal(5)],
    ids=repr,
)
def test_what_is_neither_number_nor_datetime_is_no_date(call: str, when: object) -> None:
    for place, good in enumerate(GOOD[call]):
        if good is NOW:
            assert answered(call, place, when) == (None, INVALID)


@pytest.mark.parametrize("call", DATED)
@pytest.mark.parametrize(
    "when",
    [
        0,
        -1,
        5.5,
        True,
        2**31 - 1,
        -(2**31),
        float("nan"),
        float("inf"),
        1e300,
        np.float64(5.5),
        datetime(2025, 1, 1),  # noqa: DTZ001 - what users write
        datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=3))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(3002, 1, 1, tzinfo=UTC),
    ],
    ids=repr,
)
def test_any_number_or_datetime_is_a_date(call: str, when: object) -> None:
    for place, good in enumerate(GOOD[call]):
        if good is NOW:
            assert answered(call, place, when) == (None, NO_CONNECTION)


@pytest.mark.parametrize("call", DATED)
def test_a_whole_date_has_32_bits_and_a_sign(call: str) -> None:
    for when in (2**31, -(2**31) - 1, 2**64):
        assert answered(call, GOOD[call].index(NOW), when)[0] is OverflowError


@differs("overflowing dates")
def test_a_date_too_large_raises_after_the_terminal_was_asked() -> None:
    assert answered("copy_rates_from", 2, 2**31) == (OverflowError, NO_CONNECTION)


@pytest.mark.parametrize("call", CALCULATORS)
def test_a_calculator_takes_any_whole_action_and_real_numbers(call: str) -> None:
    for action in (-1, 2**64, True):
        assert answered(call, 0, action) == (None, NO_CONNECTION)
    for wrong in (None, "0", 0.0, np.int64(0)):
        assert answered(call, 0, wrong) == (TypeError, INVALID)
    for place in range(2, len(GOOD[call])):
        for number in (1, -1.0, float("nan"), np.int64(1), np.float32(1), Decimal(1), True):
            assert answered(call, place, number) == (None, NO_CONNECTION)
        for nothing in NO_NUMBERS:
            assert answered(call, place, nothing) == (TypeError, INVALID)
