"""The migrations and the tables say the same, lose nothing, and the `alembic` command works."""

import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import IntegrityError, connect

import pytest
from dtms_server.domain.events import (
    ChangeCause,
    TradeChanged,
    TradeClosed,
    TradeRegistered,
    TradeReleased,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Defence, State
from dtms_server.storage import connections, migrations
from dtms_server.storage.store import SqliteStore
from dtms_server.storage.tables import METADATA
from ledgers import ACCOUNT, ALL, CLOSING, a_trade, everything
from sqlalchemy import Engine, text

CHECKOUT = Path(__file__).parents[2]
OLD = Path(__file__).with_name("written_by_0001.sql")
"""What the server wrote to a database when 0001 was its newest revision: three trades registered,
one then changed, one closed, one released."""


def alembic(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic.config", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def schema(engine: Engine) -> dict[str, tuple[list[str], set[str]]]:
    """By table and index: its lines in order, and its constraints, whose order says nothing."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL"))
        return {name: parted(sql.replace('"', "").splitlines()) for name, sql in rows}


def parted(lines: list[str]) -> tuple[list[str], set[str]]:
    tidy = [line.strip(" \t,") for line in lines]
    constraints = {line for line in tidy if line.startswith("CONSTRAINT")}
    return [line for line in tidy if line and line not in constraints], constraints


@pytest.fixture
def old_database(database: Path) -> Path:
    """A database as it was before the trades had a defence."""
    engine = connections.migrating(database)
    with engine.begin() as connection:
        migrations.upgrade(connection, "0001")
    engine.dispose()
    with closing(connect(database)) as raw:
        raw.executescript(OLD.read_text())
    return database


def test_the_migrated_schema_is_the_tables_to_the_letter() -> None:
    migrated, made = connections.writing(None), connections.writing(None)
    with migrated.begin() as connection:
        migrations.upgrade(connection)
    with made.begin() as connection:
        METADATA.create_all(connection)
    found = schema(migrated)
    assert found.pop("alembic_version")
    assert found == schema(made)
    migrated.dispose()
    made.dispose()


def test_alembic_check_is_clean() -> None:
    done = alembic(CHECKOUT, "check")
    assert done.returncode == 0, done.stderr
    assert "No new upgrade operations" in done.stdout


def test_a_new_migration_is_written_from_the_tables(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    shutil.copytree(CHECKOUT / "alembic", tmp_path / "alembic")
    first = tmp_path / "alembic" / "versions" / "0001_first_tables.py"
    before = 'sa.Column("initial_stop_loss", sa.REAL()),'
    less = first.read_text().replace(before, "").replace('"events_ticket"', '"events_old"')
    first.write_text(less)
    done = alembic(tmp_path, "revision", "--autogenerate", "-m", "first stop")
    assert done.returncode == 0, done.stderr
    [made] = (tmp_path / "alembic" / "versions").glob("*_first_stop.py")
    script = made.read_text()
    assert "add_column(sa.Column('initial_stop_loss', sa.REAL(), nullable=True))" in script
    assert "drop_index(batch_op.f('events_old'))" in script
    assert "dtms_server" not in script
    shown = alembic(tmp_path, "history")
    assert "first stop" in shown.stdout


def test_every_revision_is_known_and_no_other() -> None:
    assert migrations.is_known(migrations.newest())
    assert not migrations.is_known("9999")


async def test_a_database_of_the_first_revision_is_read_on(old_database: Path) -> None:
    store = await SqliteStore.open(old_database, Policy(), holder="the test")
    ledger = await store.open_account(ACCOUNT)
    kept = {trade.ticket: trade for trade in (await ledger.trades.page(ALL, 0, 10)).trades}
    first, second, third = a_trade(1), a_trade(2), a_trade(3)
    terms = replace(second.terms, stop_loss=1.095, labels={})
    assert kept == {
        1: replace(first, state=State.CLOSED, closing=CLOSING),
        2: replace(second, terms=terms),
        3: replace(third, state=State.RELEASED),
    }
    assert [event.event for event in await everything(ledger.journal)] == [
        TradeRegistered(first, False),
        TradeRegistered(second, False),
        TradeRegistered(third, False),
        TradeChanged(ChangeCause.OUTSIDE, second.terms, terms),
        TradeClosed(CLOSING),
        TradeReleased(),
    ]
    assert all(trade.defence == Defence() for trade in kept.values())
    assert await ledger.actions.unsettled() == ()
    assert not await store.paused()
    await store.close()


@pytest.mark.parametrize("column", ["ticket", "position_id", "volume_lots", "opened_at"])
def test_half_a_hedge_is_refused_in_a_database_that_was_migrated(
    old_database: Path, column: str
) -> None:
    engine = connections.migrating(old_database)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    with closing(connect(old_database)) as raw, pytest.raises(IntegrityError, match="trades_hedge"):
        raw.execute(f"UPDATE trades SET hedge_{column} = 1 WHERE ticket = 2")


def test_a_migrated_database_is_as_strict_as_a_new_one(old_database: Path) -> None:
    engine = connections.migrating(old_database)
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    with closing(connect(old_database)) as raw:
        listed = raw.execute("SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main'")
        kinds = {name: (without_rowid, strict) for name, without_rowid, strict in listed}
    assert {name for name, kind in kinds.items() if kind == (1, 1)} == set(METADATA.tables)
