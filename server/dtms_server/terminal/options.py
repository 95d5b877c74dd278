"""The terminal host's options: as values, and as the command line that carries them to it."""

import argparse
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

MODULES: Final = ("simulator", "metatrader5")
FIRST_TICKET: Final = 50_000_001
"""The ticket of the first order in a new simulated world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What a terminal host is started with. From `replay` to `first_ticket` they shape the
    simulated terminal, but `server_offset`, which holds for any until fresh ticks tell better."""

    module: str
    listen: tuple[str, ...] = ()
    """HOST:PORT each; port 0 is any free one."""
    pipe: str | None = None
    """A local address for the server that started this host."""
    allow_remote: bool = False
    replay: str | None = None
    symbol: str | None = None
    speed: float | None = None
    seed: int | None = None
    sim_state: str | None = None
    server_offset: str = "EET"
    min_spread: int = 1
    account: str = "hedging"
    login: int | None = None
    first_ticket: int = FIRST_TICKET
    faults: str | None = None
    """A scenario of the simulator's library, or a file."""
    supervised: bool = False
    ends_with_link: bool = False
    silence: float = 30.0
    """After so many seconds without a request a server loses its role."""

    def arguments(self) -> list[str]:
        """Return the command line that `parse` reads as these options."""
        return [
            word
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
            for word in _words("--" + field.name.replace("_", "-"), value)
        ]

    @property
    def forgets(self) -> bool:
        """Would the simulated world end with the host's process?"""
        return self.module == "simulator" and self.sim_state is None

    def kept_in(self, directory: str) -> Self:
        """Return these options with the simulated world in a file there."""
        return replace(self, sim_state=str(Path(directory) / "simulator.json"))

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Read a command line; a wrong one ends the process with status 2 and says why."""
        named = vars(_parser().parse_args(arguments))
        return cls(**{**named, "listen": tuple(named["listen"])})


def parse_address(text: str) -> tuple[str, int]:
    """Read "HOST:PORT"; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 2**16):
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Does the address stay within this machine?"""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False  # another name: who knows what it means tomorrow


def _words(flag: str, value: object) -> list[str]:
    match value:
        case True:
            return [flag]
        case tuple():
            return [f"{flag}={item}" for item in value]
    return [f"{flag}={value}"]  # one word, for a value may begin with a dash


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dtms_server.terminal.host",
        description="Serve a terminal's API module to a DTMS server, one request at a time.",
        allow_abbrev=False,
    )
    defaults = {f.name: f.default for f in fields(HostOptions) if f.default is not MISSING}
    parser.set_defaults(**defaults)
    add = parser.add_argument
    add("--module", choices=MODULES, required=True, help="the API module to load")
    add("--listen", action="append", default=[], metavar="HOST:PORT", help="may be repeated")
    add("--pipe", metavar="ADDRESS", help="a local pipe to listen on")
    add("--allow-remote", action="store_true", help="listen beyond loopback too")
    add("--replay", metavar="FILE", help="bars to replay; BID,ASK for a pair of files")
    add("--symbol", help="the simulated symbols")
    add("--speed", type=float, help="virtual seconds in a second")
    add("--seed", type=int, help="of the simulated market")
    add("--sim-state", metavar="FILE", help="where the simulated world is kept")
    add("--server-offset", metavar="ZONE|+HH:MM", help="the broker's clock")
    add("--min-spread", type=int, metavar="POINTS")
    add("--account", choices=("hedging", "netting"))
    add("--login", type=int, help="number of the simulated account")
    add("--first-ticket", type=int, help="that of the first order in a new simulated world")
    add("--faults", metavar="FILE|NAME", help="the scenario that the simulated terminal plays")
    add("--supervised", action="store_true", help="tell each request; end with standard input")
    add("--ends-with-link", action="store_true", help="end with the server on the pipe")
    add("--silence", type=float, metavar="SECONDS", help="until a mute server loses its role")
    return parser
