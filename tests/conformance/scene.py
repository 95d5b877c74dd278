"""The terminal and the service that a scenario is played against, and what can be done to them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dtms_server.domain.trade import Direction
from processes import NEVER_JUDGED, Process, Shop, free_address, shop

FIRST_TICKET: Final = 2**53 + 1
"""The first that JavaScript's numbers cannot hold."""
TERMINAL: Final = ("--seed", "7", "--symbol", "EURUSD", "--speed", "20")
SERVICE: Final = ("--cycle", "1", "--startup-timeout", "0", "--drain-delay", "5")
"""A cycle each 50 ms."""


class Scene:
    """A simulated terminal and a service, on addresses that stay the same."""

    def __init__(self, town: Shop) -> None:
        self.address = free_address()
        self._town = town
        self._terminal_address = free_address()
        self._terminal: Process | None = None
        self._server: Process | None = None

    def begin_terminal(self) -> None:
        """Start the terminal in the world that it left."""
        world = str(self._town.folder / "world.json")
        flags = ("--first-ticket", str(FIRST_TICKET), "--sim-state", world, *TERMINAL)
        self._terminal, _ = self._town.terminal("--listen", self._terminal_address, *flags)

    def end_terminal(self) -> None:
        """Kill the terminal."""
        if self._terminal is not None:
            self._terminal.kill()

    def begin_service(self) -> None:
        """Start the service, and return once it listens."""
        self._server, _ = self._town.serve(
            self._terminal_address, "--listen", self.address, *SERVICE
        )

    def restart(self) -> None:
        """Kill the service, as a power cut would, where it runs, and start it."""
        if self.server.status is None:
            self.server.kill()
        self.begin_service()

    def drain(self) -> None:
        """Ask the service to stop, and return once it has begun to."""
        self.server.signal(signal.SIGTERM)
        self.server.expect("draining")

    def drained(self) -> None:
        """Return once the service has ended in good order."""
        assert self.server.wait() == 0, self.server.output

    def open(self, symbol: str, direction: str, volume: float) -> int:
        """Open a position, as a bot would, and return its ticket."""
        with self._town.control(self._terminal_address) as hand:
            return hand.open(symbol, Direction(direction), volume).ticket

    def close(self, ticket: int) -> None:
        """Close a position by hand."""
        with self._town.control(self._terminal_address) as hand:
            hand.close(ticket)

    @property
    def server(self) -> Process:
        """The service's process."""
        assert self._server is not None
        return self._server


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Set a scene in the folder: a service that waits for its terminal."""
    with shop(folder) as town:
        (folder / "dtms.toml").write_text(NEVER_JUDGED)
        set_ = Scene(town)
        set_.begin_service()
        yield set_
