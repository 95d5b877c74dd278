"""Dashboards that follow the journal through all that befalls, and note what they were told."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dtms.v1.event_pb2 import MonitorEvent
from dtms_client import AsyncDtmsClient, DtmsClient
from end_to_end.reading import type_of
from processes import PATIENCE_SECONDS
from soak.bots import OPTIONS

Told = tuple[int, int, str]
"""An event by its sequence, its ticket (0: of none) and its type."""
SLOW_HOURS = 10
NAP_EVENTS, NAP_SECONDS = 300, 40.0
"""A slow dashboard takes nothing at all for so long after each so many events: longer than a server
waits for a reader."""
CLOSINGS = ("TRADE_CLOSED", "TRADE_RELEASED", "ACTION_DONE")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dashboard asks for; nothing is everything."""

    symbols: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def fits(self, symbol: str, type_: str) -> bool:
        """Is an event of this symbol ("": of none) and type asked for?"""
        return (not self.symbols or symbol in self.symbols) and (
            not self.types or type_ in self.types
        )


class Dashboard:
    """One reader of the stream, in a thread of its own. One that is slow takes `pause_seconds` for
    each event while it is not told to hurry."""

    def __init__(
        self,
        name: str,
        target: str,
        wanted: Wanted,
        *,
        sync: bool = True,
        pause_seconds: float = 0.0,
        arrived: Callable[[int, float], None] | None = None,
    ) -> None:
        self.name = name
        self.wanted = wanted
        self.seen: list[Told] = []
        self.hurry = threading.Event()
        self.slow = pause_seconds > 0
        self.failure: BaseException | None = None
        self._target = target
        self._pause_seconds = pause_seconds
        self._arrived = arrived
        self._ended = threading.Event()
        self._close: Callable[[], object] = lambda: None
        run = self._follow if sync else self._follow_in_a_loop
        self._thread = threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
        self._thread.start()

    def pace(self, hour: int) -> None:
        """Let one that is slow fall behind for some hours, and then catch up for as many."""
        if hour % (2 * SLOW_HOURS) < SLOW_HOURS:
            self.hurry.clear()
        else:
            self.hurry.set()

    def stop(self) -> None:
        """Close its stream, and wait for its end."""
        self.hurry.set()
        self._ended.set()
        self._close()
        self._thread.join(PATIENCE_SECONDS)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as failure:  # noqa: BLE001 - told by the main thread
            self.failure = failure

    @property
    def _asked(self) -> dict[str, Any]:
        return {
            "start_from": "EARLIEST",
            "symbols": self.wanted.symbols,
            "types": self.wanted.types,
            "heartbeat_interval": 2,
        }

    def _note(self, event: MonitorEvent) -> None:
        now = time.monotonic()
        self.seen.append((event.sequence, event.ticket, type_of(event)))
        if self._arrived is not None:
            self._arrived(event.sequence, now)

    def _follow(self) -> None:
        with DtmsClient(self._target, options=OPTIONS) as client:
            stream = client.events(**self._asked)
            self._close = stream.close
            for event in stream:
                self._note(event)
                if self.slow:
                    nap = len(self.seen) % NAP_EVENTS == 0
                    self.hurry.wait(NAP_SECONDS if nap else self._pause_seconds)
                if self._ended.is_set():
                    return

    def _follow_in_a_loop(self) -> None:
        async def follow() -> None:
            loop = asyncio.get_running_loop()
            async with AsyncDtmsClient(self._target, options=OPTIONS) as client:
                stream = client.events(**self._asked)
                self._close = lambda: asyncio.run_coroutine_threadsafe(stream.aclose(), loop)
                async for event in stream:
                    self._note(event)
                    if self._ended.is_set():
                        return

        asyncio.run(follow())


def visit(target: str) -> int:
    """List, follow from there for a moment, and leave, as a dashboard that somebody opens and shuts
    again; return how many trades it saw."""
    with DtmsClient(target, options=OPTIONS) as client:
        listed = client.list_trades()
        with client.messages(
            since=listed.resume_token, include_scores=True, give_up_after=1.0
        ) as messages:
            next(messages)
        return len(listed.trades)


def stop_all(dashboards: Iterable[Dashboard]) -> None:
    """End them all."""
    for dashboard in dashboards:
        dashboard.stop()
