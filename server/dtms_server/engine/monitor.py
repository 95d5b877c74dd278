"""The loop that guards: connect, recover, cycle; and again when the terminal was lost."""

import asyncio
import random
import time
from collections.abc import Coroutine

import structlog

from dtms_server import __version__
from dtms_server.domain.errors import (
    ConfigurationInvalid,
    TerminalFailed,
    TerminalLost,
    TerminalSilent,
    TerminalUnreachable,
    TerminalUnusable,
)
from dtms_server.domain.events import (
    Change,
    MonitoringStarted,
    MonitoringStopped,
    ServiceEvent,
    TerminalConnected,
)
from dtms_server.domain.events import TerminalLost as TerminalWasLost
from dtms_server.domain.policy import Policy
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.readiness import Phase, Readiness
from dtms_server.engine.reconciliation import Reconciliation
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView
from dtms_server.ports import Store, Terminal

log = structlog.get_logger()


class Monitor:
    """Runs the cycles of one account for as long as the service lives."""

    def __init__(
        self,
        terminal: Terminal,
        store: Store,
        view: TerminalView,
        clock: TerminalClock,
        roster: Roster,
        reconciliation: Reconciliation,
        readiness: Readiness,
        policy: Policy,
        account: str | None = None,
    ) -> None:
        """`account` is the one to guard, as "login@server"; None: the store's first, or any."""
        self._terminal = terminal
        self._store = store
        self._view = view
        self._clock = clock
        self._roster = roster
        self._reconciliation = reconciliation
        self._readiness = readiness
        self._policy = policy
        self._account = account
        self._stopping = asyncio.Event()
        self.stop_reason = ""
        self.cycles = 0
        self.last_cycle_seconds = 0.0
        self.turned_at = time.monotonic()

    async def run(self) -> None:
        """Guard until `stop`; the loop ends between two cycles, with nothing cut."""
        while not self._stopping.is_set():
            try:
                await self._connect()
                await self._watch()
            except TerminalLost as loss:
                await self._lose(loss.facts["reason"])
        if self._readiness.initialised:
            await self._tell(MonitoringStopped(self.stop_reason))

    def stop(self, reason: str) -> None:
        """Ask the loop to end."""
        self.stop_reason = reason
        self._stopping.set()

    async def _connect(self) -> None:
        """Connect and recover, with backoff and jitter for as long as it takes."""
        pause = self._policy.reconnect_first_seconds
        self._readiness.starting(self._connecting)
        while not self._stopping.is_set():
            try:
                await self._unless_stopped(self._recover())
            except TerminalUnusable as fault:
                if not self._readiness.initialised:  # else it worked once, and may again
                    raise ConfigurationInvalid(reason=fault.message) from fault
                self._tell_waiting(fault.message)
            except (TerminalFailed, TerminalSilent, TerminalUnreachable) as fault:
                self._tell_waiting(fault.message)
            except TerminalLost as loss:
                self._tell_waiting(loss.facts["reason"])
            else:
                return
            await self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, no secret
            pause = min(2 * pause, self._policy.reconnect_longest_seconds)

    def _tell_waiting(self, reason: str) -> None:
        log.warning("terminal not usable yet", reason=reason)
        if self._readiness.initialised:
            self._readiness.lost(reason)
        else:
            self._readiness.starting(f"{self._connecting}: {reason}")

    @property
    def _connecting(self) -> str:
        return "connecting to the terminal" + (f" as {self._account}" if self._account else "")

    async def _recover(self) -> None:
        first = not self._readiness.initialised
        await self._terminal.connect(self._policy.connect_seconds)
        self._view.account = (
            self._view.account or self._account or await self._store.first_account()
        )
        snapshot = await self._view.read()
        if not self._roster.is_open:
            self._view.account = snapshot.account.name
            await self._roster.open(await self._store.open_account(snapshot.account.name))
        self._readiness.starting(f"recovering {len(self._roster)} trades")
        await self._reconciliation.run(snapshot)
        if first:
            await self._reconciliation.tell_recovered(snapshot)
        await self._tell(TerminalConnected(snapshot.terminal, self._readiness.lost_seconds))
        if first:
            await self._tell(MonitoringStarted(len(self._roster), __version__))
        self._readiness.ready()
        log.info("guarding", account=snapshot.account.name, trades=len(self._roster))

    async def _watch(self) -> None:
        started = time.monotonic()
        while not self._stopping.is_set():
            interval = self._clock.wall_seconds(
                self._policy.cycle_seconds, self._policy.cycle_floor_seconds
            )
            await self._pause(started + interval - time.monotonic())
            started = time.monotonic()
            if not self._stopping.is_set():
                await self.cycle()

    async def cycle(self) -> None:
        """Read the terminal once, and bring the trades in line with it; raises TerminalLost."""
        started = time.monotonic()
        await self._reconciliation.run(await self._view.read())
        self.cycles += 1
        if self.cycles % self._policy.cleaner_cycles == 0:
            removed = await self._roster.ledger.trades.clean(self._clock.now())
            if removed:
                log.info("old trades removed", trades=removed)
        self.last_cycle_seconds = time.monotonic() - started

    async def _lose(self, reason: str) -> None:
        log.warning("terminal lost", reason=reason)
        if self._readiness.phase is Phase.READY:
            self._readiness.lost(reason)
            await self._tell(TerminalWasLost(reason))

    async def _tell(self, event: ServiceEvent) -> None:
        await self._roster.record(Change(self._clock.now(), event))

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

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until `stop`."""
        self.turned_at = time.monotonic()
        try:
            await asyncio.wait_for(self._stopping.wait(), max(seconds, 0.0))
        except TimeoutError:
            self.turned_at = time.monotonic()
