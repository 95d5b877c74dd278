"""A server with a probe and its terminal, each a process of its own, for a measurement."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from dtms_client import DtmsClient
from dtms_client.errors import DtmsError
from dtms_server.domain.errors import TerminalSilent, TerminalUnreachable
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl

PATIENCE_SECONDS: Final = 90.0
KEY: Final = "a key for measurements"
WORLD: Final = ("--symbol=EURUSD", "--seed=7", "--speed=60")
TRADES: Final = 50
PROBED: Final = Path(__file__).with_name("probed.py")
T = TypeVar("T")


class Process:
    """A process whose lines on standard output are answers."""

    def __init__(self, stack: ExitStack, folder: Path, *command: str | Path) -> None:
        log = stack.enter_context((folder / "log.txt").open("a"))
        self._process = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=folder,
            env={**os.environ, "DTMS_TERMINAL_KEY": KEY, "DTMS_STATE_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        stack.callback(self._end)
        self.pid = self._process.pid

    def line(self) -> str:
        """Return the next line that it writes."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit("a process ended; its folder's log.txt says why")
        return line

    def ask(self) -> str:
        """Return its answer to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.line()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class Place:
    """A server that guards TRADES trades."""

    server: Process
    target: str
    terminal: str
    """Where somebody's hand reaches the simulated terminal."""

    def longest_stall_ms(self) -> tuple[float, float]:
        """Return the longest stall of the event loop since the last question: its own, and with
        what the machine added."""
        own, late = map(float, self.server.ask().split())
        return own, late

    def hand(self) -> SimulatorControl:
        """Connect somebody's hand, as soon as there is a host."""
        return insist(lambda: SimulatorControl(self.terminal, KEY.encode()))

    def await_ready(self) -> None:
        """Wait until the server guards."""
        with DtmsClient(self.target) as client:
            insist(lambda: client.status().ready or None)


def insist(attempt: Callable[[], T | None]) -> T:
    """Try until there is an answer."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(TerminalUnreachable, TerminalSilent, DtmsError):
            found = attempt()
            if found is not None:
                return found
        time.sleep(0.02)
    raise SystemExit("what was waited for did not come")


@contextmanager
def spawned(folder: Path, port: int) -> Iterator[Place]:
    """Start a server that starts its terminal host itself."""
    terminal = f"127.0.0.1:{port}"
    with ExitStack() as stack:
        settings = (*_settings(), "terminal=simulator", f"sim_listen={terminal}")
        yield _guarding(stack, folder, terminal, *settings)


@contextmanager
def attached(folder: Path) -> Iterator[Place]:
    """Start a terminal host with its supervisor, and a server that attaches to it."""
    with ExitStack() as stack:
        command = ("-m", "dtms_server", "terminal", "--module=simulator", "--listen=127.0.0.1:0")
        terminal = Process(stack, folder, *command, *WORLD).line().split()[-1]
        yield _guarding(stack, folder, terminal, *_settings(), f"terminal={terminal}")


def _settings() -> tuple[str, ...]:
    return ("listen=127.0.0.1:0", *(word.removeprefix("--") for word in WORLD))


def _guarding(stack: ExitStack, folder: Path, terminal: str, *settings: str) -> Place:
    server = Process(stack, folder, PROBED, *settings)
    place = Place(server, server.line().split()[-1], terminal)
    place.await_ready()
    with place.hand() as hand, DtmsClient(place.target) as client:
        for _ in range(TRADES):
            ticket = hand.open("EURUSD", Direction.BUY, 0.01).ticket
            client.register_trade(ticket, "EURUSD", "BUY", protection="OBSERVE")
    return place
