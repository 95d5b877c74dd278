"""The demo's service: the real `dtms serve` in a process and a directory of its own."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Final

ANNOUNCE_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 20.0
if sys.platform == "win32":
    _NEW_GROUP, _DRAIN = subprocess.CREATE_NEW_PROCESS_GROUP, signal.CTRL_BREAK_EVENT
else:
    _NEW_GROUP, _DRAIN = 0, signal.SIGTERM


class ServiceFailed(Exception):
    """The demo's service did not start or did not end well; the text is its own last words."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the running service and its simulated terminal are found, and the terminal's key."""

    target: str
    terminal: str
    key: bytes


@contextmanager
def running(speed: float, seed: int) -> Iterator[Service]:
    """Run a service with a simulated market until the block is left, then drain it.

    Raises ServiceFailed.
    """
    with TemporaryDirectory(prefix="dtms-demo-", ignore_cleanup_errors=True) as directory:
        terminal, key = f"127.0.0.1:{_free_port()}", secrets.token_hex(32)
        log = Path(directory, "service.log")
        arguments = ["--speed", str(speed), "--seed", str(seed), "--sim-listen", terminal]
        with _process(arguments, log, key) as process:
            yield Service(_listening(process, log), terminal, key.encode())
        if process.returncode != 0:
            raise ServiceFailed(_last_words(log))


@contextmanager
def _process(arguments: list[str], log: Path, key: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "dtms_server", "serve", "--terminal", "simulator"]
    # the user's own settings are meant for a real service
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DTMS_")}
    with (
        log.open("wb") as errors,
        subprocess.Popen(  # noqa: S603 - our own module
            [*command, "--listen", "127.0.0.1:0", "--http-listen", "0", *arguments],
            cwd=log.parent,  # for its database, and because a dtms.toml lies elsewhere
            env={**environment, "DTMS_TERMINAL_KEY": key, "DTMS_STATE_DIR": str(log.parent)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for us: we stop the service, after the bot
            creationflags=_NEW_GROUP,
        ) as process,
    ):
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(_DRAIN)
    try:
        process.wait(DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _listening(process: subprocess.Popen[str], log: Path) -> str:
    """Return the address that the service announces."""
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    try:
        words = lines.get(timeout=ANNOUNCE_SECONDS).split()
    except Empty:
        words = []
    if words[:1] != ["listening"]:
        raise ServiceFailed(_last_words(log))
    return words[1]


def _read(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    """Pass on what the service prints, to the end, lest it waits for us to read."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "the service ended without a word"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
