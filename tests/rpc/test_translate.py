"""Messages say what the domain's values say, no more and no less."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from analyses import CALM
from dtms.v1 import event_pb2, service_pb2, trade_pb2
from dtms_server.domain import events
from dtms_server.domain.events import CLASS_OF, ChangeCause, EventType, Recorded
from dtms_server.domain.market import AccountKind, MarginMode
from dtms_server.domain.policy.scoring import ScoringPolicy
from dtms_server.domain.scoring import score
from dtms_server.domain.trade import (
    MAX_TICKET,
    CloseReason,
    Closing,
    Direction,
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

TICKETS = st.integers(1, MAX_TICKET)
PRICES = st.floats(1e-6, 1e9)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TERMS = st.builds(
    Terms,
    position_ticket=TICKETS,
    position_id=TICKETS,
    entry_price=PRICES,
    volume_lots=PRICES,
    stop_loss=st.none() | PRICES,
    take_profit=st.none() | PRICES,
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
CLOSINGS = st.builds(Closing, profit=st.floats(-1e9, 1e9), price=PRICES, at=MOMENTS)
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
)
FACTS: dict[type[events.Event], st.SearchStrategy[events.Event]] = {
    events.TradeRegistered: st.builds(events.TradeRegistered, trade=TRADES),
    events.TradeRecovered: st.builds(events.TradeRecovered),
    events.TradeChanged: st.builds(events.TradeChanged, before=TERMS, after=TERMS),
    events.TradeClosed: st.builds(events.TradeClosed, closing=CLOSINGS),
    events.TradeReleased: st.builds(events.TradeReleased),
    events.TerminalConnected: st.builds(events.TerminalConnected, lost_seconds=st.floats(0, 1e9)),
    events.TerminalLost: st.builds(events.TerminalLost),
    events.MonitoringStarted: st.builds(
        events.MonitoringStarted, active_trades=st.integers(0, 2**32 - 1)
    ),
    events.MonitoringStopped: st.builds(events.MonitoringStopped),
}
RECORDED = st.builds(
    Recorded,
    sequence=TICKETS,
    at=MOMENTS,
    event=st.one_of(list(FACTS.values())),
    ticket=st.none() | TICKETS,
    symbol=st.none() | st.text(min_size=1, max_size=8),
)
ENUMS: list[tuple[Any, type[StrEnum]]] = [
    (trade_pb2.Direction, Direction),
    (trade_pb2.TradeState, State),
    (trade_pb2.Protection, Protection),
    (trade_pb2.CloseReason, CloseReason),
    (service_pb2.ServicePhase, Phase),
    (service_pb2.AccountKind, AccountKind),
    (service_pb2.MarginMode, MarginMode),
    (event_pb2.ChangeCause, ChangeCause),
    (event_pb2.MonitorEventType, EventType),
]


def given_or_none(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def moment(message: Any) -> datetime:
    found: datetime = message.ToDatetime(tzinfo=UTC)
    return found


def read_terms(message: event_pb2.TradeTerms) -> Terms:
    protection = to_domain(trade_pb2.Protection, message.protection, Protection)
    assert protection
    return Terms(
        position_ticket=message.position_ticket,
        position_id=message.position_id,
        entry_price=message.entry_price,
        volume_lots=message.volume,
        stop_loss=given_or_none(message, "stop_loss"),
        take_profit=given_or_none(message, "take_profit"),
        protection=protection,
        labels=dict(message.labels),
        closing_unconfirmed=message.closing_unconfirmed,
    )


def read_trade(message: trade_pb2.Trade, closing: Closing | None) -> Trade:
    """The trade that a message tells of; `closing` lends the price, which it does not tell."""
    direction = to_domain(trade_pb2.Direction, message.direction, Direction)
    protection = to_domain(trade_pb2.Protection, message.protection, Protection)
    state = to_domain(trade_pb2.TradeState, message.state, State)
    reason = to_domain(trade_pb2.CloseReason, message.close_reason, CloseReason)
    assert direction
    assert protection
    assert state
    terms = Terms(
        position_ticket=message.position_ticket,
        position_id=message.position_id,
        entry_price=message.entry_price,
        volume_lots=message.volume,
        stop_loss=given_or_none(message, "stop_loss"),
        take_profit=given_or_none(message, "take_profit"),
        protection=protection,
        labels=dict(message.labels),
        closing_unconfirmed=message.closing_unconfirmed,
    )
    return Trade(
        account=message.account,
        ticket=message.ticket,
        symbol=message.symbol,
        direction=direction,
        initial_volume_lots=message.initial_volume,
        initial_stop_loss=given_or_none(message, "initial_stop_loss"),
        account_currency=message.account_currency,
        terms=terms,
        state=state,
        state_entered_at=moment(message.state_entered_at),
        registered_at=moment(message.registered_at),
        updated_at=moment(message.updated_at),
        closing=Closing(reason, message.profit, closing.price, moment(message.closed_at))
        if reason and closing
        else None,
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
    assert read_trade(message, trade.closing) == trade
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


@given(RECORDED)
def test_an_event_tells_its_type_with_the_facts_of_that_type(recorded: Recorded) -> None:
    message = translate.event(recorded)
    assert message.sequence == recorded.sequence
    assert moment(message.at) == recorded.at
    assert given_or_none(message, "ticket") == recorded.ticket
    assert message.symbol == (recorded.symbol or "")
    name = event_pb2.MonitorEventType.Name(message.type)
    assert name == f"MONITOR_EVENT_TYPE_{recorded.type}"
    assert message.WhichOneof("facts") == recorded.type.lower()


def test_every_type_of_event_is_among_those_tried() -> None:
    assert set(FACTS) == set(CLASS_OF.values())


@given(TERMS, TERMS)
def test_a_change_tells_both_sides_and_names_exactly_what_differs(
    before: Terms, after: Terms
) -> None:
    recorded = Recorded(
        1, datetime(2026, 1, 1, tzinfo=UTC), "1@D",
        events.TradeChanged(ChangeCause.OUTSIDE, before, after), 7, "EURUSD",
    )  # fmt: skip
    told = translate.event(recorded).trade_changed
    assert (read_terms(told.before), read_terms(told.after)) == (before, after)
    assert set(told.changed.paths) == differing(before, after)


def differing(before: Terms, after: Terms) -> set[str]:
    spelt: Mapping[str, str] = {"volume_lots": "volume"}
    return {
        spelt.get(name, name)
        for name in Terms.__dataclass_fields__
        if getattr(before, name) != getattr(after, name)
    }
