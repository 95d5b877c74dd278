"""The database file before it is opened: what it is, whether it is sound, and its migration."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from dtms_server.domain.errors import DatabaseUnusable
from dtms_server.storage import connections, locks, migrations

VERSION_TABLE: Final = "alembic_version"
SIGNATURE: Final = b"SQLite format 3\0"
OURS: Final = {"trades", "events", "meta"}


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which revision (None: a new database) to which, and the copy made before, if any."""

    before: str | None
    after: str
    copy: Path | None


def migrate(path: Path, holder: str) -> Migrated:
    """Bring the database at `path` to the newest revision, under its lock, and return what was
    done; `before == after` where there was nothing to do.

    Raises DatabaseHeld, DatabaseUnusable.
    """
    path = checked_path(path)
    with locks.database_lock(path, holder):
        return prepare(path, allowed=True)


def checked_path(path: Path) -> Path:
    """Return the path in its one true spelling. Raises DatabaseUnusable for one in no directory,
    or of a directory."""
    try:
        path = path.resolve()
        if not path.parent.is_dir():
            raise DatabaseUnusable(path=path, reason=f"there is no directory {path.parent}")
        if path.is_dir():
            raise DatabaseUnusable(path=path, reason="it is a directory")
    except (OSError, RuntimeError) as error:  # a loop of links is either, by Python's version
        raise DatabaseUnusable(path=path, reason=str(error)) from error
    return path


def prepare(path: Path, allowed: bool) -> Migrated:
    """Check the file, copy it where a migration is due, and migrate it; its lock must be held.

    Raises DatabaseUnusable, and leaves the file as it was, where it is not ours, damaged, newer
    than the code, cannot be written, or a migration is due and not allowed.
    """
    before, after = _revision(path), migrations.newest()
    _require_writable(path)
    if before == after:
        return Migrated(before, after, None)
    if not allowed:
        due = "there is none yet" if before is None else f"its schema is {before}, not {after}"
        raise DatabaseUnusable(path=path, reason=f"{due}: run `dtms migrate`")
    if before is None:
        _create(path)
        return Migrated(None, after, None)
    copy = _copy(path, before)
    _migrate(path, path)
    return Migrated(before, after, copy)


def _revision(path: Path) -> str | None:
    """The file's revision; None for one that is not there, or empty."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    refuse = _refusal(path)
    try:
        with path.open("rb") as start:
            if start.read(len(SIGNATURE)) != SIGNATURE:  # SQLite takes a very short file for empty
                raise refuse("it is not an SQLite database")
        # Read only, so that a stranger's file is not touched in any way.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            tables = {name for (name,) in file.execute("SELECT name FROM sqlite_schema")}
            if not tables:
                return None
            if VERSION_TABLE not in tables or not tables >= OURS:
                raise refuse("it belongs to another program")
            damage = file.execute("PRAGMA quick_check(1)").fetchone()[0]
            revisions = [revision for (revision,) in file.execute("SELECT * FROM alembic_version")]
    except (sqlite3.DatabaseError, OSError) as error:
        raise refuse(str(error)) from error
    if damage != "ok":
        raise refuse(f"it is damaged: {damage}")
    if len(revisions) != 1 or not migrations.is_known(revisions[0]):
        raise refuse(f"its schema {', '.join(revisions)} is newer than this version of DTMS")
    return str(revisions[0])


def _require_writable(path: Path) -> None:
    if path.exists() and not os.access(path, os.W_OK):
        raise DatabaseUnusable(path=path, reason="it cannot be written")


def _copy(path: Path, revision: str) -> Path:
    """Copy the database, with what its write-ahead log holds, to NAME.REVISION.bak."""
    copy = path.with_name(f"{path.name}.{revision}.bak")
    unfinished = path.with_name(f"{copy.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(path)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
        unfinished.replace(copy)  # a copy of an attempt that failed is older than this one
    except (sqlite3.Error, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise DatabaseUnusable(
            path=path, reason=f"no copy could be made before its migration: {error}"
        ) from error
    return copy


def _create(path: Path) -> None:
    """Make a new database under another name first, so that none is ever found half made."""
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        _migrate(unfinished, path)
        for remains in ("-wal", "-shm", "-journal"):  # of one that was here: not to be played back
            path.with_name(path.name + remains).unlink(missing_ok=True)
        unfinished.replace(path)
    except OSError as error:
        raise DatabaseUnusable(path=path, reason=f"it cannot be made: {error}") from error


def _migrate(file: Path, path: Path) -> None:
    """Migrate `file`, which is the database at `path` or about to be."""
    engine = connections.migrating(file)
    try:
        with engine.begin() as connection:  # one transaction: all of the way or none of it
            migrations.upgrade(connection)
    except (SQLAlchemyError, CommandError) as error:
        raise DatabaseUnusable(
            path=path, reason=f"its migration failed: {connections.reason_of(error)}"
        ) from error
    finally:
        engine.dispose()


def _refusal(path: Path) -> Callable[[str], DatabaseUnusable]:
    return lambda reason: DatabaseUnusable(path=path, reason=reason)
