"""The connections that read: all are there from the start, and no more are ever opened."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from dtms_server.domain.errors import DatabaseUnusable, StoreFailed
from dtms_server.domain.policy import Policy
from dtms_server.storage import connections
from dtms_server.storage.connections import READERS
from dtms_server.storage.reader import ReadPool
from dtms_server.storage.store import SqliteStore
from sqlalchemy import Connection

PATIENCE_SECONDS = 30.0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told by /proc")
async def test_reads_that_coincide_open_no_more_files(store: SqliteStore, database: Path) -> None:
    before = _open_files(database)
    pool = ReadPool(connections.reading(database))
    await pool.open()
    opened = _open_files(database)
    together = threading.Barrier(READERS)

    def read(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT count(*) FROM events")
        together.wait(PATIENCE_SECONDS)

    await asyncio.gather(*(pool.read(read) for _ in range(READERS)))
    assert _open_files(database) == opened
    assert opened - before == 2 * READERS  # the database and its log
    await pool.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told by /proc")
async def test_an_open_store_has_all_its_readers(store: SqliteStore, database: Path) -> None:
    assert _open_files(database) >= 2 * (READERS + 1)  # and the one that writes


async def test_readers_that_cannot_be_opened_are_told(tmp_path: Path) -> None:
    pool = ReadPool(connections.reading(tmp_path / "absent" / "dtms.db"))
    with pytest.raises(StoreFailed):
        await pool.open()
    await pool.close()


async def test_a_store_without_readers_is_not_opened(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(pool: ReadPool) -> None:
        raise StoreFailed(reason="no more files")

    monkeypatch.setattr(ReadPool, "open", fail)
    with pytest.raises(DatabaseUnusable, match="no more files"):
        await SqliteStore.open(database, Policy(), holder="a test")
    monkeypatch.undo()
    store = await SqliteStore.open(database, Policy(), holder="a test")  # its lock is free again
    await store.close()


def _open_files(database: Path) -> int:
    """Count the descriptors of this process that lead to the database or to its log."""
    held = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            leads_to = os.readlink(descriptor)
        except OSError:  # that of the listing itself
            continue
        held += leads_to in (str(database), f"{database}-wal")
    return held
