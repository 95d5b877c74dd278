"""The terminal and the service that a scenario is played against, and what can be done to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dtms_server.domain.trade import Direction
from processes import QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address, shop

FIRST_TICKET: Final = 2**53 + 1
"""The first that JavaScript's numbers cannot hold."""


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
        flags = ("--first-ticket", str(FIRST_TICKET), "--sim-state", world, *QUICK_TERMINAL)
        self._terminal, _ = self._town.terminal("--listen", self._terminal_address, *flags)

    def end_terminal(self) -> None:
        """Kill the terminal."""
        if self._terminal is not None:
            self._terminal.kill()

    def begin_service(self) -> None:
        """Start the service, and return once it listens."""
        flags = ("--listen", self.address, "--startup-timeout", "0", *QUICK_SERVER)
        self._server, _ = self._town.serve(self._terminal_address, *flags)

    def restart(self) -> None:
        """Kill the service, as a power cut would, where it runs, and start it."""
        if self._server is not None and self._server.status is None:
            self._server.kill()
        self.begin_service()

    def drain(self) -> None:
        """Ask the service to stop, and wait for its end."""
        assert self._server is not None
        assert self._server.terminate() == 0, self._server.output

    def kill_after(self, seconds: float) -> None:
        """Kill the service at that moment, and start it again."""
        assert self._server is not None
        self._server.kill_after(seconds)
        self.begin_service()

    def open(self, symbol: str, direction: str, volume: float) -> int:
        """Open a position, as a bot would, and return its ticket."""
        with self._town.control(self._terminal_address) as hand:
            return hand.open(symbol, Direction(direction), volume).ticket

    def close(self, ticket: int) -> None:
        """Close a position by hand."""
        with self._town.control(self._terminal_address) as hand:
            hand.close(ticket)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Set a scene in the folder: a service that waits for its terminal."""
    with shop(folder) as town:
        set_ = Scene(town)
        set_.begin_service()
        yield set_
