"""The server as `dtms serve` runs it, with a probe in its event loop.

Prints "listening HOST:PORT" and, for each line on standard input, the longest stall since the line
before in milliseconds: its own, and with what the machine added. Takes settings as NAME=VALUE.
Linux only.
"""

import asyncio
import os
import sys
import threading
import time

from dtms_server import app, config
from dtms_server.cli import logs

TICK_SECONDS = 0.001


class Probe:
    """Asks to be woken each millisecond, and keeps how late that was at worst: by the wall's clock,
    and without the time for which the loop's own thread waited for a processor, which is the
    machine's doing and not the server's."""

    def __init__(self) -> None:
        self._late_seconds = self._own_seconds = 0.0

    async def run(self) -> None:
        """Look for ever."""
        now = time.monotonic
        waits = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        while True:
            before, due = _waited_seconds(waits), now() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            late, after = now() - due, _waited_seconds(waits)
            self._late_seconds = max(self._late_seconds, late)
            self._own_seconds = max(self._own_seconds, late - (after - before))

    def answer(self) -> None:
        """Tell both for each line that is asked; on a thread of its own."""
        for _ in sys.stdin:
            _tell(f"{self._own_seconds * 1000:.3f} {self._late_seconds * 1000:.3f}")
            self._late_seconds = self._own_seconds = 0.0


def _waited_seconds(schedstat: int) -> float:
    """Return for how long a thread has waited for a processor though it could have run: proc(5)."""
    return int(os.pread(schedstat, 100, 0).split()[1]) / 1e9


async def _serve(settings: config.Settings) -> None:
    probe = Probe()
    probing = asyncio.create_task(probe.run())
    threading.Thread(target=probe.answer, daemon=True).start()
    try:
        await app.serve(settings, lambda what, address: _tell(f"{what} {address}"))
    finally:
        probing.cancel()


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - whoever measures reads this


if __name__ == "__main__":
    logs.configure()
    asyncio.run(
        _serve(
            config.load(None, http_listen="0", **dict(word.split("=", 1) for word in sys.argv[1:]))
        )
    )
