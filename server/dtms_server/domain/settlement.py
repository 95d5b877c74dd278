"""Whether an order was carried out, as the terminal shows it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isclose
from typing import Final

from dtms_server.domain.actions import OUR_COMMENT, Action, Became, Order, Verb
from dtms_server.domain.market import (
    Deal,
    DealEntry,
    DealReason,
    History,
    Position,
    Waiting,
)
from dtms_server.domain.reconcile import VOLUME_EPSILON, Picture
from dtms_server.domain.trade import Direction

CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""By how much a deal's time, the broker's, may lie before ours for what came after it."""
LOTS_DIGITS: Final = 8
PRICE_TOLERANCE: Final = 1e-9
"""By how much, as a share, a price may come back changed: it only has to swallow rounding."""
BY_PROGRAM: Final = frozenset({DealReason.EXPERT, DealReason.OTHER})
"""Reasons that a deal of ours can have: no hand, stop or stop-out made it."""


@dataclass(frozen=True, slots=True)
class Executed:
    """It was carried out. `opened` is the deal that opened a position; `position` what that is
    now, None where it is gone again, or nothing was opened."""

    became: Became
    opened: Deal | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Underway:
    """It waits at the broker, or its effect is seen and its deals are not; in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing of it is seen."""


Finding = Executed | Underway | Absent


def look(
    action: Action,
    picture: Picture,
    history: History,
    magic: int,
    is_known: Callable[[int], bool] = lambda _: False,
) -> Finding:
    """Tell what a snapshot, read after `history`, shows of an action's order.

    It was carried out where its comment is seen; a broker may change comments, and then our magic
    number with position, or symbol, side and volume, counts instead. New stops show themselves.
    `is_known` tells of a position's identifier that it is known to be something else.
    """
    trace = _Trace(action, magic, is_known)
    if action.order.verb is not Verb.PROTECT and _waits(trace, history):
        return Underway("the broker has placed it and not carried out all of it yet")
    match action.order.verb:
        case Verb.PROTECT:
            return _protected(action.order, picture)
        case Verb.OPEN:
            return _opened(trace, picture, history)
        case Verb.CLOSE | Verb.CLOSE_BY:
            return _closed(trace, picture, history)


@dataclass(frozen=True, slots=True)
class _Trace:
    """By what an action's order is known again."""

    action: Action
    magic: int
    is_known: Callable[[int], bool]

    def is_named(self, mark: Deal | Position | Waiting) -> bool:
        return mark.comment == self.action.comment

    def may_be(self, mark: Deal | Position | Waiting) -> bool:
        """A comment of ours with another id belongs to another action."""
        changed = mark.magic == self.magic and not mark.comment.startswith(OUR_COMMENT)
        return self.is_named(mark) or changed

    def looks_like(self, mark: Deal | Position, at: datetime) -> bool:
        order = self.action.order
        return (
            self.may_be(mark)
            and mark.symbol == order.symbol
            and mark.direction is order.direction
            and mark.volume_lots <= order.volume_lots + VOLUME_EPSILON
            and at >= self.action.sent_at - CLOCKS_DIFFER
        )


def _waits(trace: _Trace, history: History) -> bool:
    symbol = trace.action.order.symbol
    return any(order.symbol == symbol and trace.may_be(order) for order in history.waiting)


def _protected(order: Order, picture: Picture) -> Finding:
    """The stop tells, since each order moves it; its bot may have moved the target since."""
    position = picture.by_identifier.get(order.position_id or 0)
    if position is None or not _same(position.stop_loss, order.stop_loss):
        return Absent()
    became = Became(stop_loss=position.stop_loss, take_profit=position.take_profit)
    return Executed(became, position=position)


def _same(shown: float | None, asked: float | None) -> bool:
    return isclose(shown or 0.0, asked or 0.0, rel_tol=PRICE_TOLERANCE)


def _opened(trace: _Trace, picture: Picture, history: History) -> Finding:
    order = trace.action.order
    deals = [deal for deal in history.deals if deal.entry is DealEntry.IN]
    own = [deal for deal in deals if trace.is_named(deal)]
    own = own or [deal for deal in deals if _is_like_opening(trace, deal)]
    if not own:
        listed = any(_is_opened(trace, position) for position in picture.by_identifier.values())
        return Underway("its position is listed, its deal is not yet") if listed else Absent()
    opened = own[0]
    position = picture.by_identifier.get(opened.position_id)
    history_of_it = [deal for deal in history.deals if deal.position_id == opened.position_id]
    if not _is_zero(_moved(history_of_it, order.direction) - _held(position, order.direction)):
        return Underway("its position and its deals do not tell the same yet")
    volume = _lots(deal for deal in own if deal.position_id == opened.position_id)
    became = Became(volume, opened.price, order.stop_loss, order.take_profit)
    return Executed(became, opened, position)


def _is_like_opening(trace: _Trace, deal: Deal) -> bool:
    by_program = deal.reason in BY_PROGRAM and not trace.is_known(deal.position_id)
    return by_program and trace.looks_like(deal, deal.at)


def _is_opened(trace: _Trace, position: Position) -> bool:
    is_known = trace.is_known(position.identifier)
    changed = not is_known and trace.looks_like(position, position.opened_at)
    return trace.is_named(position) or changed


def _closed(trace: _Trace, picture: Picture, history: History) -> Finding:
    order = trace.action.order
    side = order.direction.opposite
    position = picture.by_identifier.get(order.position_id or 0)
    deals = [deal for deal in history.deals if deal.position_id == order.position_id]
    since = _since_send(trace, deals, _held(position, side) - order.position_lots)
    if since is None:
        return Underway("the position and its deals do not tell the same yet")
    own = [deal for deal in since if trace.is_named(deal)]
    own = own or [deal for deal in since if _is_like_close(trace, deal)]
    return Executed(Became(_lots(own), own[0].price), position=position) if own else Absent()


def _since_send(trace: _Trace, deals: Sequence[Deal], change: float) -> Sequence[Deal] | None:
    """Return the fewest of the newest deals that change the position so, the action's by name among
    them; None: none do, so that one is not listed yet, or the position is not up to date."""
    side = trace.action.order.direction.opposite
    named = next((at for at, deal in enumerate(deals) if trace.is_named(deal)), len(deals))
    for begin in range(named, -1, -1):
        if _is_zero(_moved(deals[begin:], side) - change):
            return deals[begin:]
    return None


def _is_like_close(trace: _Trace, deal: Deal) -> bool:
    """The broker itself writes the comments of a close-by, and perhaps its magic number."""
    if deal.reason not in BY_PROGRAM or deal.entry is DealEntry.IN:
        return False
    if trace.action.order.verb is Verb.CLOSE_BY:
        return deal.entry is DealEntry.OUT_BY and not deal.comment.startswith(OUR_COMMENT)
    return trace.looks_like(deal, deal.at)


def _moved(deals: Iterable[Deal], side: Direction) -> float:
    """Return by how many lots the deals have moved a position, seen from that side."""
    return sum(deal.volume_lots if deal.direction is side else -deal.volume_lots for deal in deals)


def _held(position: Position | None, side: Direction) -> float:
    if position is None:
        return 0.0
    return position.volume_lots if position.direction is side else -position.volume_lots


def _lots(deals: Iterable[Deal]) -> float:
    return round(sum(deal.volume_lots for deal in deals), LOTS_DIGITS)


def _is_zero(lots: float) -> bool:
    return abs(lots) < VOLUME_EPSILON
