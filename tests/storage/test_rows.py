"""What goes into a row comes out of it: every value that the domain may hold."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from dtms_server.domain.events import (
    CLASS_OF,
    Change,
    ChangeCause,
    Event,
    MonitoringStopped,
    TradeChanged,
    TradeRegistered,
)
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
from dtms_server.ports import EventFilter
from dtms_server.storage.rows import DECODERS, payload_of
from dtms_server.storage.store import SqliteStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import ACCOUNT

TICKETS = st.integers(1, MAX_TICKET)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 2**52).map(lambda number: EPOCH + timedelta(microseconds=number))
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
)
CLOSINGS = st.builds(
    Closing, reason=st.sampled_from(CloseReason), profit=NUMBERS, price=NUMBERS, at=TIMES
)
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
)
st.register_type_strategy(float, NUMBERS)
st.register_type_strategy(str, TEXTS)
PARTS = {"trade": TRADES, "before": TERMS, "after": TERMS, "closing": CLOSINGS}


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    return st.builds(kind, **{f.name: PARTS[f.name] for f in fields(kind) if f.name in PARTS})


@given(trade=TRADES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_trade_comes_back_as_it_went(store: SqliteStore, trade: Trade) -> None:
    ledger = await store.open_account(ACCOUNT)
    for old in await ledger.trades.guarded():  # lest two guard one position
        gone = replace(old, state=State.RELEASED)
        await ledger.journal.append(Change(old.updated_at, TradeRegistered(gone, True), gone))
    await ledger.journal.append(Change(trade.updated_at, TradeRegistered(trade, False), trade))
    found = await ledger.trades.find(trade.ticket)
    assert found == trade
    assert found is not None
    assert found.updated_at.tzinfo is UTC
    assert isinstance(found.state, State)
    assert isinstance(found.terms.closing_unconfirmed, bool)


@given(event=st.sampled_from(list(CLASS_OF.values())).flatmap(events_of))
@settings(deadline=None)
def test_an_event_comes_back_as_it_went(event: Event) -> None:
    assert DECODERS[type(event)].decode(payload_of(event)) == event


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
