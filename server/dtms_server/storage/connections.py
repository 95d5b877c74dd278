"""The connections to SQLite and their pragmas: one that writes, several that read."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool

BUSY_SECONDS: Final = 5.0
"""How long to wait for a lock that a stranger holds, such as a backup program."""
READERS: Final = 4
"""Reads at a time; the others wait their turn."""

DURABLE: Final = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA fullfsync = ON")
GUARDED: Final = ("PRAGMA foreign_keys = ON",)
READ_ONLY: Final = ("PRAGMA query_only = ON",)


def writing(path: Path | None) -> Engine:
    """Return the engine of the one connection that writes; a path of None is a database in
    memory. Each transaction takes the write lock at its start."""
    return _engine(path, "BEGIN IMMEDIATE", DURABLE + GUARDED, connections=1)


def migrating(path: Path) -> Engine:
    """Return the engine for migrations: foreign keys are off, since a table that is built anew is
    dropped in between."""
    return _engine(path, "BEGIN IMMEDIATE", DURABLE, connections=1)


def reading(path: Path) -> Engine:
    """Return the engine of the connections that read; each transaction sees one state."""
    return _engine(path, "BEGIN", READ_ONLY, connections=READERS)


def reason_of(error: Exception) -> str:
    """Return the database's own words for a fault, on one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(cause).split())


def _engine(path: Path | None, begin: str, pragmas: tuple[str, ...], connections: int) -> Engine:
    creator = _connector(path, pragmas)
    if connections == 1:
        engine = create_engine("sqlite://", creator=creator, poolclass=StaticPool)
    else:
        engine = create_engine(
            "sqlite://", creator=creator, poolclass=QueuePool, pool_size=connections, max_overflow=0
        )

    @event.listens_for(engine, "begin")
    def begin_explicitly(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _connector(path: Path | None, pragmas: tuple[str, ...]) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path or ":memory:",
            timeout=BUSY_SECONDS,
            isolation_level=None,  # transactions begin where we say, not where the driver guesses
            check_same_thread=False,  # opened by one thread, used by another, never by two at once
        )
        try:
            for pragma in pragmas:
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    return connect
