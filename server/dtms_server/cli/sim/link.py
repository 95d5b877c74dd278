"""How the `sim` commands reach a simulated terminal."""

from dataclasses import dataclass
from typing import Annotated

import typer

from dtms_server.config import Settings
from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.keys import terminal_key
from dtms_server.terminal.options import parse_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """The flag that every such command has."""

    terminal: Annotated[
        str,
        typer.Option(
            "--terminal",
            envvar="DTMS_SIM_LISTEN",  # where `dtms serve` offers it
            metavar="HOST:PORT",
            help="The simulated terminal.",
        ),
    ] = Settings.model_fields["sim_listen"].default

    def control(self) -> SimulatorControl:
        """Connect to it; raises BadParameter for what is no address."""
        try:
            parse_address(self.terminal)
        except ValueError as wrong:
            raise typer.BadParameter(str(wrong), param_hint="--terminal") from None
        return SimulatorControl(self.terminal, terminal_key())
