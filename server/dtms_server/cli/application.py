"""The `dtms` command: its subcommands, and what becomes of their errors."""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

import dtms_client
import typer
from typer.main import get_command

from dtms_server import __version__
from dtms_server.cli import (
    actions,
    demo,
    logs,
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
from dtms_server.cli.flags import expanding, with_settings
from dtms_server.cli.output import say
from dtms_server.demo.service import ServiceFailed
from dtms_server.domain.errors import (
    DtmsError,
    StartupFailed,
    StoreFailed,
    TerminalSilent,
    TerminalUnreachable,
)
from dtms_server.terminal.control import ControlRefused

FAILED, UNUSABLE, NOT_READY, INTERRUPTED = 1, 2, 3, 130
"""Exit statuses: a call failed; flags, configuration or database are wrong; the service was not
ready in time; Ctrl-C."""


def main() -> NoReturn:
    """Run the process's command line and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    logs.configure()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status; what went wrong is one line on stderr."""
    try:
        status = get_command(application()).main(arguments, "dtms", standalone_mode=False)
    except typer.TyperException as wrong:
        told = wrong.format_message().replace("Value error, ", "")
        return _fail(f"{told} (--help explains)", wrong.exit_code)
    except (ControlRefused, ServiceFailed, TerminalSilent, TerminalUnreachable) as failed:
        return _fail(str(failed), FAILED)
    except StartupFailed as failed:
        return _fail(failed.message, NOT_READY)
    except StoreFailed as failed:
        return _fail(failed.message, FAILED)
    except DtmsError as wrong:
        return _fail(wrong.message, UNUSABLE)
    except dtms_client.DtmsError as failed:
        return _fail(str(failed), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


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


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return status


def _never_fail_to_print(stream: object) -> None:
    # a label in Japanese must not end a command whose output's encoding lacks it
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="backslashreplace")
