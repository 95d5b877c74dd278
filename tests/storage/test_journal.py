"""What of the journal lies in memory, and what it says when the disk lies."""

import asyncio
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from sqlite3 import connect

import pytest
from dtms_server.domain.errors import ResumeTokenExpired, StoreFailed
from dtms_server.domain.events import TerminalLost
from dtms_server.domain.policy import Policy
from dtms_server.ports import EventFilter, Ledger, TradeFilter
from dtms_server.storage import retention
from dtms_server.storage.journal import PAGE, SHARED
from dtms_server.storage.store import SqliteStore
from ledgers import lost

LOSSES = [lost(n) for n in range(SHARED + 1)]


def delete_events(database: Path, condition: str) -> None:
    with closing(connect(database)) as connection:
        connection.execute(f"DELETE FROM events WHERE {condition}")
        connection.commit()


async def test_the_newest_events_are_read_without_the_disk(ledger: Ledger, database: Path) -> None:
    await ledger.journal.append(*LOSSES)
    delete_events(database, "true")
    page = await ledger.journal.page(1, EventFilter())
    assert [event.sequence for event in page.events] == list(range(2, PAGE + 2))
    newest = await ledger.journal.page(SHARED, EventFilter())
    assert [event.event for event in newest.events] == [TerminalLost(f"loss {SHARED}")]


@pytest.mark.parametrize("gone", ["true", "sequence = 1", "sequence = 100", "sequence > 100"])
async def test_a_hole_on_disk_is_told_and_never_skipped(
    ledger: Ledger, database: Path, gone: str
) -> None:
    await ledger.journal.append(*LOSSES)
    delete_events(database, gone)
    with pytest.raises(StoreFailed, match="hole after 0"):
        await ledger.journal.page(0, EventFilter())


async def test_a_bound_that_moved_on_disk_a_moment_ago_is_seen(
    store: SqliteStore, ledger: Ledger
) -> None:
    await ledger.journal.append(*LOSSES)
    later = LOSSES[0].at + timedelta(days=8)
    clean = partial(retention.clean, account=ledger.journal.account, now=later, policy=Policy())
    await store.writer.write(clean)  # and the journal is not told
    with pytest.raises(ResumeTokenExpired):
        await ledger.journal.page(0, EventFilter())


async def test_a_list_is_not_told_before_the_journal_has_its_head(
    ledger: Ledger, database: Path
) -> None:
    with closing(connect(database)) as connection:  # as if the loop had yet to hear of a commit
        account = ledger.journal.account
        connection.execute("INSERT INTO events VALUES (?, 1, 0, NULL, NULL, 'X', '')", [account])
        connection.commit()
    listing = asyncio.create_task(ledger.trades.page(TradeFilter(), 0, 10))
    done, _ = await asyncio.wait([listing], timeout=0.1)
    assert not done
    await ledger.journal.append(LOSSES[0])
    assert (await listing).head == 1
