"""What goes into a row comes out of it: every value that the domain may hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, Became, Order, Verb
from dtms_server.domain.events import (
    CLASS_OF,
    TYPE_OF,
    ActionFailed,
    Change,
    ChangeCause,
    Event,
    MonitoringStopped,
    TradeChanged,
    TradeRegistered,
    change,
)
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
from dtms_server.ports import EventFilter
from dtms_server.storage.rows import DECODERS, payload_of
from dtms_server.storage.store import SqliteStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import ACCOUNT, a_trade, registered

TICKETS = st.integers(1, MAX_TICKET)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 2**52).map(lambda number: EPOCH + timedelta(microseconds=number))
HEDGES = st.builds(Hedge, ticket=TICKETS, position_id=TICKETS, volume_lots=NUMBERS, opened_at=TIMES)
TERMS = st.builds(
    Terms,
    position_ticket=TICKETS,
    position_id=TICKETS,
    entry_price=NUMBERS,
    volume_lots=NUMBERS,
    stop_loss=st.none() | NUMBERS,
    take_profit=st.none() | NUMBERS,
    protection=st.sampled_from(Protection),
    labels=st.dictionaries(TEXTS, TEXTS, max_size=3),
    closing_unconfirmed=st.booleans(),
    r_distance=st.none() | NUMBERS,
    grace_until=st.none() | TIMES,
    hedge=st.none() | HEDGES,
    hedge_profit=st.none() | NUMBERS,
)
CLOSINGS = st.builds(
    Closing, reason=st.sampled_from(CloseReason), profit=NUMBERS, price=NUMBERS, at=TIMES
)
st.register_type_strategy(float, NUMBERS)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(datetime, TIMES)
DEFENCES = st.from_type(Defence)
TRADES = st.builds(
    Trade,
    account=st.just(ACCOUNT),
    ticket=TICKETS,
    symbol=TEXTS,
    direction=st.sampled_from(Direction),
    initial_volume_lots=NUMBERS,
    initial_stop_loss=st.none() | NUMBERS,
    account_currency=TEXTS,
    terms=TERMS,
    state=st.sampled_from(State),
    state_entered_at=TIMES,
    registered_at=TIMES,
    updated_at=TIMES,
    closing=st.none() | CLOSINGS,
    parent_ticket=st.none() | TICKETS,
    defence=DEFENCES,
)
ACTIONS = st.builds(
    Action,
    ticket=st.just(7),
    sends=st.integers(0, 2**31),
    retcode=st.none() | st.integers(0, 2**31),
    order=st.from_type(Order),
    became=st.none() | st.from_type(Became),
)
st.register_type_strategy(Trade, TRADES)
st.register_type_strategy(Terms, TERMS)


@given(trade=TRADES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_trade_comes_back_as_it_went(store: SqliteStore, trade: Trade) -> None:
    ledger = await store.open_account(ACCOUNT)
    for old in await ledger.trades.active():  # lest two guard one position
        gone = replace(old, state=State.RELEASED, terms=replace(old.terms, hedge=None))
        await ledger.journal.append(Change(old.updated_at, TradeRegistered(gone, True), gone))
    await ledger.journal.append(Change(trade.updated_at, TradeRegistered(trade, False), trade))
    found = await ledger.trades.find(trade.ticket)
    assert found == trade
    assert found is not None
    assert found.updated_at.tzinfo is UTC
    assert isinstance(found.state, State)
    assert isinstance(found.terms.closing_unconfirmed, bool)


@given(action=ACTIONS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_an_action_comes_back_as_it_went(store: SqliteStore, action: Action) -> None:
    ledger = await store.open_account(ACCOUNT)
    trade = a_trade(7)
    if await ledger.trades.find(7) is None:
        await ledger.journal.append(registered(trade))
    await ledger.journal.append(change(trade, ActionFailed(action, trade.defence), action.sent_at))
    found = await ledger.actions.find(action.id)
    assert found == action
    assert found is not None
    assert isinstance(found.kind, ActionKind)
    assert isinstance(found.order.verb, Verb)


@pytest.mark.parametrize("kind", CLASS_OF.values(), ids=TYPE_OF.values())
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_an_event_comes_back_as_it_went(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(st.from_type(kind))
    again = DECODERS[kind].decode(payload_of(event))
    assert again == event
    assert repr(again) == repr(event)  # a word is equal to its enum's member, and is none


async def test_a_time_of_another_zone_is_the_same_time(store: SqliteStore) -> None:
    journal = (await store.open_account(ACCOUNT)).journal
    at = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=2)))
    await journal.append(Change(at, MonitoringStopped("a test")))
    [told] = (await journal.page(0, EventFilter())).events
    assert told.at == at


async def test_a_naive_time_is_refused(store: SqliteStore) -> None:
    journal = (await store.open_account(ACCOUNT)).journal
    naive = datetime(2026, 3, 2, 9)  # noqa: DTZ001 - the fault under test
    with pytest.raises(Exception, match="offset-naive"):
        await journal.append(Change(naive, MonitoringStopped("a test")))
    assert journal.head == 0


def test_labels_of_any_mapping_are_told() -> None:
    terms = Terms(1, 1, 1.0, 1.0, None, None, Protection.PROTECT, MappingProxyType({"bot": "b"}))
    event = TradeChanged(ChangeCause.CALLER, terms, terms)
    assert DECODERS[TradeChanged].decode(payload_of(event)) == event
