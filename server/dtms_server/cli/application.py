"""The `dtms` command: its subcommands."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.main import get_command

from dtms_server import __version__
from dtms_server.cli import (
    actions,
    demo,
    health,
    policy,
    rails,
    replay,
    serving,
    sim,
    status,
    switch,
    terminal,
    trades,
    watch,
)
from dtms_server.cli.connection import Connection
from dtms_server.cli.ending import Tell, ended
from dtms_server.cli.flags import with_settings
from dtms_server.cli.output import say
from dtms_server.cli.parameters import expanding


def run(arguments: Sequence[str], tell: Tell | None = None) -> int:
    """Run a command line and return its exit status; see `ended`."""
    return ended(get_command(application()), arguments, tell)


def application() -> typer.Typer:
    """Build the command with all its subcommands."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    app.command("serve")(with_settings(serving.serve))
    app.command("terminal")(terminal.terminal)
    app.command("migrate")(serving.migrate)
    app.command("policy")(policy.policy)
    app.command("replay")(replay.replay)
    for name, command in _CALLS.items():
        app.command(name)(expanding(Connection, command))
    app.add_typer(sim.group(), name="sim")
    app.command("demo", hidden=True)(demo.demo)
    return app


_CALLS: dict[str, Callable[..., None]] = {
    "status": status.status,
    "health": health.health,
    "trades": trades.trades,
    "watch": watch.watch,
    "actions": actions.actions,
    "rails": rails.rails,
    "register": trades.register,
    "release": trades.release,
    "pause": switch.pause,
    "resume": switch.resume,
}


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """DTMS guards positions that bots have opened in MetaTrader 5.

    Example: dtms serve --terminal simulator
    """
    if version:
        say(f"dtms {__version__}")
    elif context.invoked_subcommand is None:
        say(context.get_help())
