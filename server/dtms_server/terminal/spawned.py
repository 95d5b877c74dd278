"""A terminal host that this process has started, and ends."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Final

import structlog

from dtms_server.domain.errors import TerminalUnreachable
from dtms_server.terminal.options import HostOptions
from dtms_server.terminal.wire import Wire, dial

HOST: Final = (sys.executable, "-m", "dtms_server.terminal.host")
UNUSABLE: Final = 2
"""The exit status of a host that cannot work with its options; its last line says why."""
PORT_TAKEN: Final = 1
"""That of one whose port another process holds, perhaps not for long."""
DIAL_SECONDS: Final = 0.02
LINES_KEPT: Final = 40
LEAVE_SECONDS: Final = 3.0
"""How long a host may take to end by itself once its link has ended."""
LAST_WORDS_SECONDS: Final = 1.0
"""How long to wait for the end of a host whose connection broke, to hear why."""

log = structlog.get_logger("dtms.terminal")


class SpawnedHost:
    """A child process that listens on a local pipe for us alone."""

    def __init__(self, options: HostOptions, key: bytes) -> None:
        """Start it; raises OSError where the system does not."""
        self._pipe = _pipe()
        owned = replace(options, pipe=self._pipe, ends_with_link=True)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [*HOST, *owned.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "DTMS_TERMINAL_KEY": key.decode()},
        )
        self._last_line = ""
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def dial(self, seconds: float) -> Wire:
        """Connect as soon as it listens; raises TerminalUnreachable if it ends or takes longer."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                return dial(self._pipe, seconds)
            except OSError as error:  # not there yet
                if self._process.poll() is not None:
                    raise TerminalUnreachable(reason="the terminal host ended") from error
                time.sleep(DIAL_SECONDS)
        raise TerminalUnreachable(reason=f"the terminal host did not start within {seconds:g} s")

    def epitaph(self) -> str | None:
        """Return why it ended, in its own last words; None if it lives on."""
        try:
            status = self._process.wait(LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(LEAVE_SECONDS)
        return self._last_line or f"the terminal host ended with status {status}"

    @property
    def is_unusable(self) -> bool:
        """Did it end since it cannot work with its options?"""
        return self._process.poll() == UNUSABLE

    def kill(self) -> None:
        """End it now; may be called from any thread."""
        self._process.kill()

    def bury(self, patience_seconds: float = LEAVE_SECONDS) -> None:
        """Wait for its end, kill it if that takes too long, and leave nothing of it behind."""
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(LEAVE_SECONDS)
        if sys.platform != "win32":
            Path(self._pipe).unlink(missing_ok=True)

    def _read_errors(self) -> None:
        """Drain its standard error, so that a full pipe never holds it up. One line is what it
        ends with, and told as the reason; more than one is a traceback."""
        assert self._process.stderr is not None
        said: deque[str] = deque(maxlen=LINES_KEPT)
        with self._process.stderr as errors:
            for raw in errors:
                if line := raw.decode(errors="replace").rstrip():
                    self._last_line = line
                    said.append(line)
        if len(said) > 1:
            log.error("terminal host ended", said="\n".join(said))


def _pipe() -> str:
    if sys.platform == "win32":
        return rf"\\.\pipe\dtms-{token_hex(16)}"
    return str(Path(tempfile.gettempdir()) / f"dtms-{token_hex(8)}.sock")
