"""The arguments of calls that take them by name; for each API module."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from api_module import INVALID, NO_CONNECTION, Answer, asked

NO_UNNAMED = (-2, "Unnamed arguments not allowed")
LISTS = ["positions_get", "orders_get"]
HISTORIES = ["history_deals_get", "history_orders_get"]
NOW = datetime(2025, 1, 1, tzinfo=UTC)
BY_NAME = [(call, "ticket") for call in LISTS + HISTORIES] + [
    (call, "position") for call in HISTORIES
]


def invalid(name: str, value: object = None) -> Answer:
    return value, (-2, f'Invalid "{name}" argument')


@pytest.mark.parametrize("call", LISTS)
def test_a_list_takes_no_argument_without_a_name(call: str) -> None:
    for given in ((None,), ("EURUSD",), (5,), ("a", "b")):
        assert asked(call, *given) == asked(call, *given, ticket="x") == (None, NO_UNNAMED)


@pytest.mark.parametrize(("call", "name"), BY_NAME)
def test_a_ticket_is_a_whole_number_of_64_bits(call: str, name: str) -> None:
    for value in (0, 5, 2**63, 2**64 - 1, True):
        assert asked(call, **{name: value}) == (None, NO_CONNECTION)
    for wrong in (None, "5", 5.0, np.int64(5), np.uint64(5), Decimal(5)):
        assert asked(call, **{name: wrong}) == invalid(name)
    for value in (-5, 2**64):
        assert asked(call, **{name: value}) == invalid(name, OverflowError)


@pytest.mark.parametrize("call", LISTS)
def test_a_list_is_filtered_by_text(call: str) -> None:
    for name, longest in (("symbol", 29), ("group", 1997)):
        for text in ("", "*", "x" * longest, np.str_("EURUSD")):
            assert asked(call, **{name: text}) == (None, NO_CONNECTION)
        for wrong in (None, 5, b"x", "x" * (longest + 1)):
            assert asked(call, **{name: wrong}) == invalid(name)


@pytest.mark.parametrize("call", LISTS)
def test_of_several_filters_only_the_first_is_read(call: str) -> None:
    assert asked(call, group=5, symbol=5, ticket=5) == (None, NO_CONNECTION)
    assert asked(call, group=5, symbol="x") == (None, NO_CONNECTION)
    assert asked(call, group="x", symbol=5) == invalid("symbol")
    assert asked(call, group=5, symbol=5, ticket="5") == invalid("ticket")


@pytest.mark.parametrize("call", LISTS)
def test_a_misspelt_filter_is_ignored_in_silence(call: str) -> None:
    assert asked(call, tikcet="x", x=None) == (None, NO_CONNECTION)


@pytest.mark.parametrize("call", HISTORIES)
def test_a_history_is_asked_by_two_dates_in_order_or_by_number(call: str) -> None:
    for given in ((), (5,), (5, 6, 7), (5, 6, "*"), (None, None), ("5", "6"), (5, np.int64(6))):
        assert asked(call, *given) == (None, INVALID)
    for dates in ((5, 6), (6, 5), (NOW, NOW), (float("nan"), -1)):
        assert asked(call, *dates) == (None, NO_CONNECTION)
    assert asked(call, 5, 2**31)[0] is OverflowError


@pytest.mark.parametrize("call", HISTORIES)
def test_dates_by_name_are_not_read(call: str) -> None:
    assert asked(call, date_from=5, date_to=6) == asked(call, 5, date_to=6) == (None, INVALID)
    assert asked(call, 5, 6, date_from="x") == (None, NO_CONNECTION)


@pytest.mark.parametrize("call", HISTORIES)
def test_a_group_goes_with_dates_only(call: str) -> None:
    assert asked(call, 5, 6, group="x" * 1997) == (None, NO_CONNECTION)
    for group in (None, 5, b"x", "x" * 1998):
        assert asked(call, 5, 6, group=group) == invalid("group")
    for group in ("*", 5):
        assert asked(call, group=group) == asked(call, 5, group=group) == (None, INVALID)
        assert asked(call, position=7, group=group) == (None, NO_CONNECTION)


@pytest.mark.parametrize("call", HISTORIES)
def test_beside_two_dates_ticket_and_position_are_ignored(call: str) -> None:
    assert asked(call, 5, 6, ticket="x", position="y") == (None, NO_CONNECTION)
    for given in ((5,), ("a",), (5, 6, 7)):
        for name in ("ticket", "position"):
            assert asked(call, *given, **{name: "x"}) == (None, NO_UNNAMED)


@pytest.mark.parametrize("call", HISTORIES)
def test_a_ticket_goes_before_a_position(call: str) -> None:
    assert asked(call, ticket=7, position="x") == (None, NO_CONNECTION)
    assert asked(call, ticket="x", position=7) == invalid("ticket")


def test_a_group_of_symbols_is_text_and_the_refusal_false() -> None:
    for named in ({"group": None}, {"group": 5}, {"group": "x" * 1998}):
        assert asked("symbols_get", **named) == invalid("group", False)
        assert asked("symbols_get", "x", **named) == invalid("group", False)
    for group in (None, 5, b"x"):
        assert asked("symbols_get", group) == (False, (-2, "Invalid 1st unnamed argument"))
    assert asked("symbols_get", "a", "b") == (False, (-2, "Invalid number of arguments"))
    for given in (("*",), ("x" * 1997,)):
        assert asked("symbols_get", *given)[1][0] == -5
    assert asked("symbols_get", ticket="x")[1][0] == -5


CONNECTS = ["initialize", "login"]


@pytest.mark.parametrize("call", CONNECTS)
def test_who_logs_in_is_named_by_whole_number_and_texts(call: str) -> None:
    first = {"login": 5}
    for name, wrong in (
        ("login", (None, "5", 5.0, np.int64(5))),
        ("password", (None, 5, b"x", "x" * 254)),
        ("server", (None, 5, b"x", "x" * 254)),
        ("timeout", (None, "5", 5.0, np.int64(5))),
    ):
        for value in wrong:
            assert asked(call, **{**first, name: value}) == invalid(name, False)
    for name, bits in (("login", 64), ("timeout", 32)):
        for value in (-5, 2**bits):
            assert asked(call, **{**first, name: value}) == invalid(name, OverflowError)


def test_the_path_is_text_and_the_only_unnamed_argument() -> None:
    for path in (None, 5, b"x", "x" * 258):
        assert asked("initialize", path) == (False, (-2, "Invalid 1st unnamed argument"))
        assert asked("initialize", path=path) == invalid("path", False)
    assert asked("initialize", "x", "y") == (False, (-2, "Invalid number of arguments"))


@pytest.mark.parametrize("call", CONNECTS)
def test_the_first_wrong_name_is_told_in_the_calls_order(call: str) -> None:
    wrong = {"timeout": "x", "password": 5, "server": 5, "login": "x"}
    for name in ("login", "server", "password", "timeout"):
        assert asked(call, **{"login": 5, **wrong}) == invalid(name, False)
        del wrong[name]


def test_login_takes_its_three_arguments_by_place_too() -> None:
    ordinal = {0: "1st", 1: "2nd", 2: "3rd"}
    good: list[object] = [5, "x", "y"]
    for place, wrong in ((0, "5"), (0, None), (1, 5), (2, 5)):
        given = [*good[:place], wrong, *good[place + 1 :]]
        error = (-2, f"Invalid {ordinal[place]} unnamed argument")
        assert asked("login", *given) == (False, error)
    for value in (-5, 2**64):
        assert asked("login", value) == (OverflowError, (-2, "Invalid 1st unnamed argument"))
    assert asked("login", *good, 5) == (False, (-2, "Invalid number of arguments"))
    assert asked("login") == asked("login", x=1) == invalid("login", False)


def test_login_needs_a_connection() -> None:
    for given in ((5,), (2**63,), (True,), (5, "x"), (5, "x", "y")):
        assert asked("login", *given) == (False, NO_CONNECTION)
    assert asked("login", 5, x=1, timeout=1) == (False, NO_CONNECTION)


@pytest.mark.parametrize("portable", ["x", None, 5], ids=repr)
def test_whether_it_is_portable_is_not_checked(portable: object) -> None:
    assert asked("initialize", portable=portable)[1][0] != -2
