"""Trades, changes and readers for whoever tests what a store keeps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Became, Order, Verb
from dtms_server.domain.analysis.regime import Regime, Session, Shape, Volatility
from dtms_server.domain.events import (
    ActionDone,
    ActionStarted,
    Change,
    ChangeCause,
    Recorded,
    TerminalLost,
    TradeChanged,
    TradeRegistered,
    change,
)
from dtms_server.domain.scoring import Score, SignalPoints
from dtms_server.domain.signals import Signal
from dtms_server.domain.trade import (
    CloseReason,
    Closing,
    Defence,
    Descent,
    Direction,
    Hedge,
    Protection,
    State,
    Terms,
    Trade,
)
from dtms_server.ports import EventFilter, Journal, TradeFilter

ACCOUNT = "5001@Broker-Demo"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANY = EventFilter()
ALL = TradeFilter(include_closed=True)
LOGINS = count(1)
CLOSING = Closing(CloseReason.SL, -12.5, 1.0955, AT)
HEDGE = Hedge(901, 902, 0.05, AT)
DEFENCE = Defence(
    acted_bar_at=AT,
    owed=(ActionKind.CLOSE_HALF, ActionKind.BREAK_EVEN),
    descent=Descent(True, 0.05, False, (ActionKind.OPEN_HEDGE,)),
    told=("SPREAD", "BREAK_EVEN"),
)
SCORE = Score(
    value=-6.5,
    points=(SignalPoints(Signal.STRUCTURE, -3.0, 1.2, "BOS down"),),
    vwap=-2.0,
    volume=-1.0,
    regime=Regime(Session.LONDON, Volatility.HIGH, Shape.TREND),
    vwap_flip=True,
    volume_flip=True,
    bar_closed_at=AT,
)


def a_trade(ticket: int, *, account: str = ACCOUNT, position_id: int | None = None) -> Trade:
    return Trade(
        account=account,
        ticket=ticket,
        symbol="EURUSD" if ticket % 2 else "XAUUSD",
        direction=Direction.BUY,
        initial_volume_lots=0.1,
        initial_stop_loss=None,
        account_currency="USD",
        terms=Terms(
            position_ticket=ticket,
            position_id=position_id or ticket,
            entry_price=1.1,
            volume_lots=0.1,
            stop_loss=1.09,
            take_profit=None,
            protection=Protection.PROTECT,
            labels={"bot": f"b{ticket % 3}"},
        ),
        state=State.HEALTHY,
        state_entered_at=AT,
        registered_at=AT,
        updated_at=AT,
    )


def registered(trade: Trade) -> Change:
    return change(None, TradeRegistered(trade, rearmed=False), AT)


def changed(trade: Trade, **terms: Any) -> Change:
    """The change to some terms of a trade."""
    after = replace(trade.terms, **terms)
    return change(trade, TradeChanged(ChangeCause.DTMS, trade.terms, after), AT)


def an_action(trade: Trade, name: str = "a1", *, at: datetime = AT) -> Action:
    """A half-close of the trade, its intent on disk."""
    order = Order(
        verb=Verb.CLOSE,
        symbol=trade.symbol,
        direction=Direction.SELL,
        price=1.0951,
        volume_lots=0.05,
        position_ticket=trade.terms.position_ticket,
        position_id=trade.position_id,
        position_lots=trade.terms.volume_lots,
    )
    return Action(
        id=name,
        ticket=trade.ticket,
        kind=ActionKind.CLOSE_HALF,
        state=ActionState.STARTED,
        reason="WARNING_L2",
        order=order,
        started_at=at,
        sent_at=at,
    )


def done(action: Action) -> Action:
    return replace(
        action,
        state=ActionState.DONE,
        became=Became(volume_lots=0.05, price=1.0950),
        retcode=10009,
        message="done",
        ended_at=action.sent_at + timedelta(seconds=1),
    )


def started(trade: Trade, action: Action) -> Change:
    return change(trade, ActionStarted(action, DEFENCE), action.sent_at)


def ended(trade: Trade, action: Action) -> Change:
    assert action.ended_at is not None
    return change(trade, ActionDone(action, DEFENCE), action.ended_at)


def lost(n: int) -> Change:
    return Change(AT + timedelta(seconds=n), TerminalLost(f"loss {n}"))


async def everything(journal: Journal, after: int = 0) -> list[Recorded]:
    events: list[Recorded] = []
    while after < journal.head:
        page = await journal.page(after, ANY)
        assert page.scanned > after
        events += page.events
        after = page.scanned
    return events


async def followed(journal: Journal, after: int, until: int) -> list[Recorded]:
    """What a stream does: read, and where there is nothing more, wait."""
    events: list[Recorded] = []
    while after < until:
        page = await journal.page(after, ANY)
        events += page.events
        after = page.scanned
        if after < until:
            await journal.grown(after)
    return events
