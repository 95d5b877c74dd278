"""The account's past: deals, money that no trade made, and what still waits."""

from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import pytest
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import CashFlow, Deal, DealEntry, DealReason, History, Waiting
from dtms_server.terminal import simulator
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.history import HistoryReader
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.records import TradeDeal, TradeOrder
from dtms_server.terminal.simulator.settings import Settings
from terminal.twisted import adapter, first

SINCE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def ticket() -> int:
    control.start(Settings(speed=0, seed=7, symbol="EURUSD"))
    simulator.initialize()
    opened = control.open_position("EURUSD", "BUY", 0.2)
    assert opened is not None
    return opened.ticket


class Broker:
    """Answers as the module does, with deals and orders that are given; notes what it is asked."""

    def __init__(self, *deals: TradeDeal, orders: tuple[TradeOrder, ...] = ()) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self._answers = {"history_deals_get": deals, "orders_get": orders}

    def __call__(self, name: str, *arguments: int) -> Any:
        self.asked.append((name, arguments))
        return self._answers[name]


def epoch(at: datetime) -> int:
    """Return what a server that is two hours ahead calls that time, in milliseconds."""
    return round((at + timedelta(hours=2)).timestamp() * 1000)


def deal(ticket: int, at: datetime, **fields: object) -> TradeDeal:
    made = TradeDeal(
        ticket=ticket,
        time=epoch(at) // 1000,
        time_msc=epoch(at),
        position_id=5,
        volume=0.1,
        price=1.1,
        symbol="EURUSD",
    )
    return made._replace(**fields)  # type: ignore[arg-type] # the tests name them


def read(broker: Broker, since: datetime = SINCE, server: str = "+02:00") -> History:
    return HistoryReader(broker, ServerClock(server), lambda: (NOON, 1.0)).since(since)


def tickets(deals: tuple[Deal, ...]) -> list[int]:
    return [deal.ticket for deal in deals]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, DealReason.CLIENT),
        (3, DealReason.EXPERT),
        (4, DealReason.SL),
        (5, DealReason.TP),
        (6, DealReason.STOP_OUT),
        (8, DealReason.VARIATION_MARGIN),
        (77, DealReason.OTHER),
    ],
)
def test_the_reason_of_a_deal_is_named(ticket: int, code: int, reason: DealReason) -> None:
    (deal,) = adapter("history_deals_get", first(reason=code)).deals(ticket)
    assert deal.reason is reason


def test_deals_come_oldest_first_whatever_the_order(ticket: int) -> None:
    control.advance(60)
    control.close_position(ticket)
    deals = adapter("history_deals_get", lambda found: found[::-1]).deals(ticket)
    assert [deal.entry for deal in deals] == [DealEntry.IN, DealEntry.OUT]


def test_a_deal_of_another_position_is_an_error(ticket: int) -> None:
    with pytest.raises(TerminalFailed, match="others than position"):
        adapter("history_deals_get", first(position_id=ticket + 1)).deals(ticket)


@pytest.mark.parametrize("lie", [{"entry": 9}, {"volume": nan}, {"profit": inf}])
def test_a_deal_without_sense_is_an_error(ticket: int, lie: dict[str, Any]) -> None:
    with pytest.raises(TerminalFailed, match="history_deals_get"):
        adapter("history_deals_get", first(**lie)).deals(ticket)


def test_a_dividend_is_no_deal_of_a_side(ticket: int) -> None:
    assert adapter("history_deals_get", first(type=15)).deals(ticket) == ()


def test_nothing_is_left_out_that_was_made_since_and_nothing_older_is_in() -> None:
    moment = timedelta(milliseconds=1)
    broker = Broker(deal(3, SINCE + moment), deal(2, SINCE), deal(1, SINCE - moment))
    assert tickets(read(broker).deals) == [2, 3]


def test_the_past_is_asked_for_up_to_a_day_past_now_by_the_server_s_clock() -> None:
    broker = Broker()
    assert read(broker) == History((), (), ())
    (_, ()), (_, (begin, end)) = broker.asked
    assert begin < epoch(SINCE) // 1000
    assert end == epoch(NOON + timedelta(days=1)) // 1000


def test_what_waits_is_read_first_so_that_a_fill_in_between_is_never_missed() -> None:
    broker = Broker()
    read(broker)
    assert [name for name, _ in broker.asked] == ["orders_get", "history_deals_get"]


def test_an_order_that_waits_is_told_with_what_it_is_known_by() -> None:
    order = TradeOrder(ticket=8, symbol="EURUSD", magic=4, comment="dtms-1")
    assert read(Broker(orders=(order,))).waiting == (Waiting(8, "EURUSD", 4, "dtms-1"),)


@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_money_that_no_trade_made_is_told_apart(kind: int) -> None:
    paid = deal(1, SINCE, type=kind, position_id=0, volume=0.0, profit=-250.0)
    assert read(Broker(paid)) == History((), (CashFlow(-250.0, SINCE),), ())


@pytest.mark.parametrize("kind", [4, *range(7, 19)])
def test_what_trading_costs_is_neither_a_deal_nor_a_deposit(kind: int) -> None:
    assert read(Broker(deal(1, SINCE, type=kind, profit=-3.0))) == History((), (), ())


def test_money_that_is_no_number_is_an_error() -> None:
    with pytest.raises(TerminalFailed, match="profit of 1"):
        read(Broker(deal(1, SINCE, type=2, profit=nan)))


def test_a_deal_beyond_the_calendar_is_an_error() -> None:
    with pytest.raises(TerminalFailed, match="a time of"):
        read(Broker(deal(1, SINCE, time_msc=2**62)))


@pytest.mark.parametrize("minutes", [5, 55])
def test_a_deal_is_not_lost_in_the_hour_that_the_server_s_clock_shows_twice(minutes: int) -> None:
    # 2026-10-25 01:00 UTC: Helsinki goes from 04:00 back to 03:00
    back = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    made = back + timedelta(minutes=minutes)
    shown = deal(1, made)  # two hours ahead again
    for since in (made - timedelta(minutes=1), back - timedelta(minutes=1)):
        asked = Broker(shown)
        assert tickets(read(asked, since, "Europe/Helsinki").deals) == [1]
        begin = asked.asked[-1][1][0]
        assert begin <= shown.time
