"""Messages say what the domain's values say, no more and no less."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from analyses import CALM
from dtms.v1 import action_pb2, event_pb2, service_pb2, trade_pb2
from dtms_server.domain import events
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Became, Order, Verb
from dtms_server.domain.claims import HedgeDisposition
from dtms_server.domain.events import CLASS_OF, ChangeCause, EventType, Recorded
from dtms_server.domain.market import AccountKind, MarginMode
from dtms_server.domain.policy.scoring import ScoringPolicy
from dtms_server.domain.rails import Rail
from dtms_server.domain.scoring import Score, SignalPoints, score
from dtms_server.domain.trade import (
    MAX_TICKET,
    CloseReason,
    Closing,
    Defence,
    Direction,
    Hedge,
    Protection,
    State,
    Terms,
    Trade,
)
from dtms_server.engine.readiness import Phase
from dtms_server.engine.scores import NoScore
from dtms_server.rpc import translate
from dtms_server.rpc.enums import to_domain, to_proto
from hypothesis import given
from hypothesis import strategies as st
from rpc import read_back
from rpc.read_back import given_or_none, moment

TICKETS = st.integers(1, MAX_TICKET)
PRICES = st.floats(1e-6, 1e9)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = st.floats(-1e9, 1e9)
WORDS = st.text(max_size=8)
HEDGES = st.builds(
    Hedge, volume_lots=PRICES, opened_at=MOMENTS, ticket=TICKETS, position_id=TICKETS
)
TERMS = st.builds(
    Terms,
    position_ticket=TICKETS,
    position_id=TICKETS,
    entry_price=PRICES,
    volume_lots=PRICES,
    stop_loss=st.none() | PRICES,
    take_profit=st.none() | PRICES,
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    closing_unconfirmed=st.booleans(),
    r_distance=st.none() | PRICES,
    grace_until=st.none() | MOMENTS,
    hedge=st.none() | HEDGES,
    hedge_profit=st.none() | NUMBERS,
)
CLOSINGS = st.builds(Closing, profit=NUMBERS, price=PRICES, at=MOMENTS)
DEFENCES = st.builds(
    Defence,
    owed=st.lists(st.sampled_from(ActionKind), max_size=3).map(tuple),
    deadline=st.none() | MOMENTS,
    exit_reason=st.none() | st.text(min_size=1, max_size=8),
)
TRADES = st.builds(
    Trade,
    ticket=TICKETS,
    initial_volume_lots=PRICES,
    initial_stop_loss=st.none() | PRICES,
    terms=TERMS,
    state_entered_at=MOMENTS,
    registered_at=MOMENTS,
    updated_at=MOMENTS,
    closing=st.none() | CLOSINGS,
    parent_ticket=st.none() | TICKETS,
    defence=DEFENCES,
)
ORDERS = st.builds(
    Order,
    direction=st.just(read_back.UNTOLD_SIDE),
    price=PRICES,
    volume_lots=st.just(0.0) | PRICES,
    stop_loss=st.none() | PRICES,
    take_profit=st.none() | PRICES,
    position_ticket=st.none() | TICKETS,
    by_ticket=st.none() | TICKETS,
)
BECAME = st.builds(Became, *[st.none() | PRICES] * 4)
ACTIONS = st.builds(
    Action,
    ticket=TICKETS,
    order=ORDERS,
    started_at=MOMENTS,
    sent_at=MOMENTS,
    sends=st.integers(0, 2**32 - 1),
    became=st.none() | BECAME,
    retcode=st.none() | st.integers(0, 2**32 - 1),
    message=WORDS,
    ended_at=st.none() | MOMENTS,
).map(lambda one: one if one.sends else replace(one, sent_at=one.started_at))
SCORES = st.builds(
    Score,
    value=NUMBERS,
    points=st.lists(st.builds(SignalPoints, points=NUMBERS, weight=NUMBERS), max_size=6).map(tuple),
    vwap=st.just(0.0),
    volume=st.just(0.0),
    vwap_flip=st.just(False),
    volume_flip=st.just(False),
    bar_closed_at=MOMENTS,
)
"""Scores as far as they are told: the parts of a signal are in its reason only."""
UNTOLD = st.just(read_back.UNTOLD)
FACTS: dict[type[events.Event], st.SearchStrategy[events.Event]] = {
    events.TradeRegistered: st.builds(events.TradeRegistered, trade=TRADES),
    events.TradeRecovered: st.builds(events.TradeRecovered),
    events.TradeAdopted: st.builds(
        events.TradeAdopted, trade=TRADES, magic=st.integers(1, MAX_TICKET)
    ),
    events.TradeChanged: st.builds(events.TradeChanged, before=TERMS, after=TERMS),
    events.StateChanged: st.builds(
        events.StateChanged, score=st.none() | SCORES, reason=WORDS, defence=UNTOLD
    ),
    events.ActionStarted: st.builds(events.ActionStarted, ACTIONS, UNTOLD),
    events.ActionDone: st.builds(events.ActionDone, ACTIONS, UNTOLD),
    events.ActionFailed: st.builds(events.ActionFailed, ACTIONS, UNTOLD),
    events.ActionAdvised: st.builds(events.ActionAdvised, ACTIONS, UNTOLD),
    events.ActionBlocked: st.builds(events.ActionBlocked, ACTIONS, st.sampled_from(Rail), UNTOLD),
    events.TradeClosed: st.builds(events.TradeClosed, closing=CLOSINGS),
    events.TradeReleased: st.builds(events.TradeReleased, st.none() | TICKETS),
    events.TerminalConnected: st.builds(events.TerminalConnected, lost_seconds=st.floats(0, 1e9)),
    events.TerminalLost: st.builds(events.TerminalLost),
    events.MonitoringStarted: st.builds(
        events.MonitoringStarted, active_trades=st.integers(0, 2**32 - 1)
    ),
    events.MonitoringStopped: st.builds(events.MonitoringStopped),
    events.ActionsPaused: st.builds(events.ActionsPaused),
    events.ActionsResumed: st.builds(events.ActionsResumed),
}
ENUMS: list[tuple[Any, type[StrEnum]]] = [
    (trade_pb2.Direction, Direction),
    (trade_pb2.TradeState, State),
    (trade_pb2.Protection, Protection),
    (trade_pb2.CloseReason, CloseReason),
    (action_pb2.ActionKind, ActionKind),
    (action_pb2.ActionState, ActionState),
    (action_pb2.OrderVerb, Verb),
    (service_pb2.ServicePhase, Phase),
    (service_pb2.AccountKind, AccountKind),
    (service_pb2.MarginMode, MarginMode),
    (event_pb2.ChangeCause, ChangeCause),
    (event_pb2.HedgeDisposition, HedgeDisposition),
    (event_pb2.MonitorEventType, EventType),
]


def recorded_of(facts: st.SearchStrategy[events.Event]) -> st.SearchStrategy[Recorded]:
    return st.builds(
        Recorded,
        sequence=TICKETS,
        at=MOMENTS,
        event=facts,
        ticket=st.none() | TICKETS,
        symbol=st.none() | st.text(min_size=1, max_size=8),
    )


@pytest.mark.parametrize(("kind", "members"), ENUMS, ids=lambda side: getattr(side, "__name__", ""))
def test_every_member_of_the_domain_has_a_proto_value_that_leads_back(
    kind: Any, members: type[StrEnum]
) -> None:
    for member in members:
        number = to_proto(kind, member)
        assert number != 0
        assert to_domain(kind, number, members) is member
    assert to_domain(kind, 0, members) is None
    assert to_domain(kind, 12345, members) is None


@given(TRADES)
def test_a_trade_survives_the_way_out_and_back(trade: Trade) -> None:
    message = trade_pb2.Trade.FromString(translate.trade(trade).SerializeToString())
    assert read_back.trade(message, trade.closing) == trade
    assert message.defensive is trade.is_defensive
    assert not message.HasField("score")
    assert message.HasField("profit") is (trade.closing is not None)


def test_a_missing_score_is_no_value_and_says_why() -> None:
    message = translate.score(NoScore("the market is new"))
    assert not message.HasField("value")
    assert message.missing_reason == "the market is new"


@given(st.sampled_from(Direction))
def test_a_score_is_told_with_every_signal_s_points(side: Direction) -> None:
    given_score = score(CALM, side, ScoringPolicy())
    message = translate.score(given_score)
    assert message.value == given_score.value
    assert message.value == pytest.approx(sum(p.points * p.weight for p in message.points))
    assert {p.signal for p in message.points} == set(trade_pb2.Signal.values()) - {0}
    assert all(p.reason for p in message.points)
    assert message.regime.session == given_score.regime.session
    assert moment(message.bar_closed_at) == given_score.bar_closed_at


@pytest.mark.parametrize("kind", CLASS_OF.values(), ids=lambda kind: kind.__name__)
@given(st.data())
def test_an_event_of_every_type_survives_the_way_out_and_back(
    kind: type[events.Event], data: st.DataObject
) -> None:
    recorded = data.draw(recorded_of(FACTS[kind]))
    message = event_pb2.MonitorEvent.FromString(translate.event(recorded).SerializeToString())
    assert message.sequence == recorded.sequence
    assert moment(message.at) == recorded.at
    assert message.account == recorded.account
    assert given_or_none(message, "ticket") == recorded.ticket
    assert message.symbol == (recorded.symbol or "")
    name = event_pb2.MonitorEventType.Name(message.type)
    assert name == f"MONITOR_EVENT_TYPE_{recorded.type}"
    assert message.WhichOneof("facts") == recorded.type.lower()
    assert read_back.event(message, recorded.event) == recorded.event


@given(ACTIONS)
def test_an_action_survives_the_way_out_and_back(given_action: Action) -> None:
    raw = translate.action(given_action).SerializeToString()
    message = action_pb2.Action.FromString(raw)
    assert read_back.action(message) == given_action
    assert message.HasField("sent_at") is (given_action.sends > 0)


@given(TERMS, TERMS)
def test_a_change_names_exactly_what_differs(before: Terms, after: Terms) -> None:
    change = events.TradeChanged(ChangeCause.OUTSIDE, before, after)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    told = translate.event(Recorded(1, at, "1@D", change, 7, "EURUSD")).trade_changed
    one, other = by_field(before), by_field(after)
    assert set(told.changed.paths) == {name for name in one if one[name] != other[name]}


def by_field(terms: Terms) -> dict[str, object]:
    """The terms by the names of the message's fields."""
    named = {name: getattr(terms, name) for name in Terms.__dataclass_fields__}
    hedge: Hedge | None = named.pop("hedge")
    named["volume"] = named.pop("volume_lots")
    return named | {
        "hedge_ticket": hedge and hedge.ticket,
        "hedge_position_id": hedge and hedge.position_id,
        "hedge_volume": hedge and hedge.volume_lots,
        "hedge_opened_at": hedge and hedge.opened_at,
    }


def test_every_term_has_its_field() -> None:
    fields = {field.name for field in event_pb2.TradeTerms.DESCRIPTOR.fields}
    assert set(by_field(Terms(1, 1, 1.0, 1.0, None, None, Protection.PROTECT))) == fields
