"""The `sim` command that lets a scenario happen."""

from typing import Annotated

import typer

from dtms_server.cli.output import AsJson
from dtms_server.cli.scenarios import list_scenarios, read_scenario
from dtms_server.cli.sim.link import Simulator


def play(
    simulator: Simulator,
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="FILE|NAME", help="A file, or one of the library; --list names it."),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the one that is played; its faults stay.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Name the scenarios of the library.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play a scenario from now on, in place of the one that is played.

    Example: dtms sim play connection-flapping
    """
    if list_:
        list_scenarios(as_json)
        return
    if stop is (scenario is not None):
        raise typer.BadParameter("give a scenario, or --stop, or --list")
    text = None if scenario is None else read_scenario(scenario, "FILE|NAME")
    with simulator.control() as control:
        if scenario is None or text is None:
            control.stop_playing()
        else:
            control.play(scenario, text)
