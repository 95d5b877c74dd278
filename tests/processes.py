"""Real processes of ours, for tests: started, watched line by line, killed, and always ended."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 60.0
"""How long a test waits for what must come; only a defect lasts so long."""


class Process:
    """One process; what it writes, on either stream, is read as it comes."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self.arguments = tuple(arguments)
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "dtms_server", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
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

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait for a line that fits the pattern, and return the match."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._more:
            while True:
                for line in self._lines:
                    if match := re.search(pattern, line):
                        return match
                left = deadline - time.monotonic()
                ended = not self._reader.is_alive()
                if ended or left <= 0:
                    what = "ended without" if ended else "did not write"
                    raise AssertionError(
                        f"{self.arguments} {what} {pattern!r}:\n{''.join(self._lines)}"
                    )
                self._more.wait(min(left, 1.0))

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self._process.kill()
        self._end()

    def terminate(self) -> int:
        """Ask it to stop, and return its exit status."""
        self._process.terminate()
        return self.wait()

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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DTMS_")
        } | {"DTMS_STATE_DIR": str(folder / "state"), "DTMS_TERMINAL_KEY": "a key for tests"}
        self._processes: list[Process] = []

    def start(self, *arguments: str) -> Process:
        """Start `dtms` with these arguments."""
        process = Process(arguments, self.environment, self.folder)
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

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dtms` with these arguments to its end."""
        return subprocess.run(
            [sys.executable, "-m", "dtms_server", *arguments],
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
def shop(folder: Path) -> Iterator[Shop]:
    """Open a shop in the folder, and end all its processes afterwards."""
    opened = Shop(folder)
    try:
        yield opened
    finally:
        opened.close()
