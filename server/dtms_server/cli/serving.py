"""The commands that run the service and keep its database."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from dtms_server import config
from dtms_server.cli.flags import setting_help
from dtms_server.cli.output import AsJson, print_json, say

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file; else ./dtms.toml if there."),
]


def serve(*, config_file: Config = None, **flags: Any) -> None:
    """Guard the trades of a terminal, and answer on gRPC, until Ctrl-C.

    Each flag is also DTMS_... in the environment, and a key in dtms.toml.

    Exit status: 0 drained, 1 a loop died, 2 cannot start like this, 3 not ready in time.

    Example: dtms serve --terminal simulator --database trades.db
    """
    from dtms_server import app  # here: most commands need no database and should not load one

    settings = config.load(config_file, **flags)
    asyncio.run(app.serve(settings, announce=lambda what, address: say(f"{what} {address}")))


def migrate(
    database_file: Annotated[
        str | None, typer.Option("--database", metavar="FILE", help=setting_help("database"))
    ] = None,
    config_file: Config = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this version's schema; a copy of it is made first.

    `dtms serve` does so too, but with --no-migrate.

    Example: dtms migrate --database trades.db
    """
    from dtms_server.storage import database

    # which terminal is to be guarded does not matter here, but settings without one are refused
    settings = config.load(config_file, database=database_file, terminal="simulator")
    done = database.migrate(settings.database, holder="dtms migrate")
    if as_json:
        print_json(
            {"from": done.before, "to": done.after, "copy": str(done.copy) if done.copy else None}
        )
    elif done.before == done.after:
        say(f"{settings.database} is at {done.after} already")
    else:
        copy = f"; the old one is kept as {done.copy}" if done.copy else ""
        say(f"{settings.database} migrated from {done.before or 'nothing'} to {done.after}{copy}")
