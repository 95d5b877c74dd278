"""Whether the process turns: the writer answers and the monitor's loop moves."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from dtms_server.domain.errors import StoreFailed
from dtms_server.engine.monitor import Monitor

log = structlog.get_logger()


class Watchdog:
    """Asks writer and monitor every few seconds; never tied to the terminal.

    The event loop needs no question of its own: a loop that stands answers no probe.
    """

    def __init__(
        self,
        ping_writer: Callable[[], Awaitable[None]],
        monitor: Monitor,
        *,
        interval_seconds: float = 5.0,
        writer_deadline_seconds: float = 10.0,
        monitor_deadline_seconds: float = 180.0,
    ) -> None:
        self._ping_writer = ping_writer
        self._monitor = monitor
        self._interval_seconds = interval_seconds
        self._writer_deadline_seconds = writer_deadline_seconds
        self._monitor_deadline_seconds = monitor_deadline_seconds
        self._change = asyncio.Event()
        self.is_alive = True

    async def run(self) -> None:
        """Ask for ever; a named loop of the app."""
        while True:
            alive = await self._writer_answers() and self._monitor_turns()
            if alive is not self.is_alive:
                log.error("watchdog", alive=alive)
                self.is_alive = alive
                self._change.set()
                self._change = asyncio.Event()
            await asyncio.sleep(self._interval_seconds)

    async def changed(self) -> None:
        """Return at the next change of `is_alive`."""
        await self._change.wait()

    async def _writer_answers(self) -> bool:
        try:
            # not wait_for: before Python 3.12 it can swallow the cancelling of this loop
            async with asyncio.timeout(self._writer_deadline_seconds):
                await self._ping_writer()
        except (TimeoutError, StoreFailed) as fault:
            log.warning("writer does not answer", error=str(fault))
            return False
        return True

    def _monitor_turns(self) -> bool:
        return self._monitor.silent_seconds < self._monitor_deadline_seconds
