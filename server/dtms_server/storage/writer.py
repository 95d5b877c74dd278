"""The one thread that writes: whatever waits is committed as one group, with one fsync."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dtms_server.domain.errors import StoreFailed
from dtms_server.storage.connections import reason_of
from dtms_server.storage.observer import Observer

T = TypeVar("T")


class Writer:
    """Owns the writing connection. Its methods belong to the event loop that made it."""

    def __init__(self, connection: Connection, observer: Observer) -> None:
        self._connection = connection
        self._committed = observer.committed
        self._waiting: SimpleQueue[_Piece[Any] | None] = SimpleQueue()  # None: no more will come
        self._closed = False
        self._loop = asyncio.get_running_loop()
        # A daemon: a process that dies without close() must not hang on it. The disk is safe.
        self._thread = threading.Thread(target=self._run, name="dtms-writer", daemon=True)
        self._thread.start()

    async def write(
        self, work: Callable[[Connection], T], publish: Callable[[T], None] | None = None
    ) -> T:
        """Return what `work` returns, once it is on disk.

        `work` runs in the writing thread, in a savepoint of its own; where it raises, its own
        writes are undone and no others. `publish` gets the result on the event loop after the
        commit, before any caller goes on, even if the caller was cancelled: a piece that waits is
        written all the same. Raises what `work` raises, StoreFailed for a fault of the database.
        """
        if self._closed:
            raise StoreFailed(reason="it is closed")
        piece: _Piece[T] = _Piece(work, publish, self._loop.create_future())
        self._waiting.put(piece)
        return await piece.future

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads, in its turn among the writes: the reads of a database in
        memory, which has this connection only."""
        return await self.write(work)

    async def ping(self) -> None:
        """Return once the thread has taken the write lock and let it go: it is alive."""
        await self.write(lambda connection: None)

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for the thread."""
        return self._waiting.qsize()

    async def close(self) -> None:
        """Finish what waits and end the thread; the connection is then free."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group = self._gather()
            stopping = group[-1] is None
            pieces = [piece for piece in group if piece is not None]
            began = time.perf_counter()
            _commit(self._connection, pieces)
            seconds = time.perf_counter() - began
            with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(self._settle, pieces, seconds)

    def _settle(self, pieces: "list[_Piece[Any]]", seconds: float) -> None:
        for piece in pieces:
            piece.settle()
        if pieces:
            self._committed(len(pieces), seconds)

    def _gather(self) -> "list[_Piece[Any] | None]":
        group = [self._waiting.get()]
        while not self._waiting.empty():
            group.append(self._waiting.get())
        return group


class _Piece(Generic[T]):
    """One caller's work, and what became of it."""

    def __init__(
        self,
        work: Callable[[Connection], T],
        publish: Callable[[T], None] | None,
        future: asyncio.Future[T],
    ) -> None:
        self.future = future
        self.error: Exception | None = None
        self._work = work
        self._publish = publish
        self._result: T

    def attempt(self, connection: Connection) -> None:
        try:
            with connection.begin_nested():
                self._result = self._work(connection)
        except Exception as error:  # noqa: BLE001 - it is raised again where the caller waits
            self.error = _in_our_words(error)

    def settle(self) -> None:
        if self.error is None and self._publish is not None:
            self._publish(self._result)
        if self.future.done():  # the caller was cancelled
            return
        if self.error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self.error)


def _commit(connection: Connection, pieces: list[_Piece[Any]]) -> None:
    try:
        with connection.begin():
            for piece in pieces:
                piece.attempt(connection)
                _require_transaction(connection)
    except Exception as error:  # noqa: BLE001 - it is raised again where the callers wait
        _roll_back(connection)
        for piece in pieces:
            piece.error = piece.error or _in_our_words(error)


def _require_transaction(connection: Connection) -> None:
    """A full disk may make SQLite roll all back by itself. What the pieces before had written is
    then gone, and what those behind would write were transactions of their own."""
    if not _driver(connection).in_transaction:
        raise StoreFailed(reason="the transaction was rolled back")


def _roll_back(connection: Connection) -> None:
    """SQLAlchemy takes a transaction for ended whose COMMIT failed; SQLite keeps it open."""
    with suppress(sqlite3.Error):  # tried again at the next failure, which is then at BEGIN
        _driver(connection).rollback()


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _in_our_words(error: Exception) -> Exception:
    return StoreFailed(reason=reason_of(error)) if isinstance(error, SQLAlchemyError) else error
