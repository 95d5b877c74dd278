"""What every journal and its trades must do, whatever keeps them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from math import inf, nan

import pytest
from dtms_server.domain.errors import ResumeTokenExpired, StoreFailed
from dtms_server.domain.events import (
    Change,
    EventType,
    MonitoringStarted,
    Recorded,
    TerminalLost,
    TradeClosed,
    TradeRegistered,
    change,
)
from dtms_server.domain.trade import MAX_TICKET
from dtms_server.ports import EventFilter, Journal, Trades
from dtms_server.storage.journal import PAGE, SHARED
from dtms_server.storage.store import SqliteStore
from ledgers import ACCOUNT, ANY, AT, CLOSING, a_trade, everything, lost, registered


async def test_a_new_journal_is_empty(journal: Journal, trades: Trades) -> None:
    assert (journal.account, journal.head, journal.compacted_through) == (ACCOUNT, 0, 0)
    page = await journal.page(0, ANY)
    assert (page.events, page.scanned) == ((), 0)
    assert await trades.active() == ()
    assert await trades.counts() == {}


async def test_what_is_appended_is_there_with_its_row(journal: Journal, trades: Trades) -> None:
    trade = a_trade(MAX_TICKET)
    assert await journal.append(registered(trade), lost(1)) == 2
    assert journal.head == 2
    assert await everything(journal) == [
        Recorded(1, AT, ACCOUNT, TradeRegistered(trade, False), MAX_TICKET, "EURUSD"),
        Recorded(2, AT + timedelta(seconds=1), ACCOUNT, TerminalLost("loss 1")),
    ]
    assert await trades.find(MAX_TICKET) == trade
    assert await trades.active() == (trade,)


async def test_appending_nothing_changes_nothing(journal: Journal) -> None:
    assert await journal.append() == 0
    assert journal.head == 0


async def test_a_filter_skips_and_the_scan_moves_on(journal: Journal) -> None:
    await journal.append(*(registered(a_trade(n)) for n in range(1, 5)), lost(5))
    for wanted, sequences in (
        (EventFilter(tickets=frozenset({2, 3})), [2, 3]),
        (EventFilter(symbols=frozenset({"EURUSD"})), [1, 3]),
        (EventFilter(types=frozenset({EventType.TERMINAL_LOST})), [5]),
        (EventFilter(tickets=frozenset({2}), symbols=frozenset({"EURUSD"})), []),
    ):
        page = await journal.page(0, wanted)
        assert [event.sequence for event in page.events] == sequences
        assert page.scanned == 5


async def test_pages_from_disk_and_from_memory_are_one_sequence(journal: Journal) -> None:
    total = SHARED + 2 * PAGE + 7
    for start in range(0, total, 100):
        await journal.append(*(lost(n) for n in range(start, min(start + 100, total))))
    events = await everything(journal)
    assert [event.sequence for event in events] == list(range(1, total + 1))
    assert [event.event for event in events] == [TerminalLost(f"loss {n}") for n in range(total)]
    rare = EventFilter(tickets=frozenset({1}))
    assert (await journal.page(0, rare)).scanned == PAGE


async def test_past_the_head_there_is_nothing_yet(journal: Journal) -> None:
    await journal.append(lost(1))
    page = await journal.page(9, ANY)
    assert (page.events, page.scanned) == ((), 9)


async def test_before_the_bound_a_reader_is_told_where_events_begin(
    journal: Journal, trades: Trades
) -> None:
    await journal.append(lost(1), lost(2))
    await trades.clean(AT + timedelta(days=8))
    await journal.append(lost(3))
    assert journal.compacted_through == 2
    with pytest.raises(ResumeTokenExpired) as refused:
        await journal.page(1, ANY)
    assert refused.value.facts == {"earliest_sequence": "3"}
    assert [event.sequence for event in (await journal.page(2, ANY)).events] == [3]


async def test_growth_wakes_all_who_wait_for_it(journal: Journal) -> None:
    waiting = [asyncio.create_task(journal.grown(n)) for n in (0, 0, 0, 1)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await journal.append(lost(1))
    await asyncio.gather(*waiting[:3])
    assert not waiting[3].done()
    await journal.append(lost(2))
    await waiting[3]
    await journal.grown(1)  # it has: at once


async def test_many_append_at_once_and_no_sequence_is_missing(
    journal: Journal, trades: Trades
) -> None:
    appends = (journal.append(registered(a_trade(n)), lost(n)) for n in range(1, 201))
    lasts = await asyncio.gather(*appends)
    assert sorted(lasts) == list(range(2, 402, 2))
    events = await everything(journal)
    assert [event.sequence for event in events] == list(range(1, 401))
    for first, second in zip(events[::2], events[1::2], strict=True):
        assert second.event == TerminalLost(f"loss {first.ticket}")  # what came together stays so
    assert len(await trades.active()) == 200


async def test_of_changes_that_cannot_all_be_written_none_is(
    journal: Journal, trades: Trades
) -> None:
    await journal.append(registered(a_trade(1)))
    rival = a_trade(3, position_id=1)
    with pytest.raises(StoreFailed, match="UNIQUE"):
        await journal.append(registered(a_trade(2)), registered(rival))
    assert journal.head == 1
    assert [trade.ticket for trade in await trades.active()] == [1]
    assert await journal.append(lost(2)) == 2
    assert [event.sequence for event in await everything(journal)] == [1, 2]


@pytest.mark.parametrize("profit", [nan, inf])
async def test_facts_that_could_not_be_read_back_are_refused(
    journal: Journal, profit: float
) -> None:
    trade = a_trade(1)
    await journal.append(registered(trade))
    closed = TradeClosed(replace(CLOSING, profit=profit))
    with pytest.raises(ValueError, match="not to be kept"):
        await journal.append(change(trade, closed, AT))
    assert journal.head == 1


async def test_a_caller_that_goes_away_leaves_the_journal_whole(journal: Journal) -> None:
    tasks = [asyncio.create_task(journal.append(lost(n))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(end, asyncio.CancelledError) for end in ends) == 10
    assert await journal.append(lost(20)) == 21  # a piece that waited is written all the same
    assert len(await everything(journal)) == 21


async def test_a_store_id_tells_accounts_apart_and_their_journals_do_not_mix(
    store: SqliteStore, journal: Journal
) -> None:
    other = (await store.open_account("7@Broker-Demo")).journal
    assert other.store_id != journal.store_id
    await journal.append(lost(1))
    assert await other.append(lost(2)) == 1
    assert [event.event for event in await everything(other)] == [TerminalLost("loss 2")]


async def test_the_first_account_is_kept(store: SqliteStore) -> None:
    assert await store.first_account() is None
    await store.open_account("7@Broker-Demo")
    await store.open_account(ACCOUNT)
    assert await store.first_account() == "7@Broker-Demo"


async def test_an_account_opened_again_is_the_same_ledger(store: SqliteStore) -> None:
    first, second = await asyncio.gather(store.open_account("7@x"), store.open_account("7@x"))
    assert first is second


async def test_events_of_the_service_have_no_trade(journal: Journal) -> None:
    await journal.append(Change(AT, MonitoringStarted(3, "0.1.0")))
    [started] = await everything(journal)
    assert (started.ticket, started.symbol) == (None, None)
    assert started.type is EventType.MONITORING_STARTED
