"""What order_send and order_check take as a request; for each API module."""

from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from api_module import API, INVALID, NO_CONNECTION, asked

CALLS = ["order_send", "order_check"]
OPEN = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}
SHORT = ["action", "type", "type_filling", "type_time"]
LONG = ["magic", "order", "deviation", "position", "position_by"]
BITS = dict.fromkeys(SHORT, 32) | dict.fromkeys(LONG, 64)
REALS = ["volume", "price", "stoplimit", "sl", "tp"]
TEXTS = ["symbol", "comment"]
NO_NUMBERS: tuple[object, ...] = (None, "5", b"5", [], Decimal(5), datetime(2025, 1, 1, tzinfo=UTC))
NO_WHOLE = (*NO_NUMBERS, 5.0, np.int64(5), np.uint64(5), np.bool_(True), np.float64(5))


def refused(field: str, value: object = None) -> tuple[object, tuple[int, str]]:
    return value, (-2, f'Invalid "{field}" argument')


@pytest.mark.parametrize("call", CALLS)
def test_a_request_is_one_dictionary(call: str) -> None:
    no_dictionaries: list[object] = [None, 5, "x", [], (), MappingProxyType(OPEN), API.TradeRequest]
    for wrong in no_dictionaries:
        assert asked(call, wrong) == (None, INVALID)
    for given in ((), (OPEN, OPEN)):
        assert asked(call, *given) == (None, (-2, "Invalid number of arguments"))
    for request in (OPEN, {}, type("Request", (dict,), {})(OPEN)):
        assert asked(call, request) == (None, NO_CONNECTION)


@pytest.mark.parametrize("call", CALLS)
def test_what_is_given_by_name_is_the_request_itself(call: str) -> None:
    """So that order_send(request={...}) sends nothing of what is in it."""
    assert asked(call, **OPEN) == asked(call, request="x") == (None, NO_CONNECTION)
    assert asked(call, **{**OPEN, "volume": 1}) == refused("volume")
    assert asked(call, OPEN, x=1) == (None, (-2, "Unnamed arguments not allowed"))


@pytest.mark.parametrize("call", CALLS)
def test_a_key_that_is_not_known_is_ignored(call: str) -> None:
    extras: list[dict[Any, object]] = [{"x": 1}, {1: 1}, {"stop_loss": "x"}]
    for extra in extras:
        assert asked(call, {**OPEN, **extra}) == (None, NO_CONNECTION)


@pytest.mark.parametrize("field", BITS)
def test_a_whole_field_takes_only_an_int_of_its_size(field: str) -> None:
    largest = 2 ** BITS[field] - 1
    for value in (0, 5, True, largest):
        assert asked("order_send", {**OPEN, field: value}) == (None, NO_CONNECTION)
    for wrong in NO_WHOLE:
        assert asked("order_send", {**OPEN, field: wrong}) == refused(field)
    for value in (-5, largest + 1):
        assert asked("order_send", {**OPEN, field: value}) == refused(field, OverflowError)


def test_an_expiration_may_be_negative() -> None:
    for value in (0, -5, 2**63 - 1, -(2**63), True):
        assert asked("order_send", {**OPEN, "expiration": value}) == (None, NO_CONNECTION)
    for wrong in NO_WHOLE:
        assert asked("order_send", {**OPEN, "expiration": wrong}) == refused("expiration")
    for value in (2**63, -(2**63) - 1):
        sent = asked("order_send", {**OPEN, "expiration": value})
        assert sent == refused("expiration", OverflowError)


@pytest.mark.parametrize("field", REALS)
def test_a_real_field_takes_only_a_float_and_any_of_them(field: str) -> None:
    for value in (5.0, -5.0, 0.0, 1e300, float("nan"), float("inf"), np.float64(5)):
        assert asked("order_send", {**OPEN, field: value}) == (None, NO_CONNECTION)
    for wrong in (*NO_NUMBERS, 5, 0, True, np.float32(5), np.int64(5)):
        assert asked("order_send", {**OPEN, field: wrong}) == refused(field)


@pytest.mark.parametrize("field", TEXTS)
def test_a_text_field_takes_fewer_than_30_units(field: str) -> None:
    for value in ("", "x" * 29, "\u00e9" * 29, "\U0001f600" * 14, "a\0b", "\ud800", np.str_("x")):
        assert asked("order_send", {**OPEN, field: value}) == (None, NO_CONNECTION)
    for wrong in (None, 5, b"x", "x" * 30, "\u00e9" * 30, "\U0001f600" * 15):
        assert asked("order_send", {**OPEN, field: wrong}) == refused(field)


def test_the_fields_are_looked_at_in_the_structs_order() -> None:
    order = API.TradeRequest.__match_args__
    assert set(order) == {*BITS, *REALS, *TEXTS, "expiration"}
    wrong: dict[str, object] = dict.fromkeys(reversed(order))
    for field in order:
        assert asked("order_send", wrong) == refused(field)
        del wrong[field]
