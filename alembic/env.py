"""How a migration runs: over a connection handed in by the server, or by the `alembic` command.

The command works on the database named by `-x database=PATH`. Without one it works on a database
in memory that is brought to the newest revision first: what `check` and `revision --autogenerate`
compare the tables with.
"""

from pathlib import Path
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from dtms_server.storage import connections
from dtms_server.storage.tables import METADATA
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        render_item=render_item,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Migrations name SQLite's own types: the server's may change under them."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def replay(connection: Connection) -> None:
    migration = MigrationContext.configure(connection)
    with Operations.context(migration):
        for script in reversed(list(context.script.walk_revisions())):
            script.module.upgrade()
    migration.stamp(context.script, "heads")


def run_from_the_command() -> None:
    named = context.get_x_argument(as_dictionary=True).get("database")
    engine = connections.migrating(Path(str(named))) if named else connections.writing(None)
    with engine.begin() as connection:
        if not named:
            replay(connection)
        run(connection)
    engine.dispose()


if (handed_in := context.config.attributes.get("connection")) is not None:
    run(handed_in)
else:
    run_from_the_command()
