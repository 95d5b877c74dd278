"""What DTMS itself asks of a module is never refused for its arguments; for each API module."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from api_module import API, NO_CONNECTION, asked, differs
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.trade import Direction
from dtms_server.terminal import charts, requests
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.messages import Connect
from dtms_server.terminal.metatrader import MetaTrader

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDERS = {
    "an opening": Order(Verb.OPEN, "EURUSD", Direction.SELL, 1.1, 0.2, 1.2, 1.0),
    "a close": Order(
        Verb.CLOSE, "EURUSD", Direction.BUY, 1.1, 0.1, position_ticket=7, position_lots=0.2
    ),
    "new stops": Order(
        Verb.PROTECT, "EURUSD", Direction.BUY, 1.1, stop_loss=1.0, position_ticket=7
    ),
    "a close by": Order(
        Verb.CLOSE_BY, "EURUSD", Direction.BUY, 1.1, position_ticket=2**63 - 1, by_ticket=8
    ),
}


@pytest.fixture
def terminal() -> MetaTrader:
    API.shutdown()
    return MetaTrader(API, ServerClock("EET"), lambda: (NOW, 1.0))


def request_of(order: Order) -> requests.OrderRequest:
    return requests.request(order, "dtms-" + "x" * 16, 20251217, 20)


READS: dict[str, Callable[[MetaTrader], object]] = {
    "snapshot": MetaTrader.snapshot,
    "deals": lambda terminal: terminal.deals(7),
    "quote": lambda terminal: terminal.quote("EURUSD"),
    "history": lambda terminal: terminal.history(NOW),
    "charts": lambda terminal: terminal.charts(charts.request("EURUSD", NOW, AnalysisPolicy())),
}


@pytest.mark.parametrize("read", READS)
def test_a_read_fails_for_the_missing_connection_alone(terminal: MetaTrader, read: str) -> None:
    with pytest.raises(TerminalFailed) as failure:
        READS[read](terminal)
    code, text = NO_CONNECTION
    assert (failure.value.facts["code"], failure.value.facts["text"]) == (str(code), text)


@pytest.mark.parametrize("kind", ORDERS)
def test_an_order_fails_for_the_missing_connection_alone(terminal: MetaTrader, kind: str) -> None:
    answer = terminal.send(request_of(ORDERS[kind]))
    assert "No IPC connection" in answer.message
    assert asked("order_send", request_of(ORDERS[kind]).fields()) == (None, NO_CONNECTION)


@differs("always a terminal")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        (None, "IPC initialize failed, MetaTrader 5 x64 not found"),
        ("caf\u00e9.exe", "Process create failed 'caf"),
    ],
)
def test_a_terminal_that_is_not_there_is_an_error_with_its_text(
    terminal: MetaTrader, path: str | None, text: str
) -> None:
    connect = partial(terminal.connect, Connect(60.0, path, 5, "Broker-Live", "secret"))
    with pytest.raises(TerminalFailed, match=text):
        connect()
