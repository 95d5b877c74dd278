"""Keeps a terminal host running: ends one that hangs and starts it again on the same port."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Final

from dtms_server.terminal.options import HostOptions
from dtms_server.terminal.spawned import HOST, PORT_TAKEN, UNUSABLE

MARGIN_SECONDS: Final = 1.0
"""What a call may take beyond its deadline before its host is ended."""
LOOK_SECONDS: Final = 0.2
"""How often to look up: on Windows a wait without end hears no Ctrl-C."""
LEAVE_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 30.0
HEALTHY_SECONDS: Final = 60.0
"""After so long a host's end is a new trouble, and the pauses begin anew."""


def supervise(
    options: HostOptions, key: bytes, announce: Callable[[str], None], warn: Callable[[str], None]
) -> int:
    """Run a terminal host until SIGINT, SIGTERM or SIGBREAK; only on the main thread.

    `announce` gets each "HOST:PORT" once it listens, `warn` a line for each restart and each step
    of a scenario. Returns the exit status: 0, or 2 where the host cannot even start (its own line
    on standard error says why).
    """
    with _signals() as stop, _kept(options) as lasting:
        supervisor = _Supervisor(replace(lasting, supervised=True), key, announce, warn)
        return supervisor.run(stop)


class _Supervisor:
    def __init__(
        self,
        options: HostOptions,
        key: bytes,
        announce: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._options = options
        self._key = key
        self._announce = announce
        self._warn = warn
        self._bound: tuple[str, ...] = ()

    def run(self, stop: threading.Event) -> int:
        pause = FIRST_PAUSE_SECONDS
        while True:
            begun = time.monotonic()
            status = self._run_once(stop)
            if stop.is_set():
                return 0
            if not self._bound and status in (PORT_TAKEN, UNUSABLE):
                return UNUSABLE
            if time.monotonic() - begun > HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._warn(f"the terminal host ended with status {status} and is started again")
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _run_once(self, stop: threading.Event) -> int:
        with _Child(self._options, self._key) as child:
            while not stop.is_set():
                try:
                    line = child.lines.get(timeout=LOOK_SECONDS)
                except Empty:
                    if child.overdue:
                        self._warn("the terminal host hangs in a call past its deadline")
                        child.kill()
                    continue
                if line is None:
                    break
                self._heed(line, child)
        return child.status

    def _heed(self, line: str, child: "_Child") -> None:
        match line.split():
            case ["busy", seconds]:
                child.due = time.monotonic() + float(seconds) + MARGIN_SECONDS
            case ["idle"]:
                child.due = float("inf")
            case ["listening", address]:
                self._listening(address)
            case ["scenario", *_]:
                self._warn(line)

    def _listening(self, address: str) -> None:
        if len(self._bound) == len(self._options.listen):
            return  # a host started again, on the ports of the first
        self._bound += (address,)
        self._announce(address)
        if len(self._bound) == len(self._options.listen):
            self._options = replace(self._options, listen=self._bound)


class _Child:
    """One host's process; its lines come from a thread, and None at their end."""

    def __init__(self, options: HostOptions, key: bytes) -> None:
        self.lines: SimpleQueue[str | None] = SimpleQueue()
        self.due = float("inf")
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [*HOST, *options.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "DTMS_TERMINAL_KEY": key.decode()},
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def overdue(self) -> bool:
        return time.monotonic() > self.due

    @property
    def status(self) -> int:
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, *_: object) -> None:
        """End it: by the end of its input, else by force."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for raw in lines:
                self.lines.put(raw.decode(errors="replace").strip())
        self.lines.put(None)


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Turn the signals that end a program into an event, until the block is left."""
    stop = threading.Event()
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _kept(options: HostOptions) -> Iterator[HostOptions]:
    """Give a simulated world that would end with its host a file for as long as we run."""
    if not options.forgets:
        yield options
        return
    with TemporaryDirectory(prefix="dtms-", ignore_cleanup_errors=True) as directory:
        yield options.kept_in(directory)
