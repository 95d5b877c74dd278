"""The command that serves a terminal to a service in another process, or on another machine."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dtms_server.cli.flags import setting_help
from dtms_server.cli.output import say
from dtms_server.cli.scenarios import list_scenarios, read_scenario
from dtms_server.config import Settings
from dtms_server.terminal.keys import terminal_key
from dtms_server.terminal.options import FIRST_TICKET, HostOptions
from dtms_server.terminal.supervisor import supervise


class Module(StrEnum):
    """The API modules that a terminal host can load."""

    SIMULATOR = "simulator"
    METATRADER5 = "metatrader5"


class AccountMode(StrEnum):
    """How the simulated account keeps positions."""

    HEDGING = "hedging"
    NETTING = "netting"


def terminal(
    module: Annotated[Module, typer.Option("--module", help="What to serve.")],
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where; port 0 is any free one.")
    ] = Settings.model_fields["sim_listen"].default,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Listen beyond loopback all the same.")
    ] = False,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="FILE", help=setting_help("replay"))
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help=setting_help("symbol"))] = None,
    speed: Annotated[float | None, typer.Option("--speed", help=setting_help("speed"))] = None,
    seed: Annotated[int | None, typer.Option("--seed", help=setting_help("seed"))] = None,
    sim_state: Annotated[
        Path | None,
        typer.Option("--sim-state", metavar="FILE", help="Simulator: file that keeps its world."),
    ] = None,
    server_offset: Annotated[
        str, typer.Option("--server-offset", help=setting_help("server_offset"))
    ] = Settings.model_fields["server_offset"].default,
    min_spread: Annotated[
        int, typer.Option("--min-spread", help=setting_help("min_spread"))
    ] = Settings.model_fields["min_spread"].default,
    account: Annotated[
        AccountMode, typer.Option("--account", help="Simulator: how it keeps positions.")
    ] = AccountMode.HEDGING,
    login: Annotated[
        int | None, typer.Option("--login", min=1, help="Simulator: the account's number.")
    ] = None,
    first_ticket: Annotated[
        int,
        typer.Option(
            "--first-ticket",
            min=1,
            max=2**62 - 1,
            help="Simulator: ticket of the first order in a new world.",
        ),
    ] = FIRST_TICKET,
    faults: Annotated[
        str | None,
        typer.Option(
            "--faults",
            metavar="FILE|NAME",
            help="Simulator: a scenario to play, a file or one of the library; list names those.",
        ),
    ] = None,
) -> None:
    """Serve a terminal to `dtms serve --terminal HOST:PORT`, until Ctrl-C.

    It outlives the service, as a real terminal does; one that hangs is ended and started again.

    Example: dtms terminal --module simulator --speed 60 --faults vps-reboot
    """
    if faults == "list":
        list_scenarios()
        return
    if faults is not None:
        if module is not Module.SIMULATOR:
            raise typer.BadParameter("only the simulator plays scenarios", param_hint="--faults")
        read_scenario(faults, "--faults")
    options = HostOptions(
        module=module.value,
        listen=(listen,),
        allow_remote=allow_remote,
        replay=replay,
        symbol=symbol,
        speed=speed,
        seed=seed,
        sim_state=None if sim_state is None else str(sim_state),
        server_offset=server_offset,
        min_spread=min_spread,
        account=account.value,
        login=login,
        first_ticket=first_ticket,
        faults=faults,
    )
    status = supervise(
        options,
        terminal_key(),
        announce=lambda address: say(f"listening {address}"),
        warn=lambda line: typer.echo(line, err=True),
    )
    raise typer.Exit(status)
