"""What the passing of time does to an account: stops, targets, stop-out and swap."""

from dataclasses import replace
from typing import Final, Protocol

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import stop_out, swap
from dtms_server.terminal.simulator.bars import DAY
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.conditions import Rules
from dtms_server.terminal.simulator.fills import Fill
from dtms_server.terminal.simulator.portfolio import Portfolio
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.symbols import Symbol
from dtms_server.terminal.simulator.triggers import Trigger, triggered

DAY_MS: Final = DAY * 1000
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
    for midnight in range((desk.now // DAY_MS + 1) * DAY_MS, until + 1, DAY_MS):
        changed |= _ticks(desk, midnight - 1)
        changed |= _hold_over(desk, midnight)
    return _ticks(desk, until) or changed


def _hold_over(desk: Desk, midnight: int) -> bool:
    """Charge swap at the end of a trading day, before the first tick of the new one, and once.

    MQL5 book, "Getting swap sizes": charged to positions that are held over the end of a day, which
    is the server's midnight.
    """
    if midnight <= desk.book.rolled:
        return False
    desk.book.rolled = midnight
    held = desk.portfolio.positions(midnight - 1)
    for position in held:
        symbol = desk.quotes.symbols[position.symbol]
        count = swap.nights(symbol, midnight // DAY_MS - 1)
        if symbol.swap_mode in swap.REOPENING and count:
            _reopen(desk, symbol, position, count, midnight)
        elif amount := swap.accrued(symbol, position, count):
            desk.book.accrue(position, amount)
    return bool(held)


def _reopen(desk: Desk, symbol: Symbol, position: TradePosition, count: int, at: int) -> None:
    quote = desk.quotes.last(symbol.name, at)
    assert quote is not None, "a position was opened before the market's first tick"
    free = replace(symbol, commission=0.0, fee=0.0)  # nobody has traded
    fill = _closing(free, position, position.price_current, at, c.DEAL_REASON_ROLLOVER)
    desk.book.reopen(position, fill, swap.reopened(symbol, position, count, quote.bid))


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
        symbol = desk.quotes.symbols[victim.symbol]
        fill = _closing(symbol, victim, victim.price_current, at, c.DEAL_REASON_SO)
        desk.book.fill(replace(fill, comment=stop_out.comment(desk.portfolio, at)), victim)
        begin = at


def _fire(desk: Desk, position: TradePosition, trigger: Trigger) -> None:
    symbol = desk.quotes.symbols[position.symbol]
    level = position.sl if trigger.reason == c.DEAL_REASON_SL else position.tp
    fill = _closing(symbol, position, trigger.price, trigger.at, trigger.reason)
    comment = f"[{_STOPS[trigger.reason]} {level:.{symbol.digits}f}]"
    desk.book.fill(replace(fill, comment=comment, asked=(level, fill.volume)), position)


def _closing(symbol: Symbol, position: TradePosition, price: float, at: int, reason: int) -> Fill:
    return Fill(
        symbol=symbol,
        direction=1 - position.type,
        volume=position.volume,
        price=price,
        at=at,
        reason=reason,
        magic=position.magic,
    )
