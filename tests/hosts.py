"""Terminal hosts as real processes, always ended."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue

from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.messages import Deadlines
from dtms_server.terminal.options import HostOptions, parse_address
from dtms_server.terminal.wire import Caller, dial

PATIENCE_SECONDS = 60.0
"""How long a test waits for what must come; only a defect lasts so long."""
KEY = b"the key of these tests"
STILL = HostOptions(module="simulator", listen=("127.0.0.1:0",), speed=0, seed=7, symbol="EURUSD")


def call(address: str, key: bytes = KEY) -> Caller:
    """Connect to a host as whoever holds the key, with no role yet."""
    wire = dial(parse_address(address), PATIENCE_SECONDS)
    wire.prove(key)
    return Caller(wire)


class Hosts:
    """Starts hosts, and ends them all in the end."""

    key = KEY
    options = STILL

    def __init__(self, open_until_the_end: ExitStack) -> None:
        self._stack = open_until_the_end

    def start(self, options: HostOptions = STILL) -> "RunningHost":
        """Start a host and wait until it listens."""
        host = RunningHost(options)
        self._stack.callback(host.end)
        return host

    def control(self, address: str, deadlines: Deadlines | None = None) -> SimulatorControl:
        """Connect somebody's hand."""
        return self._stack.enter_context(SimulatorControl(address, KEY, deadlines))

    def call(self, address: str) -> Caller:
        """Connect to a host with no role yet."""
        caller = call(address)
        self._stack.callback(caller.wire.close)
        return caller


class RunningHost:
    def __init__(self, options: HostOptions) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dtms_server.terminal.host", *options.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "DTMS_TERMINAL_KEY": KEY.decode()},
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        word, self.address = self.line().split()
        assert word == "listening"

    def line(self) -> str:
        """Wait for the next line that it prints."""
        return self._lines.get(timeout=PATIENCE_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.decode().strip())

    def end(self) -> None:
        """End it at once."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE_SECONDS)


def run_host(options: HostOptions, key: bytes = KEY) -> "subprocess.CompletedProcess[str]":
    """Run a host that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "dtms_server.terminal.host", *options.arguments()],
        env={**os.environ, "DTMS_TERMINAL_KEY": key.decode()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(key: bytes = KEY, status: int = 2, **changes: object) -> str:
    """Run a host that cannot start, and return the one line that says why."""
    ended = run_host(replace(STILL, **changes), key)  # type: ignore[arg-type] # the tests name them
    assert ended.returncode == status, ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    return line
