"""Scenarios on the command line: the library's by name, others from files."""

import typer

from dtms_server.cli.output import print_json, print_table
from dtms_server.terminal.simulator import library


def read_scenario(name_or_file: str, parameter: str) -> str:
    """Return a scenario as TOML; BadParameter, of that parameter, with all that is wrong."""
    try:
        library.find(name_or_file)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint=parameter) from None
    return library.text_of(name_or_file)


def list_scenarios(as_json: bool = False) -> None:
    """Print the library's names, and what each is."""
    known = {name: library.load(name).what for name in library.names()}
    if as_json:
        print_json(known)
    else:
        print_table(("SCENARIO", "WHAT HAPPENS"), known.items())
