"""Real processes of ours, for tests: started, watched line by line, killed, and always ended."""

import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from dtms_server.terminal.control import SimulatorControl

PATIENCE_SECONDS = 60.0
"""How long a test waits for what must come; only a defect lasts so long."""
TERMINAL_KEY = "a key for tests"
QUICK_TERMINAL = ("--seed", "7", "--symbol", "EURUSD", "--speed", "60")
QUICK_SERVER = ("--cycle", "3")
"""A cycle each 50 ms: an absence is looked at twice, and told, in a fraction of a second."""
NEVER_JUDGED = """
[policy.defence.states]
grace_minutes = 1000
grace_gain_r = 100
grace_loss_r = 100
"""
"""For `dtms.toml`: a trade in grace is left alone, whatever the market does, and for how long."""


_PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


def free_address() -> str:
    """Return a loopback address that nobody listens on, and that was not returned before: who asks
    for two may not have bound the first yet. Its port is none of those that the system gives out
    by itself, so that no connection takes it while a server is down."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"
    raise AssertionError("no port is free")


class Process:
    """One process; what it writes, on either stream, is read as it comes."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: dict[str, str],
        folder: Path,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.command = tuple(map(str, command))
        self._process = subprocess.Popen(
            self.command,
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a group of its own, for a Ctrl-C that is meant for it alone
        )
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that was written so far."""
        with self._more:
            return "".join(self._lines)

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def expect(
        self, pattern: str, count: int = 1, *, seconds: float = PATIENCE_SECONDS
    ) -> re.Match[str]:
        """Wait for the count-th line that fits the pattern, and return the match."""
        deadline = time.monotonic() + seconds
        with self._more:
            while True:
                found = [match for line in self._lines if (match := re.search(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                ended = not self._reader.is_alive()
                if ended or left <= 0:
                    what = "ended without" if ended else "did not write"
                    raise AssertionError(
                        f"{self.command} {what} {pattern!r}:\n{''.join(self._lines)}"
                    )
                self._more.wait(min(left, 1.0))

    def close_input(self) -> None:
        """End its standard input, where that is a pipe."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self._process.kill()
        self._end()

    def kill_after(self, seconds: float) -> None:
        """Kill it at that moment, unless it ends before."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def terminate(self) -> int:
        """Ask it to stop, and return its exit status."""
        self._process.terminate()
        return self.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to it and to all that it has started, as Ctrl-C does; not on Windows."""
        os.killpg(self.pid, number)

    def wait(self) -> int:
        """Return its exit status once it has ended."""
        self._process.wait(PATIENCE_SECONDS)
        self._end()
        return self._process.returncode

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def _end(self) -> None:
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self.close_input()
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.kill()
        else:
            self._end()


class Shop:
    """A folder with its own state directory, and the processes that were started in it."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.dtms = (python, "-u", "-m", "dtms_server")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DTMS_")
        } | {"DTMS_STATE_DIR": str(folder / "state"), "DTMS_TERMINAL_KEY": TERMINAL_KEY}
        self.environment["DTMS_HTTP_LISTEN"] = "0"  # else only one service could be up at a time
        self._processes: list[Process] = []

    def start(self, *arguments: str) -> Process:
        """Start `dtms` with these arguments."""
        return self.spawn(*self.dtms, *arguments)

    def spawn(self, *command: str | Path) -> Process:
        """Start any command."""
        process = Process(command, self.environment, self.folder)
        self._processes.append(process)
        return process

    def terminal(self, *flags: str) -> tuple[Process, str]:
        """Start a simulated terminal that outlives servers; return it and its address."""
        process = self.start("terminal", "--module", "simulator", "--listen", "127.0.0.1:0", *flags)
        return process, process.expect(r"listening (\S+)")[1]

    def serve(self, terminal: str, *flags: str) -> tuple[Process, str]:
        """Start a server on any free port; return it and its address."""
        process = self.start(
            "serve", "--terminal", terminal, "--listen", "127.0.0.1:0", "--sim-listen", "0", *flags
        )
        return process, process.expect(r"listening (\S+)")[1]

    def control(self, terminal: str) -> SimulatorControl:
        """Connect somebody's hand to a simulated terminal."""
        return SimulatorControl(terminal, TERMINAL_KEY.encode())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dtms` with these arguments to its end."""
        return subprocess.run(
            [*self.dtms, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def close(self) -> None:
        """End what still runs, the latest first."""
        for process in reversed(self._processes):
            with process:
                pass


@contextmanager
def shop(folder: Path, python: Path = Path(sys.executable)) -> Iterator[Shop]:
    """Open a shop in the folder, and end all its processes afterwards; `python` has the server."""
    opened = Shop(folder, python)
    try:
        yield opened
    finally:
        opened.close()
