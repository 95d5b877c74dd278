"""Every request is one that the module takes, or it is not made."""

from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.trade import Direction
from dtms_server.terminal import requests
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator.checks import request_of
from hypothesis import given
from hypothesis import strategies as some

HELD = Order(
    Verb.PROTECT, "EURUSD", Direction.BUY, 1.1, position_ticket=7, position_id=7, position_lots=0.2
)
ORDERS = {
    Verb.OPEN: Order(Verb.OPEN, "EURUSD", Direction.SELL, 1.1, 0.2, 1.2, 1.0),
    Verb.CLOSE: replace(HELD, verb=Verb.CLOSE, direction=Direction.SELL, volume_lots=0.1),
    Verb.PROTECT: replace(HELD, stop_loss=1.05),
    Verb.CLOSE_BY: replace(HELD, verb=Verb.CLOSE_BY, by_ticket=8, by_id=8),
}
OURS = {"symbol": "EURUSD", "magic": 5, "comment": "dtms-1"}


def made(order: Order, comment: str = "dtms-1", magic: int = 5, deviation: int = 20) -> Any:
    return requests.request(order, comment, magic, deviation).fields()


def test_an_opening_carries_its_stop_and_target() -> None:
    assert made(ORDERS[Verb.OPEN]) == OURS | {
        "action": mt5.TRADE_ACTION_DEAL,
        "type": mt5.ORDER_TYPE_SELL,
        "volume": 0.2,
        "price": 1.1,
        "sl": 1.2,
        "tp": 1.0,
        "deviation": 20,
        "type_time": mt5.ORDER_TIME_GTC,
    }


def test_a_close_names_its_position_and_no_stops() -> None:
    assert made(ORDERS[Verb.CLOSE]) == OURS | {
        "action": mt5.TRADE_ACTION_DEAL,
        "type": mt5.ORDER_TYPE_SELL,
        "position": 7,
        "volume": 0.1,
        "price": 1.1,
        "deviation": 20,
        "type_time": mt5.ORDER_TIME_GTC,
    }


def test_new_stops_always_carry_both_and_0_for_none() -> None:
    assert made(ORDERS[Verb.PROTECT]) == OURS | {
        "action": mt5.TRADE_ACTION_SLTP,
        "position": 7,
        "sl": 1.05,
        "tp": 0.0,
    }


def test_a_close_by_names_both_positions() -> None:
    assert made(ORDERS[Verb.CLOSE_BY]) == OURS | {
        "action": mt5.TRADE_ACTION_CLOSE_BY,
        "position": 7,
        "position_by": 8,
    }


PRICES = some.floats() | some.integers(-1, 3) | some.sampled_from([np.float64(1.5), np.int64(2)])
TICKETS = some.none() | some.integers(-2, 2**64) | some.sampled_from([np.int64(9), 7.0])
DRAWN = some.builds(
    Order,
    verb=some.sampled_from(Verb),
    symbol=some.sampled_from(["EURUSD", ""]),
    direction=some.sampled_from(Direction),
    price=PRICES,
    volume_lots=PRICES,
    stop_loss=some.none() | PRICES,
    take_profit=some.none() | PRICES,
    position_ticket=TICKETS,
    position_lots=PRICES,
    by_ticket=TICKETS,
)


@given(
    order=DRAWN | some.sampled_from(list(ORDERS.values())),
    comment=some.text(max_size=32) | some.just("dtms-1"),
    magic=some.integers(-1, 2**64),
    deviation=some.integers(-1, 100),
)
def test_whatever_is_asked_the_module_takes_it_or_nothing_is_made(
    order: Order, comment: str, magic: int, deviation: int
) -> None:
    try:
        fields = made(order, comment, magic, deviation)
    except ValueError:
        return
    request_of(fields)  # as strict as the module about types, lengths and signs
    assert all(type(value) in (int, float, str) for value in fields.values())
    assert all(-inf < value < inf for value in fields.values() if isinstance(value, float))


@pytest.mark.parametrize("verb", [Verb.OPEN, Verb.CLOSE])
@pytest.mark.parametrize("name", ["price", "volume_lots"])
@pytest.mark.parametrize("value", [nan, inf, 0.0, -1.0])
def test_a_deal_without_price_or_volume_is_not_made(verb: Verb, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=str(value)):
        made(replace(ORDERS[verb], **{name: value}, position_lots=inf))  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", [Verb.OPEN, Verb.PROTECT])
@pytest.mark.parametrize("name", ["stop_loss", "take_profit"])
@pytest.mark.parametrize("value", [nan, inf, -1.0, 0.0])
def test_a_stop_that_is_no_price_is_not_sent_as_none(verb: Verb, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=str(value)):
        made(replace(ORDERS[verb], **{name: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", [Verb.CLOSE, Verb.PROTECT, Verb.CLOSE_BY])
@pytest.mark.parametrize("ticket", [None, 0, -7])
def test_what_changes_a_position_must_name_it(verb: Verb, ticket: int | None) -> None:
    with pytest.raises(ValueError, match="position"):  # a close without one would open another
        made(replace(ORDERS[verb], position_ticket=ticket))


def test_a_close_by_must_name_the_other_position() -> None:
    with pytest.raises(ValueError, match="opposite position"):
        made(replace(ORDERS[Verb.CLOSE_BY], by_ticket=None))


def test_no_more_is_closed_than_there_is() -> None:
    whole = replace(ORDERS[Verb.CLOSE], volume_lots=0.1 + 0.2, position_lots=0.3)
    assert made(whole)["volume"] == pytest.approx(0.3)
    with pytest.raises(ValueError, match="to be closed"):
        made(replace(whole, volume_lots=0.31))


@pytest.mark.parametrize("comment", ["x" * 27, "dtms-ü", "dtms-\n"])
def test_a_comment_that_would_be_cut_or_garbled_is_not_sent(comment: str) -> None:
    with pytest.raises(ValueError, match="comment"):
        made(ORDERS[Verb.OPEN], comment)


def test_a_negative_magic_number_or_deviation_is_not_sent() -> None:
    with pytest.raises(ValueError, match="magic"):
        made(ORDERS[Verb.OPEN], magic=-1)
    with pytest.raises(ValueError, match="deviation"):
        made(ORDERS[Verb.OPEN], deviation=-1)
