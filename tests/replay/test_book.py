"""The account of one replayed trade: what its positions make, to the cent."""

from dataclasses import replace
from datetime import timedelta

import markets
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.trade import CloseReason
from dtms_server.replay.book import Book
from dtms_server.replay.market import Moment, Moments
from dtms_server.replay.readings import Readings
from lives import BUY, PLAIN, SELL
from replays import history

TOLD = history(markets.walk(3, 100))
NOW = Moments(TOLD).at_close(50, Readings(TOLD, PLAIN).at(50))
COMMISSION = 3.0


def later(points: int, minutes: int = 5) -> Moment:
    """The market when it has moved so far."""
    at = NOW.at + timedelta(minutes=minutes)
    return replace(NOW, at=at, bid=NOW.bid + points, ask=NOW.ask + points)


def test_a_position_pays_spread_and_commission_and_makes_the_rest() -> None:
    book = Book(TOLD.symbol, COMMISSION)
    held = book.open(BUY, 1.0, NOW, None, None)
    assert (book.money, held.commission) == (-3.0, 3.0)
    assert book.floating(later(100)) == 100 - (NOW.ask - NOW.bid)
    book.close(held, 0.4, NOW.ask + 10, NOW.at, CloseReason.DTMS)
    assert book.money == -3.0 + 4.0 - 0.4 * COMMISSION
    book.close(held, 0.6, NOW.ask - 10, NOW.at, CloseReason.MANUAL)
    assert round(book.money, 2) == 4.0 - 6.0 - 2 * COMMISSION
    ended = book.ended[held.ticket]
    assert (ended.reason, ended.profit) == (CloseReason.MANUAL, round(book.money, 2))
    assert not book.held


def test_two_that_are_closed_by_each_other_make_what_lies_between_them() -> None:
    book = Book(TOLD.symbol, COMMISSION)
    trade = book.open(BUY, 1.0, NOW, None, None)
    hedge = book.open(SELL, 0.5, later(-200), None, None)
    order = Order(
        Verb.CLOSE_BY,
        "EURUSD",
        SELL,
        1.0,
        volume_lots=0.5,
        position_ticket=trade.ticket,
        by_ticket=hedge.ticket,
    )
    became, opened = book.carry_out(order, later(-300))
    assert (became.volume_lots, opened) == (0.5, None)
    assert list(book.held) == [trade.ticket]
    assert trade.lots == 0.5
    between = 0.5 * (hedge.entry - trade.entry)
    assert round(book.money, 2) == between - (1.0 + 0.5 + 0.5 + 0.5) * COMMISSION
    assert book.ended[hedge.ticket].reason is CloseReason.DTMS


def test_stop_and_target_close_at_the_price_that_reaches_them() -> None:
    for points, reason in ((-100, CloseReason.SL), (-150, CloseReason.SL), (120, CloseReason.TP)):
        book = Book(TOLD.symbol, 0.0)
        held = book.open(BUY, 1.0, NOW, NOW.bid - 100, NOW.bid + 110)
        book.strike(later(-99))
        assert book.held
        book.strike(later(points))
        ended = book.ended[held.ticket]
        assert (ended.reason, ended.price) == (reason, TOLD.symbol.from_points(NOW.bid + points))
