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
from contextlib import suppress

from dtms_server import app, config
from dtms_server.cli import logs

TICK_SECONDS = 0.001


class Processors:
    """What processors gave each of our threads that may hold the interpreter's lock, and for how
    long it waited for one though it could have run."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}

    def read(self) -> dict[int, tuple[float, float]]:
        """Return seconds run and seconds waited in all, by thread (proc(5): schedstat)."""
        found = {}
        for thread in threading.enumerate():
            if thread.native_id is not None:
                with suppress(OSError):  # it has just ended
                    ran, waited, _ = os.pread(self._file(thread.native_id), 100, 0).split()
                    found[thread.native_id] = int(ran) / 1e9, int(waited) / 1e9
        for ended in self._files.keys() - found.keys():
            os.close(self._files.pop(ended))
        return found

    def _file(self, thread: int) -> int:
        if thread not in self._files:
            self._files[thread] = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
        return self._files[thread]


class Probe:
    """Asks to be woken each millisecond, and keeps how late that was at worst: by the wall's clock,
    and without the time for which one of our threads waited for a processor, which holds up all
    where that thread holds the lock. On a busy machine only the second tells of the server; it is
    never less than what the loop itself has run meanwhile."""

    def __init__(self) -> None:
        self._late_seconds = self._own_seconds = 0.0

    async def run(self) -> None:
        """Look for ever."""
        now, loop, processors = time.monotonic, threading.get_native_id(), Processors()
        while True:
            before, due = processors.read(), now() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            late, after = now() - due, processors.read()
            waited = max(after[each][1] - before[each][1] for each in after.keys() & before.keys())
            own = max(late - waited, after[loop][0] - before[loop][0] - TICK_SECONDS)
            self._late_seconds = max(self._late_seconds, late)
            self._own_seconds = max(self._own_seconds, own)

    def answer(self) -> None:
        """Tell both for each line that is asked; on a thread of its own."""
        for _ in sys.stdin:
            _tell(f"{self._own_seconds * 1000:.3f} {self._late_seconds * 1000:.3f}")
            self._late_seconds = self._own_seconds = 0.0


async def _serve(settings: config.Settings) -> None:
    probe = Probe()
    probing = asyncio.create_task(probe.run())
    threading.Thread(target=probe.answer, daemon=True).start()
    try:
        await app.serve(settings, lambda address: _tell(f"listening {address}"))
    finally:
        probing.cancel()


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - whoever measures reads this


if __name__ == "__main__":
    logs.configure()
    asyncio.run(_serve(config.load(None, **dict(word.split("=", 1) for word in sys.argv[1:]))))
