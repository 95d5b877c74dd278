"""What the passing of time does to an account: stops, targets and stop-out, tick by tick."""

from typing import Final, Protocol

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import stop_out
from dtms_server.terminal.simulator.bars import DAY
from dtms_server.terminal.simulator.book import Book, Fill
from dtms_server.terminal.simulator.conditions import Rules
from dtms_server.terminal.simulator.portfolio import Portfolio
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.triggers import Trigger, triggered

_DAY: Final = DAY * 1000
_STOPS: Final = {c.DEAL_REASON_SL: "sl", c.DEAL_REASON_TP: "tp"}


class Desk(Protocol):
    """What time passes at; `now` in server milliseconds."""

    book: Book
    rules: Rules
    quotes: Quotes
    portfolio: Portfolio
    now: int


def pass_time(desk: Desk, until: int) -> bool:
    """Go on to `until` through every tick; did anything change?"""
    changed = False
    for midnight in range((desk.now // _DAY + 1) * _DAY, until + 1, _DAY):
        changed |= _ticks(desk, midnight - 1)
    return _ticks(desk, until) or changed


def _ticks(desk: Desk, until: int) -> bool:
    """Go on to `until`, a day at most.

    At one tick a stop-out comes first, then what the tick triggers, and then the margin is looked
    at again: the documentation says nothing of the order, and this closes the most.
    """
    begin, desk.now = desk.now + 1, max(desk.now, until)
    held = desk.book.positions
    if not held or begin > until:
        return False
    deals = desk.book.next_deal
    for trigger in triggered(desk.quotes, held.values(), begin - 1, until):
        _stop_out(desk, begin, trigger.at)
        if trigger.ticket in held:
            _fire(desk, held[trigger.ticket], trigger)
        begin = trigger.at
    _stop_out(desk, begin, until)
    return desk.book.next_deal != deals


def _stop_out(desk: Desk, begin: int, end: int) -> None:
    """Close positions one by one at each tick that leaves the margin level too low."""
    level = desk.rules.stop_out_level
    while (at := stop_out.first_breach(desk.portfolio, level, begin, end)) is not None:
        victim = stop_out.next_victim(desk.portfolio, at)
        comment = stop_out.comment(desk.portfolio, at)
        _close(desk, victim, victim.price_current, at, c.DEAL_REASON_SO, comment)
        begin = at


def _fire(desk: Desk, position: TradePosition, trigger: Trigger) -> None:
    level = position.sl if trigger.reason == c.DEAL_REASON_SL else position.tp
    digits = desk.quotes.symbols[position.symbol].digits
    comment = f"[{_STOPS[trigger.reason]} {level:.{digits}f}]"
    _close(desk, position, trigger.price, trigger.at, trigger.reason, comment)


def _close(
    desk: Desk, position: TradePosition, price: float, at: int, reason: int, comment: str
) -> None:
    fill = Fill(
        symbol=desk.quotes.symbols[position.symbol],
        direction=1 - position.type,
        volume=position.volume,
        price=price,
        at=at,
        reason=reason,
        magic=position.magic,
        comment=comment,
    )
    desk.book.fill(fill, position)
