"""The migrations and the tables say the same, and the `alembic` command works as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

from dtms_server.storage import connections, migrations
from dtms_server.storage.tables import METADATA
from sqlalchemy import Engine, text

CHECKOUT = Path(__file__).parents[2]


def alembic(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic.config", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def schema(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL"))
        return {name: " ".join(sql.split()) for name, sql in rows}


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
