"""The `sim` commands that are not trades: misfortune, money, time, and the market's mood."""

from typing import Annotated

import msgspec
import typer

from dtms_server.cli.output import AsJson, print_json, print_table, say
from dtms_server.cli.pairs import pairs
from dtms_server.cli.sim.link import Simulator
from dtms_server.terminal.simulator import faults


def fault(
    simulator: Simulator,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The fault; --list names them.")
    ] = None,
    parameters: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...")] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="End all faults, or those of the name given.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Name the faults that there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the terminal misbehave, until it is cleared.

    Example: dtms sim fault none count=3
    """
    if list_:
        _list_faults(as_json)
        return
    if not (clear or name):
        raise typer.BadParameter("give a fault's name, or --clear, or --list")
    if clear and parameters:
        raise typer.BadParameter("--clear takes a fault's name at most")
    with simulator.control() as control:
        if clear:
            control.clear(name)
        else:
            control.fault(name or "", pairs(parameters, "KEY=VALUE"))


def clock(
    simulator: Simulator,
    speed: Annotated[
        float | None, typer.Option("--speed", min=0, help="Virtual seconds a second; 0 stands.")
    ] = None,
    advance: Annotated[
        float | None, typer.Option("--advance", min=0, help="Put it forward, in seconds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the virtual clock, or set it.

    Example: dtms sim clock --speed 0 --advance 900
    """
    with simulator.control() as control:
        at, running = control.clock() if speed is None else control.speed(speed)
        if advance is not None:
            at, running = control.advance(advance)
    if as_json:
        print_json({"at": msgspec.to_builtins(at), "speed": running})
    else:
        say(f"{at:%Y-%m-%d %H:%M:%S} UTC, speed {running:g}")


def jump(
    simulator: Simulator,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="For example EURUSD.")],
    points: Annotated[
        int, typer.Argument(metavar="POINTS", help="Up; after `--` a negative one is down.")
    ],
) -> None:
    """Move a symbol's price by so many points from now on.

    Example: dtms sim jump EURUSD -- -150
    """
    with simulator.control() as control:
        control.jump(symbol, points)


def symbol(
    simulator: Simulator,
    name: Annotated[str, typer.Argument(metavar="SYMBOL", help="For example EURUSD.")],
    conditions: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...")],
) -> None:
    """Change what the broker asks of orders in a symbol, and takes for positions; a wrong key names
    those that there are.

    Example: dtms sim symbol EURUSD stops_level=20 swap_mode=points swap_long=-7.5
    """
    with simulator.control() as control:
        control.symbol(name, pairs(conditions, "KEY=VALUE"))


def account(
    simulator: Simulator,
    rules: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...")],
) -> None:
    """Change the account's rules, and from which margin level on it is called and stopped out; a
    wrong key names those that there are.

    Example: dtms sim account fifo=true stop_out_level=30
    """
    with simulator.control() as control:
        control.account(pairs(rules, "KEY=VALUE"))


def deposit(
    simulator: Simulator,
    amount: Annotated[
        float,
        typer.Argument(
            metavar="AMOUNT",
            help="In the account's currency; after `--` a negative one is withdrawn.",
        ),
    ],
) -> None:
    """Pay money into the account, or out of it.

    Example: dtms sim deposit -- -500
    """
    with simulator.control() as control:
        control.deposit(amount)


def _list_faults(as_json: bool) -> None:
    known = {
        str(kind.__struct_config__.tag): " ".join((kind.__doc__ or "").split())
        for kind in faults.KINDS
    }
    if as_json:
        print_json(known)
    else:
        print_table(("FAULT", "WHAT HAPPENS"), known.items())
