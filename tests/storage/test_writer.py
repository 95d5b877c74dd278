"""The writing thread: durable, in groups, and no failure spreads further than it must."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import connect

import pytest
from dtms_server.domain.errors import StoreFailed
from dtms_server.domain.events import TerminalLost
from dtms_server.domain.policy import Policy
from dtms_server.ports import EventFilter, Journal, Ledger
from dtms_server.storage import connections
from dtms_server.storage.observer import Observer
from dtms_server.storage.store import SqliteStore
from dtms_server.storage.writer import Writer
from ledgers import lost
from sqlalchemy import Connection, Engine, event, text


async def reasons(journal: Journal) -> list[str]:
    page = await journal.page(0, EventFilter())
    assert [one.sequence for one in page.events] == list(range(1, len(page.events) + 1))
    return [one.event.reason for one in page.events if isinstance(one.event, TerminalLost)]


def trap(database: Path, raised: str) -> None:
    """Make the database itself refuse the event "loss 13", in the way that `raised` says."""
    connection = connect(database)
    connection.execute(
        "CREATE TRIGGER trap AFTER INSERT ON events WHEN new.payload LIKE '%loss 13%'"
        f" BEGIN SELECT RAISE({raised}, 'the trap'); END"
    )
    connection.close()


async def grouped(
    writer: Writer, journal: Journal, numbers: list[int]
) -> list[int | BaseException]:
    """Append each number while the thread is held, so that all of them are one group."""
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        entered.set()
        go_on.wait(60)

    holding = asyncio.create_task(writer.write(hold))
    await asyncio.to_thread(entered.wait)
    appends = [asyncio.create_task(journal.append(lost(n))) for n in numbers]
    await asyncio.sleep(0)  # each has put its piece
    go_on.set()
    await holding
    return await asyncio.gather(*appends, return_exceptions=True)


@contextmanager
def commits(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_: Connection) -> None:
        seen.append("commit")

    event.listen(engine, "commit", note)
    yield seen
    event.remove(engine, "commit", note)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
async def test_the_writing_connection_is_durable(
    store: SqliteStore, pragma: str, value: int | str
) -> None:
    read = await store.writer.write(lambda on: on.execute(text(f"PRAGMA {pragma}")).scalar())
    assert read == value


async def test_what_waits_is_committed_as_one_group(store: SqliteStore, ledger: Ledger) -> None:
    engine = await store.writer.write(lambda connection: connection.engine)
    with commits(engine) as seen:
        results = await grouped(store.writer, ledger.journal, list(range(200)))
    assert results == list(range(1, 201))
    assert len(seen) == 2  # the one that held the thread, and the group


async def test_a_piece_that_fails_takes_no_other_along(
    store: SqliteStore, ledger: Ledger, database: Path
) -> None:
    trap(database, "ABORT")
    results = await grouped(store.writer, ledger.journal, [11, 12, 13, 14])
    assert [type(one) for one in results] == [int, int, StoreFailed, int]
    assert await reasons(ledger.journal) == ["loss 11", "loss 12", "loss 14"]


async def test_a_transaction_that_sqlite_rolls_back_fails_the_whole_group(
    store: SqliteStore, ledger: Ledger, database: Path
) -> None:
    trap(database, "ROLLBACK")
    results = await grouped(store.writer, ledger.journal, [11, 12, 13, 14])
    assert [type(one) for one in results] == [StoreFailed] * 4
    assert ledger.journal.head == 0
    assert await reasons(ledger.journal) == []
    assert await ledger.journal.append(lost(1)) == 1  # no sequence is burnt


async def test_a_commit_that_fails_fails_all_and_publishes_nothing(
    store: SqliteStore, ledger: Ledger, database: Path
) -> None:
    connection = connect(database)
    connection.executescript(
        "CREATE TABLE nobody (id INTEGER PRIMARY KEY);"
        "CREATE TABLE debt (id INTEGER REFERENCES nobody DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TRIGGER owe AFTER INSERT ON events WHEN new.payload LIKE '%loss 13%'"
        " BEGIN INSERT INTO debt VALUES (1); END;"
    )
    connection.close()
    results = await grouped(store.writer, ledger.journal, [11, 12, 13])
    refusal = "The database failed: FOREIGN KEY constraint failed"
    assert [str(one) for one in results] == [refusal] * 3
    assert ledger.journal.head == 0
    assert await ledger.journal.append(lost(1)) == 1
    assert await reasons(ledger.journal) == ["loss 1"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size to set")
async def test_a_full_disk_fails_the_append_and_once_there_is_room_the_next_succeeds(
    store: SqliteStore, ledger: Ledger, database: Path
) -> None:
    import resource

    await ledger.journal.append(lost(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = database.with_name("dtms.db-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))
    try:
        with pytest.raises(StoreFailed):
            await ledger.journal.append(lost(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ledger.journal.head == 1
    assert await ledger.journal.append(lost(3)) == 2
    assert await reasons(ledger.journal) == ["loss 1", "loss 3"]


async def test_a_stranger_who_holds_the_write_lock_fails_the_append_in_time(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.01)
    store = await SqliteStore.open(database, Policy(), holder="the test")
    journal = (await store.open_account("1@x")).journal
    stranger = connect(database, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="locked"):
        await journal.append(lost(1))
    with pytest.raises(StoreFailed, match="locked"):
        await store.ping()
    stranger.close()
    assert await journal.append(lost(1)) == 1
    await store.close()


async def test_nothing_is_published_before_it_is_committed(
    store: SqliteStore, ledger: Ledger, database: Path
) -> None:
    seen: list[int] = []

    async def watch() -> None:
        await ledger.journal.grown(0)
        connection = connect(database)
        seen.extend(connection.execute("SELECT max(sequence) FROM events").fetchone())
        connection.close()

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await ledger.journal.append(lost(1))
    await watching
    assert seen == [1]


async def test_a_bug_in_a_piece_reaches_its_caller_and_no_other(store: SqliteStore) -> None:
    with pytest.raises(ZeroDivisionError):
        await store.writer.write(lambda connection: 1 // 0)
    await store.ping()


async def test_an_observer_that_raises_keeps_nobody_waiting(database: Path) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    faults: list[BaseException | None] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, fault: faults.append(fault.get("exception")))
    store = await SqliteStore.open(
        database, Policy(), holder="the test", observer=Observer(fails, fails)
    )
    journal = (await store.open_account("1@x")).journal
    assert await grouped(store.writer, journal, [1, 2, 3]) == [1, 2, 3]
    await store.close()
    assert {type(fault) for fault in faults} == {ZeroDivisionError}


async def test_a_ping_waits_for_the_thread(store: SqliteStore) -> None:
    go_on = threading.Event()
    holding = asyncio.create_task(store.writer.write(lambda connection: go_on.wait(60)))
    ping = asyncio.create_task(store.ping())
    done, _ = await asyncio.wait([ping], timeout=0.05)
    assert not done
    go_on.set()
    await asyncio.gather(holding, ping)


async def test_closing_finishes_what_waits_and_then_refuses(database: Path) -> None:
    store = await SqliteStore.open(database, Policy(), holder="the test")
    journal = (await store.open_account("1@x")).journal
    appends = [asyncio.create_task(journal.append(lost(n))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*appends)) == list(range(1, 51))
    with pytest.raises(StoreFailed, match="closed"):
        await journal.append(lost(51))
    with pytest.raises(StoreFailed, match="closed"):
        await store.first_account()
    assert sorted(path.name for path in database.parent.glob("dtms.db*")) == [
        "dtms.db",
        "dtms.db.lock",
    ]
    await store.close()  # again is no harm


async def test_a_store_opened_again_goes_on_where_it_was(database: Path) -> None:
    heads = []
    for _ in range(3):
        store = await SqliteStore.open(database, Policy(), holder="the test")
        ledger = await store.open_account("1@x")
        heads.append((ledger.journal.store_id, await ledger.journal.append(lost(1))))
        await store.close()
    assert heads == [(heads[0][0], 1), (heads[0][0], 2), (heads[0][0], 3)]
