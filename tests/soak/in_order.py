"""Evidence of a soak that is in order, to be spoilt by tests."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, Order, Verb
from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction, Hedge, State, Trade
from ledgers import AT, CLOSING, a_trade, an_action, done
from soak.dashboards import Wanted
from soak.evidence import Answered, Event, Evidence, Kept, Seen, Shown
from soak.promises import Promise

OPEN, CLOSED, RELEASED = 1, 3, 5
HEDGE = Hedge(ticket=90, position_id=90, volume_lots=0.05, opened_at=AT)


def _position(ticket: int, trade: Trade, **changes: Any) -> Position:
    terms = trade.terms
    held = Position(
        ticket=ticket,
        identifier=ticket,
        symbol=trade.symbol,
        direction=trade.direction,
        volume_lots=terms.volume_lots,
        entry_price=terms.entry_price,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        current_price=1.1,
        profit=0.0,
        swap=0.0,
        magic=700,
        comment="",
        opened_at=AT,
    )
    return replace(held, **changes)


def _hedge_action(trade: Trade) -> Action:
    order = Order(Verb.OPEN, trade.symbol, Direction.SELL, 1.1, 0.05)
    opening = replace(an_action(trade, "hedge"), kind=ActionKind.OPEN_HEDGE, order=order)
    return done(opening)


def _trades() -> dict[int, Trade]:
    guarded, closed, released = map(a_trade, (OPEN, CLOSED, RELEASED))
    hedged = replace(guarded, state=State.HEDGED, terms=replace(guarded.terms, hedge=HEDGE))
    ended = {
        CLOSED: replace(closed, state=State.CLOSED, state_entered_at=AT, closing=CLOSING),
        RELEASED: replace(released, state=State.RELEASED, state_entered_at=AT),
    }
    return {OPEN: hedged} | ended


def _events() -> tuple[Event, ...]:
    registered = (Event(n, t, "EURUSD", "TRADE_REGISTERED") for n, t in enumerate(_trades(), 1))
    return (*registered, Event(4, CLOSED, "EURUSD", "TRADE_CLOSED"))


def _shown(guarded: Trade, hedging: Action) -> Shown:
    short = _position(90, guarded, direction=Direction.SELL, volume_lots=0.05)
    held = _position(OPEN, guarded), replace(short, comment=hedging.comment)
    return Shown(AT + timedelta(hours=1), True, held, {hedging.comment: (AT,)}, waiting=0)


def in_order() -> Evidence:
    """A hedged trade that is open, one that is closed, one that is released; all of it agrees."""
    trades, events = _trades(), _events()
    hedging = _hedge_action(trades[OPEN])
    told = tuple(event.told for event in events)
    return Evidence(
        kept=Kept(events, 0, (1, 2, 3, 4), trades, dict(trades), (hedging,), (), "ok"),
        shown=_shown(trades[OPEN], hedging),
        promised={
            ticket: Promise((trade.terms.labels,), "RELEASED" if ticket == RELEASED else "")
            for ticket, trade in trades.items()
        },
        seen=(
            Seen("all", Wanted(), told, may_lag=False),
            Seen("closings", Wanted(types=("TRADE_CLOSED",)), told[3:], may_lag=False),
            Seen("slow", Wanted(), told[:1], may_lag=True),
        ),
        answered=Answered(
            {"": "SERVING", "liveness": "SERVING"},
            {t: (trade.terms.labels, str(trade.state)) for t, trade in trades.items()},
            {},
        ),
    )
