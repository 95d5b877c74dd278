"""The processes of a soak: a simulated terminal that outlives its servers, and the server now."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dtms_server.terminal.control import SimulatorControl
from processes import PATIENCE_SECONDS, Process, Shop, free_address
from soak.breach import Breach

SPEED = 300.0
"""Seconds of the terminal's clock in one of ours: an hour passes in 12 s."""
SYMBOLS = ("EURUSD", "GBPUSD")
SETTINGS = """
[policy.defence.states]
grace_minutes = 5
descent_bars = 4
flat_minutes = 30
recovery_minutes = 20
recovered_score = -1.0
[policy.defence.rails]
spread_days = 1
[policy.scoring.bands]
steady_from = 1.5
soft_above = 0.5
weak_above = -0.5
failing_above = -2.0
"""
"""A policy under which trades go through all states within hours."""
LEAVE_SECONDS = 5.0


class Place:
    """Terminal and server of one soak; only its main thread starts and ends them."""

    def __init__(self, town: Shop, seed: int) -> None:
        self.town = town
        self.terminal_address = free_address()
        self.target = free_address()
        self.database = town.folder / "dtms.db"
        self.world = town.folder / "world.json"
        self.logs: list[tuple[str, Process]] = []
        self.server_since = 0.0
        self._seed = seed
        Path(town.folder, "dtms.toml").write_text(SETTINGS, encoding="utf-8")
        self.terminal = self._start_terminal()
        self.server = self._start_server()

    def hand(self) -> SimulatorControl:
        """Connect somebody's hand to the terminal."""
        return self.town.control(self.terminal_address)

    @property
    def host(self) -> int | None:
        """The id of the terminal's host, the supervisor's child; None while there is none."""
        path = f"/proc/{self.terminal.pid}/task/{self.terminal.pid}/children"
        try:
            children = Path(path).read_text(encoding="ascii").split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def kill_server(self, within_seconds: float) -> None:
        """Kill the server at that moment, and start another one."""
        self.server.kill_after(within_seconds)
        self.server = self._start_server()

    def drain_server(self) -> None:
        """End the server as an operator would, and start another one."""
        status = self.server.terminate()
        if status != 0:
            raise Breach(f"a drained server ended with status {status}")
        self.server = self._start_server()

    def kill_host(self) -> None:
        """Kill the terminal's host; its supervisor starts another one."""
        if (host := self.host) is not None:
            os.kill(host, signal.SIGKILL)

    def kill_terminal(self) -> None:
        """Kill the terminal's supervisor, wait until its host is gone too, and start it again."""
        host = self.host
        self.terminal.kill()
        _await_end(host)
        self.terminal = self._start_terminal()

    def check_alive(self) -> None:
        """Server and supervisor end only when they are told to."""
        for name, process in (("server", self.server), ("terminal", self.terminal)):
            if process.status is not None:
                raise Breach(f"the {name} ended by itself with status {process.status}")

    def close(self) -> None:
        """End all of it, also a host that hangs."""
        host = self.host
        if self.terminal.status is None:
            self.terminal.terminate()
        _await_end(host)
        self.town.close()

    def _start_terminal(self) -> Process:
        process = self.town.start(
            *("terminal", "--module", "simulator", "--listen", self.terminal_address),
            *("--seed", str(self._seed), "--symbol", ",".join(SYMBOLS)),
            *("--speed", f"{SPEED:g}", "--sim-state", str(self.world)),
        )
        self.logs.append(("terminal", process))
        process.expect(r"listening (\S+)")
        return process

    def _start_server(self) -> Process:
        process, _ = self.town.serve(
            self.terminal_address, "--listen", self.target, "--database", str(self.database)
        )
        self.logs.append(("server", process))
        self.server_since = time.monotonic()
        return process


@contextmanager
def place(town: Shop, seed: int) -> Iterator[Place]:
    """Open a soak's place; all its processes end with the block."""
    opened = Place(town, seed)
    try:
        yield opened
    finally:
        opened.close()


def _await_end(pid: int | None) -> None:
    """Wait until a host is gone that has lost its supervisor; one that hangs is killed."""
    deadline = time.monotonic() + LEAVE_SECONDS
    while pid is not None and _is_there(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += PATIENCE_SECONDS
        time.sleep(0.02)


def _is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
