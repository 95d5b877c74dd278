"""Orders whose outcome is not known, and what a terminal may show of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, Verb
from dtms_server.domain.market import Deal, DealEntry, DealReason, History, Position, Waiting
from dtms_server.domain.reconcile import Picture
from dtms_server.domain.settlement import Finding, look
from situations import AT, an_action
from sizes import BUY, SELL, a_position

MAGIC: Final = 20_251_217
OURS: Final = "dtms-a1"
"""The comment of the orders below."""
ANOTHERS: Final = "dtms-b2"
IN, OUT, OUT_BY, INOUT = DealEntry.IN, DealEntry.OUT, DealEntry.OUT_BY, DealEntry.INOUT
SECOND: Final = timedelta(seconds=1)

OPENS: Final = an_action(
    ActionKind.OPEN_HEDGE,
    verb=Verb.OPEN,
    direction=SELL,
    volume_lots=0.25,
    stop_loss=1.105,
    position_ticket=None,
    position_id=None,
    position_lots=0.0,
)
"""A SELL of 0.25 lots."""
CLOSES: Final = an_action(ActionKind.CLOSE_HALF)
"""It closes 0.25 of the 0.5 lots of a BUY, identifier 70."""
BY: Final = an_action(
    ActionKind.CLOSE_BY, verb=Verb.CLOSE_BY, volume_lots=0.25, by_ticket=91, by_id=90
)
"""It closes that BUY by a SELL of 0.25 lots, identifier 90."""
PROTECTS: Final = an_action(
    ActionKind.TIGHTEN_STOP,
    verb=Verb.PROTECT,
    direction=BUY,
    volume_lots=0.0,
    stop_loss=1.0994,
    take_profit=1.12,
)


def a_deal(entry: DealEntry, **facts: Any) -> Deal:
    """A deal of ours, of 0.25 lots: IN of the hedge, else OUT of the trade."""
    opens = entry is IN
    usual = Deal(
        ticket=500,
        order=91 if opens else 400,
        position_id=90 if opens else 70,
        symbol="EURUSD",
        entry=entry,
        reason=DealReason.EXPERT,
        direction=SELL,
        volume_lots=0.25,
        price=1.1001,
        profit=0.0,
        swap=0.0,
        commission=0.0,
        fee=0.0,
        magic=MAGIC,
        comment=OURS,
        at=AT + SECOND,
    )
    return replace(usual, **facts)


def the_hedge(**facts: Any) -> Position:
    """What OPENS has opened."""
    usual = a_position(
        SELL,
        ticket=91,
        identifier=90,
        volume_lots=0.25,
        magic=MAGIC,
        comment=OURS,
        opened_at=AT + SECOND,
    )
    return replace(usual, **facts)


def half_left(**facts: Any) -> Position:
    """What CLOSES leaves."""
    return a_position(**({"volume_lots": 0.25} | facts))


def found(
    action: Action,
    *shown: Position,
    deals: tuple[Deal, ...] = (),
    waiting: tuple[Waiting, ...] = (),
    is_known: Callable[[int], bool] = lambda _: False,
) -> Finding:
    """Look for an action's order in what is shown."""
    picture = Picture({p.identifier: p for p in shown}, {p.ticket: p for p in shown})
    return look(action, picture, History(deals, (), waiting), MAGIC, is_known)
