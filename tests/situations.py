"""Trades in every state, and what there is to decide by: a calm moment, and that with one thing
changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import ledgers
import markets
from analyses import CALM, NOTHING
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Order, Verb
from dtms_server.domain.analysis import Analysis
from dtms_server.domain.analysis.structure import Break, BreakKind, Structure, Swing
from dtms_server.domain.arming import armed
from dtms_server.domain.decision import Decision, decide
from dtms_server.domain.market import Account, AccountKind, MarginMode, Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Band, Score
from dtms_server.domain.situation import Situation
from dtms_server.domain.trade import Direction, Hedge, State, Trade
from sizes import BUY, SELL, a_position

AT: Final = ledgers.AT
"""The end of an M15 bar; the market is as it has been for hours."""
BAR: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)
POLICY: Final = Policy()
R: Final = 0.01200
"""What lies between entry and stop of the usual position."""
ACCOUNT: Final = Account(
    login=5001,
    server="Broker-Demo",
    currency="USD",
    kind=AccountKind.DEMO,
    margin_mode=MarginMode.HEDGING,
    balance=10_000.0,
    equity=10_000.0,
    profit=0.0,
    margin=0.0,
    trade_allowed=True,
)
HEDGE: Final = Hedge(ticket=91, position_id=90, volume_lots=0.25, opened_at=AT - HOUR)
VALUES: Final = {
    Band.STEADY: 0.0,
    Band.SOFT: -1.0,
    Band.WEAK: -3.0,
    Band.FAILING: -5.0,
    Band.CRITICAL: -7.0,
}
"""A score in each band."""


def a_trade(
    state: State = State.HEALTHY,
    direction: Direction = BUY,
    *,
    since: datetime = AT - HOUR,
    position: Position | None = None,
    **defence: Any,
) -> Trade:
    """A trade of the usual position, long out of its grace, in a state since an hour ago, where
    its defence remembers nothing but what is given."""
    trade = armed(71, position or a_position(direction), ACCOUNT, AT - 3 * HOUR, POLICY)
    hedge = HEDGE if state is State.HEDGED else None
    return replace(
        trade,
        state=state,
        state_entered_at=since,
        terms=replace(trade.terms, r_distance=R, hedge=hedge),
        defence=replace(trade.defence, **defence),
    )


def with_terms(trade: Trade, **terms: Any) -> Trade:
    """The trade with other terms."""
    return replace(trade, terms=replace(trade.terms, **terms))


def a_hedge(direction: Direction = SELL, **facts: Any) -> Position:
    """The hedge of the usual trade."""
    usual = {"ticket": 91, "identifier": 90, "volume_lots": 0.25, "take_profit": None}
    return a_position(direction, **(usual | facts))


def a_break(
    direction: Direction, kind: BreakKind = BreakKind.CHOCH, at: datetime = AT - BAR
) -> Break:
    """A structural break that favours a side; its bar ended at `at`."""
    return Break(direction, kind, Swing(1.1, at - HOUR), at, bars_ago=0)


def an_analysis(
    at: datetime = AT,
    found: Break | None = None,
    closings: Sequence[tuple[datetime, datetime]] = (),
) -> Analysis:
    """The calm analysis of the newest M5 bar that has closed by `at`."""
    m15 = replace(CALM.m15, structure=Structure(NOTHING, NOTHING, found))
    return replace(CALM, bar_closed_at=_bar_end(at), m15=m15, closings=tuple(closings))


def a_score(value: float = 0.0, at: datetime = AT, *, flipped: bool = False) -> Score:
    """A score of the newest M5 bar that has closed by `at`; `flipped`: VWAP and volume both."""
    return Score(
        value=value,
        points=(),
        vwap=0.0,
        volume=0.0,
        regime=CALM.regime,
        vwap_flip=flipped,
        volume_flip=flipped,
        bar_closed_at=_bar_end(at),
    )


def seen(
    value: float = 0.0,
    at: datetime = AT,
    *,
    flipped: bool = False,
    found: Break | None = None,
    closings: Sequence[tuple[datetime, datetime]] = (),
    **facts: Any,
) -> Situation:
    """What there is to decide by at `at`, where the score of the newest bar is `value`."""
    usual = Situation(
        now=at,
        position=a_position(),
        hedge=None,
        analysis=an_analysis(at, found, closings),
        score=a_score(value, at, flipped=flipped),
        can_hedge=True,
    )
    return replace(usual, **facts)


def hedged(at: datetime = AT, **facts: Any) -> Situation:
    """The same while the usual trade is hedged."""
    return seen(at=at, hedge=a_hedge(), **facts)


def decided(trade: Trade, situation: Situation, policy: Policy = POLICY) -> Decision:
    """Decide by the usual policy."""
    return decide(trade, situation, policy)


def kinds(decision: Decision) -> list[ActionKind]:
    """The kinds of what is wished for, in turn."""
    return [wish.kind for wish in decision.wishes]


def an_action(
    kind: ActionKind, *, at: datetime = AT, reason: str = "a reason", **order: Any
) -> Action:
    """An action of the usual trade, its intent on disk; what it would send matters little."""
    usual = Order(
        verb=Verb.CLOSE,
        symbol="EURUSD",
        direction=SELL,
        price=1.1,
        volume_lots=0.25,
        position_ticket=71,
        position_id=70,
        position_lots=0.5,
    )
    return Action(
        id="a1",
        ticket=71,
        kind=kind,
        state=ActionState.STARTED,
        reason=reason,
        order=replace(usual, **order),
        started_at=at,
        sent_at=at,
    )


def _bar_end(at: datetime) -> datetime:
    """Return when the newest M5 bar ended that has closed by then."""
    begun = (at - markets.MONDAY).total_seconds() % BAR.total_seconds()
    return at - timedelta(seconds=begun)
