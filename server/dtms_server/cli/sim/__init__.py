"""The commands that move a simulated terminal's world."""

from collections.abc import Callable, Mapping
from typing import Final

import typer

from dtms_server.cli.output import say
from dtms_server.cli.parameters import expanding
from dtms_server.cli.sim import play, positions, world
from dtms_server.cli.sim.link import Simulator

_COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "open": positions.open_,
    "close": positions.close,
    "modify": positions.modify,
    "positions": positions.positions,
    "fault": world.fault,
    "symbol": world.symbol,
    "account": world.account,
    "deposit": world.deposit,
    "clock": world.clock,
    "jump": world.jump,
    "play": play.play,
}


def group() -> typer.Typer:
    """Build `dtms sim`."""
    app = typer.Typer(help="Move a simulated terminal's world: trades, money, faults, the clock.")
    app.callback(invoke_without_command=True)(_root)
    for name, command in _COMMANDS.items():
        app.command(name)(expanding(Simulator, command))
    return app


def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        say(context.get_help())
