"""The store: opens the database, hands out an account's ledger, and closes all of it."""

import asyncio
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from dtms_server.domain.errors import DatabaseUnusable, StoreFailed
from dtms_server.domain.policy import Policy
from dtms_server.ports import Ledger
from dtms_server.storage import connections, database, locks, meta, migrations
from dtms_server.storage.actions import SqliteActions
from dtms_server.storage.journal import SqliteJournal
from dtms_server.storage.notes import SqliteNotes
from dtms_server.storage.observer import NOBODY, Observer
from dtms_server.storage.reader import Reader, ReadPool
from dtms_server.storage.trades import SqliteTrades
from dtms_server.storage.writer import Writer


class SqliteStore:
    """See ports.Store. Made by `open`, on the event loop that it then belongs to."""

    def __init__(
        self,
        path: Path | None,
        policy: Policy,
        holder: str,
        observer: Observer,
        engine: Engine,
        held: ExitStack,
    ) -> None:
        """Take an engine for writing, and what is held until the end; `open` makes both."""
        self._policy = policy
        self._holder = holder
        self._observer = observer
        self._held = held
        self._engine = engine
        self._connection = engine.connect()
        self.writer = Writer(self._connection, observer)
        self._pool = None if path is None else ReadPool(connections.reading(path))
        self._reader: Reader = self._pool or self.writer
        self._in_memory = path is None
        self._ledgers: dict[str, Ledger] = {}
        self._opening = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        path: Path | None,
        policy: Policy,
        *,
        holder: str,
        migrate: bool = True,
        observer: Observer = NOBODY,
    ) -> "SqliteStore":
        """Lock, check, copy and migrate where due, and open the database at `path`; a path of None
        is a new one in memory, without locks. `holder` names this process to those it keeps out.

        Raises DatabaseHeld, DatabaseUnusable; the database is then as it was.
        """
        path, engine, held = await asyncio.to_thread(_open, path, holder, migrate)
        store = cls(path, policy, holder, observer, engine, held)
        if store._pool is not None:
            try:
                await store._pool.open()
            except StoreFailed as fault:
                await store.close()
                raise DatabaseUnusable(path=path, reason=fault.facts["reason"]) from fault
        return store

    async def first_account(self) -> str | None:
        """See ports.Store."""
        return await self._reader.read(meta.first_account)

    async def paused(self) -> bool:
        """See ports.Store."""
        return await self._reader.read(meta.paused)

    async def pause(self, paused: bool) -> None:
        """See ports.Store."""
        await self.writer.write(partial(meta.set_paused, paused=paused))

    async def open_account(self, account: str) -> Ledger:
        """See ports.Store. Asked again for an account it gives the same ledger."""
        async with self._opening:
            if account not in self._ledgers:
                with ExitStack() as claim:
                    if not self._in_memory:
                        directory = locks.state_directory()
                        claim.enter_context(locks.account_lock(directory, account, self._holder))
                    self._ledgers[account] = await self._ledger(account)
                    self._held.push(claim.pop_all())
            return self._ledgers[account]

    async def ping(self) -> None:
        """Return once the writing thread has answered: what a watchdog asks."""
        await self.writer.ping()

    async def close(self) -> None:
        """Write what waits, end the threads and the connections, and let the locks go. SQLite folds
        its log into the file when the last connection ends."""
        await self.writer.close()
        if self._pool is not None:
            await self._pool.close()
        await asyncio.to_thread(self._disconnect)
        self._held.close()

    async def _ledger(self, account: str) -> Ledger:
        store_id, head, compacted = await self.writer.write(partial(_add, account=account))
        journal = SqliteJournal(
            account, self.writer, self._reader, store_id, head, compacted, self._observer
        )
        return Ledger(
            journal,
            SqliteTrades(journal, self.writer, self._reader, self._policy),
            SqliteActions(account, self._reader),
            SqliteNotes(account, self.writer, self._reader),
        )

    def _disconnect(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _open(path: Path | None, holder: str, migrate: bool) -> tuple[Path | None, Engine, ExitStack]:
    with ExitStack() as held:
        if path is not None:
            path = database.checked_path(path)
            held.enter_context(locks.database_lock(path, holder))
            database.prepare(path, allowed=migrate)
        return path, _engine(path), held.pop_all()


def _engine(path: Path | None) -> Engine:
    engine = connections.writing(path)
    try:
        with engine.begin() as connection:
            if path is None:
                migrations.upgrade(connection)
            else:
                _require_log(path, connection)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = connections.reason_of(error)
        raise DatabaseUnusable(path=path or "in memory", reason=reason) from error
    return engine


def _require_log(path: Path, connection: Connection) -> None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode != "wal":
        raise DatabaseUnusable(path=path, reason="its file system cannot keep a write-ahead log")


def _add(connection: Connection, account: str) -> tuple[str, int, int]:
    store_id = meta.add_account(connection, account)
    head = meta.head(connection, account)
    return store_id, head, meta.compacted_through(connection, account)
