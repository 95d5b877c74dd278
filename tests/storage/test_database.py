"""A database that cannot be used is refused with its reason, and left as it was."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import connect

import pytest
from dtms_server.domain.errors import DatabaseHeld, DatabaseUnusable
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Trade
from dtms_server.storage import migrations
from dtms_server.storage.database import migrate
from dtms_server.storage.store import SqliteStore
from ledgers import a_trade, registered

CHECKOUT = Path(__file__).parents[2]


async def opened(database: Path, migrate: bool = True) -> SqliteStore:
    return await SqliteStore.open(database, Policy(), holder="the test", migrate=migrate)


async def refused(database: Path, migrate: bool = True) -> str:
    with pytest.raises(DatabaseUnusable) as refusal:
        await opened(database, migrate)
    assert refusal.value.facts["path"] == str(database)
    return refusal.value.facts["reason"]


@contextmanager
def unchanged(directory: Path) -> Iterator[None]:
    before = {path: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    yield
    assert {path: path.read_bytes() for path in before} == before
    made = {path.name for path in directory.iterdir() if path.is_file()}
    # Looking at a database takes no more than these.
    assert made - {path.name for path in before} <= {"dtms.db.lock", "dtms.db-shm", "dtms.db-wal"}


async def used(database: Path, trade: Trade) -> None:
    store = await opened(database)
    ledger = await store.open_account(trade.account)
    await ledger.journal.append(registered(trade))
    await store.close()


@contextmanager
def a_newer_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upgrade: str
) -> Iterator[None]:
    """The code as it will be after one more migration."""
    scripts = tmp_path / "scripts"
    shutil.copytree(CHECKOUT / "alembic", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "9999_later.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{migrations.newest()}'\n"
        "branch_labels = depends_on = None\n"
        f"def upgrade():\n    {upgrade}\n"
    )
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "_location", lambda: scripts)
        yield


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"ticket,symbol\n7,EURUSD\n" * 50, "it is not an SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 4000, ""),
        (b"x", "it is not an SQLite database"),
    ],
)
async def test_a_file_that_is_no_database_is_refused(
    database: Path, content: bytes, reason: str
) -> None:
    database.write_bytes(content)
    with unchanged(database.parent):
        assert reason in await refused(database)


@pytest.mark.parametrize("tables", ["notes", "trades", "alembic_version"])
async def test_another_programs_database_is_refused(database: Path, tables: str) -> None:
    with closing(connect(database)) as connection:
        connection.execute(f"CREATE TABLE {tables} (version_num TEXT)")
    with unchanged(database.parent):
        assert await refused(database) == "it belongs to another program"


async def test_a_damaged_database_is_refused(
    database: Path,
) -> None:
    await used(database, a_trade(7))
    with closing(connect(database)) as connection:
        [(page, size)] = connection.execute(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema"
            " WHERE name = 'trades'"
        )
    whole = bytearray(database.read_bytes())
    whole[(page - 1) * size : page * size] = b"\x5a" * size
    database.write_bytes(whole)
    with unchanged(database.parent):
        reason = await refused(database)
        assert "damaged" in reason or "malformed" in reason


async def test_a_truncated_database_is_refused(
    database: Path,
) -> None:
    await used(database, a_trade(7))
    database.write_bytes(database.read_bytes()[:-5000])
    with unchanged(database.parent):
        assert await refused(database)


async def test_a_database_of_a_newer_version_is_refused(
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_newer_version(tmp_path, monkeypatch, "op.execute('CREATE TABLE later (id INTEGER)')"):
        await used(database, a_trade(7))
    with unchanged(database.parent):
        assert await refused(database) == "its schema 9999 is newer than this version of DTMS"


async def test_a_directory_that_is_not_there_is_named(database: Path) -> None:
    missing = database.parent / "missing"
    assert await refused(missing / "dtms.db") == f"there is no directory {missing}"
    assert not missing.exists()


async def test_a_directory_in_the_databases_place_is_refused(database: Path) -> None:
    database.mkdir()
    assert await refused(database) == "it is a directory"


async def test_a_directory_that_takes_no_files_is_refused() -> None:
    sealed = Path("/sys/kernel")  # not even the superuser writes here
    if sys.platform == "win32" or not sealed.is_dir():
        pytest.skip("no directory that nobody can write to")
    assert "takes no lock" in await refused(sealed / "dtms.db")


async def test_an_empty_file_is_a_new_database(database: Path) -> None:
    database.touch()
    await (await opened(database)).close()


async def test_a_new_database_is_whole_or_not_there(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.with_name("dtms.db.part").write_bytes(b"what a killed process left")
    with a_newer_version(tmp_path, monkeypatch, "op.execute('no such statement')"):
        assert "its migration failed" in await refused(database)
    assert not database.exists()
    await (await opened(database)).close()
    assert not database.with_name("dtms.db.part").exists()


async def test_the_log_of_a_database_that_was_removed_is_not_played_into_a_new_one(
    database: Path,
) -> None:
    store = await opened(database)
    ledger = await store.open_account(a_trade(7).account)
    await ledger.journal.append(registered(a_trade(7)))
    log = database.with_name("dtms.db-wal").read_bytes()
    await store.close()
    database.unlink()
    database.with_name("dtms.db-wal").write_bytes(log)
    store = await opened(database)
    ledger = await store.open_account(a_trade(7).account)
    assert await ledger.trades.active() == ()
    await store.close()


async def test_without_migrations_a_new_database_is_refused_and_not_made(database: Path) -> None:
    assert await refused(database, migrate=False) == "there is none yet: run `dtms migrate`"
    assert not database.exists()
    assert migrate(database, "the test").before is None
    await (await opened(database, migrate=False)).close()


async def test_a_migration_copies_the_database_first(
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = migrations.newest()
    await used(database, a_trade(7))
    with a_newer_version(tmp_path, monkeypatch, "op.execute('CREATE TABLE later (id INTEGER)')"):
        with unchanged(database.parent):
            due = f"its schema is {now}, not 9999: run `dtms migrate`"
            assert await refused(database, migrate=False) == due
        done = migrate(database, "the test")
        assert (done.before, done.after) == (now, "9999")
        assert done.copy == database.with_name(f"dtms.db.{now}.bak")
        assert migrate(database, "the test").copy is None
        store = await opened(database, migrate=False)
        ledger = await store.open_account(a_trade(7).account)
        assert await ledger.trades.active() == (a_trade(7),)
        await store.close()
    old = await opened(done.copy)  # the copy is whole: the older version goes on with it
    ledger = await old.open_account(a_trade(7).account)
    assert await ledger.trades.active() == (a_trade(7),)
    await old.close()


async def test_a_migration_that_fails_halfway_leaves_the_database_as_it_was(
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await used(database, a_trade(7))
    before = contents(database)
    halfway = "op.drop_table('meta'); op.execute('no such statement')"
    with a_newer_version(tmp_path, monkeypatch, halfway):
        assert "its migration failed" in await refused(database)
    assert contents(database) == before
    await (await opened(database)).close()


def contents(database: Path) -> list[str]:
    with closing(connect(database)) as connection:
        return list(connection.iterdump())


async def test_migrating_a_database_in_use_is_refused(database: Path) -> None:
    store = await opened(database)
    with pytest.raises(DatabaseHeld, match="the test"):
        migrate(database, "another")
    await store.close()
