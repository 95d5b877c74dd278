"""The loop that guards: recover, cycle; and again when the terminal was lost."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine

import structlog

from dtms_server.domain.errors import (
    ConfigurationInvalid,
    StoreFailed,
    TerminalFailed,
    TerminalLost,
    TerminalSilent,
    TerminalUnreachable,
    TerminalUnusable,
)
from dtms_server.domain.events import Change, MonitoringStopped, ServiceEvent
from dtms_server.domain.events import TerminalLost as TerminalWasLost
from dtms_server.domain.policy import Policy
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.cycle import Cycle
from dtms_server.engine.readiness import Phase, Readiness
from dtms_server.engine.recovery import Recovery
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Monitor:
    """Runs the cycles of one account for as long as the service lives."""

    def __init__(
        self,
        recovery: Recovery,
        cycle: Cycle,
        view: TerminalView,
        clock: TerminalClock,
        roster: Roster,
        readiness: Readiness,
        policy: Policy,
        cycled: Callable[[float], None],
    ) -> None:
        """`cycled` is told of each whole cycle how many seconds it took."""
        self._recovery = recovery
        self._cycle = cycle
        self._view = view
        self._clock = clock
        self._roster = roster
        self._readiness = readiness
        self._policy = policy
        self._stopping = asyncio.Event()
        self._stop_reason = ""
        self._turned_at = self._cycled_at = time.monotonic()
        self._cycled = cycled
        self.cycles = 0
        self.last_cycle_seconds = 0.0
        self.lag_seconds = 0.0
        """By how much the last cycle began later than it was due."""

    async def run(self) -> None:
        """Guard until `stop`; the loop ends between two cycles, with nothing cut."""
        while not self._stopping.is_set():
            await self._recover()
            try:
                await self._watch()
            except TerminalLost as loss:
                await self._lose(loss.facts["reason"])
        if self._readiness.initialised:
            await self._tell(MonitoringStopped(self._stop_reason))

    def stop(self, reason: str) -> None:
        """Ask the loop to end."""
        self._stop_reason = reason
        self._stopping.set()

    @property
    def silent_seconds(self) -> float:
        """How long the loop has neither moved nor had an answer: what a watchdog asks."""
        return time.monotonic() - max(self._turned_at, self._view.answered_at)

    @property
    def cycle_age_seconds(self) -> float:
        """How long ago the last whole cycle ended; before the first, this was made."""
        return time.monotonic() - self._cycled_at

    async def cycle(self) -> None:
        """Guard once; raises TerminalLost."""
        started = time.monotonic()
        await self._cycle.run()
        self.cycles += 1
        if self.cycles % self._policy.cleaner_cycles == 0:
            removed = await self._roster.ledger.trades.clean(self._clock.now())
            if removed:
                log.info("old trades removed", trades=removed)
        self._cycled_at = time.monotonic()
        self.last_cycle_seconds = self._cycled_at - started
        self._cycled(self.last_cycle_seconds)

    async def _recover(self) -> None:
        """Recover, with backoff and jitter for as long as it takes."""
        pause = self._policy.reconnect_first_seconds
        self._readiness.starting(self._recovery.step)
        while not self._stopping.is_set():
            try:
                await self._unless_stopped(self._recovery.run())
            except TerminalUnusable as fault:
                if not self._readiness.initialised:  # else it worked once, and may again
                    raise ConfigurationInvalid(reason=fault.message) from fault
                self._tell_waiting(fault.message)
            except (TerminalFailed, TerminalSilent, TerminalUnreachable, StoreFailed) as fault:
                self._tell_waiting(fault.message)
            except TerminalLost as loss:
                self._tell_waiting(loss.facts["reason"])
            else:
                return
            await self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, no secret
            pause = min(2 * pause, self._policy.reconnect_longest_seconds)

    def _tell_waiting(self, reason: str) -> None:
        if reason not in self._readiness.reason:  # an outage is told once, not at each attempt
            log.warning("terminal not usable yet", reason=reason)
        if self._readiness.initialised:
            self._readiness.lost(reason)
        else:
            self._readiness.starting(f"{self._recovery.step}: {reason}")

    async def _watch(self) -> None:
        await self._cycle.rescore(self._clock.now())
        while not self._stopping.is_set():
            self.lag_seconds = await self._until_due()
            if not self._stopping.is_set():
                try:
                    await self.cycle()
                except StoreFailed as fault:  # memory follows disk: the next cycle does it again
                    log.error("cycle not written", error=fault.message)  # noqa: TRY400

    async def _until_due(self) -> float:
        """Wait until a cycle's time has passed on the terminal's clock, which is read meanwhile: it
        may change its speed, or jump, and a host that died is noticed. Return by how many seconds
        this is later than it was due."""
        began, woke, policy = self._clock.now(), time.monotonic(), self._policy
        while not (self._stopping.is_set() or self._view.doubt.is_set()):
            wall = time.monotonic() - woke
            passed = (self._clock.now() - began).total_seconds() if self._clock.speed else wall
            left = self._clock.wall_seconds(policy.cycle_seconds - passed)
            overdue = min(-left, wall - policy.cycle_floor_seconds)
            if passed < 0 or overdue >= 0:
                return max(overdue, 0.0)
            wait = max(min(left, policy.look_seconds), policy.cycle_floor_seconds - wall)
            await self._pause(wait, self._view.doubt)
            if left > policy.look_seconds and not self._stopping.is_set():
                await self._view.read_clock()
        return 0.0

    async def _lose(self, reason: str) -> None:
        log.warning("terminal lost", reason=reason)
        if self._readiness.phase is Phase.READY:
            self._readiness.lost(reason)
            self._cycle.forget()
            await self._tell(TerminalWasLost(reason))

    async def _tell(self, event: ServiceEvent) -> None:
        try:
            await self._roster.record(Change(self._clock.now(), event))
        except StoreFailed as fault:  # to go on guarding counts for more than to tell of it
            log.error("event not written", event_type=str(event), error=fault.message)  # noqa: TRY400

    async def _unless_stopped(self, step: Coroutine[None, None, None]) -> None:
        """Await the step, or give it up at `stop`: it may take a minute, and is no order."""
        attempt = asyncio.create_task(step)
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((attempt, stop), return_when=asyncio.FIRST_COMPLETED)
            if attempt.done():
                await attempt
        finally:
            attempt.cancel()
            stop.cancel()
            await asyncio.wait((attempt, stop))

    async def _pause(self, seconds: float, wake: asyncio.Event | None = None) -> None:
        """Wait, but no longer than until `stop` or `wake`."""
        waits = [asyncio.create_task(event.wait()) for event in (self._stopping, wake) if event]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._turned_at = time.monotonic()
            for wait in waits:
                wait.cancel()
