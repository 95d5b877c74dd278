"""One order to the module: which fillings are tried, and that it is never sent twice."""

from collections.abc import Iterator
from math import inf, nan
from typing import Any

import pytest
from dtms_server.domain.actions import Answer, Order, Verb, Verdict
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.trade import Direction
from dtms_server.terminal import requests
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.sending import OrderSender, fillings
from dtms_server.terminal.simulator.facts import SymbolInfo
from dtms_server.terminal.simulator.records import OrderSendResult

FOK, IOC, RETURN = mt5.ORDER_FILLING_FOK, mt5.ORDER_FILLING_IOC, mt5.ORDER_FILLING_RETURN
REQUEST, INSTANT, MARKET, EXCHANGE = range(4)
OPEN = requests.request(Order(Verb.OPEN, "EURUSD", Direction.BUY, 1.1, 0.1), "dtms-1", 5, 20)
STOPS = requests.request(
    Order(Verb.PROTECT, "EURUSD", Direction.BUY, 1.1, stop_loss=1.0, position_ticket=7),
    "dtms-1",
    5,
    20,
)


class Broker:
    """Answers each order as told, in turn, and keeps what it was sent."""

    def __init__(self, *answers: OrderSendResult | int, facts: SymbolInfo | None = None) -> None:
        self.orders: list[dict[str, Any]] = []
        self._answers: Iterator[OrderSendResult | int] = iter(answers)
        self._facts = facts or SymbolInfo(filling_mode=3, trade_exemode=MARKET)

    def __call__(self, name: str, *arguments: Any) -> Any:
        match name:
            case "symbol_select":
                return True
            case "symbol_info":
                return self._facts
        assert name == "order_send"
        self.orders.append(*arguments)
        answer = next(self._answers)
        if isinstance(answer, int):
            raise TerminalFailed(call=name, code=answer, text="no answer")
        return answer

    @property
    def tried(self) -> list[int]:
        return [order["type_filling"] for order in self.orders]


def told(retcode: int, **fields: Any) -> OrderSendResult:
    return OrderSendResult(retcode=retcode, **fields)


def send(broker: Broker, request: requests.OrderRequest = OPEN) -> Answer:
    return OrderSender(broker).send(request, lambda: True)


@pytest.mark.parametrize(
    ("execution", "mask", "expected"),
    [
        (MARKET, 3, (FOK, IOC)),
        (MARKET, 1, (FOK, IOC)),
        (MARKET, 2, (IOC, FOK)),
        (MARKET, 0, (FOK, IOC)),
        (INSTANT, 2, (FOK, IOC)),
        (REQUEST, 0, (FOK, IOC)),
        (EXCHANGE, 0, (RETURN, FOK, IOC)),
        (EXCHANGE, 2, (IOC, RETURN, FOK)),
        (EXCHANGE, 3, (FOK, IOC, RETURN)),
    ],
)
def test_the_fillings_that_a_symbol_names_come_first(
    execution: int, mask: int, expected: tuple[int, ...]
) -> None:
    assert fillings(execution, mask) == expected


@pytest.mark.parametrize("execution", range(4))
@pytest.mark.parametrize("mask", range(8))
def test_each_filling_is_tried_once_and_return_only_at_an_exchange(
    execution: int, mask: int
) -> None:
    tried = fillings(execution, mask)
    assert len(tried) == len(set(tried))
    assert set(tried) == {FOK, IOC} | ({RETURN} if execution == EXCHANGE else set())


def test_a_filling_that_is_refused_is_followed_by_the_next() -> None:
    broker = Broker(told(10030), told(10009, order=3, deal=4, volume=0.1, price=1.1))
    assert send(broker) == Answer(Verdict.DONE, 10009, "DONE", 3, 4, 0.1, 1.1)
    assert broker.tried == [FOK, IOC]


def test_when_every_filling_is_refused_that_is_the_answer() -> None:
    broker = Broker(told(10030), told(10030))
    answer = send(broker)
    assert (answer.verdict, answer.retcode) == (Verdict.RECOMPUTE, 10030)
    assert broker.tried == [FOK, IOC]


@pytest.mark.parametrize("code", [*range(10004, 10030), *range(10031, 10047), 0, 777])
def test_any_other_answer_ends_the_sending(code: int) -> None:
    broker = Broker(told(code))
    assert send(broker).retcode == code
    assert len(broker.orders) == 1


@pytest.mark.parametrize("code", [-1, -2, -10001, -10002, -10004, -10005])
def test_an_error_ends_the_sending_too(code: int) -> None:
    broker = Broker(code)
    answer = send(broker)
    never_left = {-2: Verdict.FAULT, -10004: Verdict.NOT_SENT}
    assert answer.verdict is never_left.get(code, Verdict.UNKNOWN)
    assert answer.retcode is None
    assert str(code) in answer.message
    assert len(broker.orders) == 1


def test_new_stops_need_no_filling_and_no_facts() -> None:
    broker = Broker(told(10009), facts=None)
    send(broker, STOPS)
    assert "type_filling" not in broker.orders[0]


@pytest.mark.parametrize("request_", [OPEN, STOPS])
def test_what_nobody_waits_for_any_more_is_not_sent(request_: requests.OrderRequest) -> None:
    broker = Broker()
    answer = OrderSender(broker).send(request_, lambda: False)
    assert answer.verdict is Verdict.NOT_SENT
    assert broker.orders == []


def test_when_the_waiting_ends_between_two_fillings_the_refusal_is_the_answer() -> None:
    broker = Broker(told(10030))
    waits = iter([True, False])
    assert OrderSender(broker).send(OPEN, lambda: next(waits)).retcode == 10030


def test_a_broker_s_own_words_are_kept() -> None:
    assert send(Broker(told(10006, comment="Off quotes"))).message == "Off quotes"


@pytest.mark.parametrize("value", [nan, inf])
def test_an_answer_is_not_lost_for_a_number_in_it(value: float) -> None:
    answer = send(Broker(told(10009, order=3, volume=value, price=value)))
    assert (answer.verdict, answer.order, answer.volume_lots, answer.price) == (
        Verdict.DONE,
        3,
        0.0,
        0.0,
    )
