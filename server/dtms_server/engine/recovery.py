"""Makes the terminal usable again: connect, right account, and every trade found or proved gone."""

import time

import structlog

from dtms_server import __version__
from dtms_server.domain.events import Change, MonitoringStarted, TerminalConnected
from dtms_server.domain.policy import Policy
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.cycle import Cycle
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.reconciliation import Reconciliation
from dtms_server.engine.roster import Roster
from dtms_server.engine.switch import Switch
from dtms_server.engine.view import TerminalView
from dtms_server.ports import Store, Terminal

log = structlog.get_logger()


class Recovery:
    """One attempt at it, at the start and after each loss; what it has written stays true."""

    def __init__(
        self,
        terminal: Terminal,
        store: Store,
        view: TerminalView,
        clock: TerminalClock,
        roster: Roster,
        reconciliation: Reconciliation,
        cycle: Cycle,
        switch: Switch,
        readiness: Readiness,
        policy: Policy,
        account: str | None,
        startup_seconds: float,
    ) -> None:
        """`account` is the one to guard, as "login@server"; None: the store's first, or any.
        `startup_seconds` is how long the first recovery may take; 0 is for ever."""
        self._terminal = terminal
        self._store = store
        self._view = view
        self._clock = clock
        self._roster = roster
        self._reconciliation = reconciliation
        self._cycle = cycle
        self._switch = switch
        self._readiness = readiness
        self._policy = policy
        self._account = account
        self._started_by = time.monotonic() + startup_seconds if startup_seconds else None

    @property
    def step(self) -> str:
        """What the first recovery is about, in words."""
        return "connecting to the terminal" + (f" as {self._account}" if self._account else "")

    async def run(self) -> None:
        """Recover, and be ready.

        Raises TerminalFailed, TerminalSilent, TerminalUnreachable, TerminalUnusable, TerminalLost,
        AccountHeld, StoreFailed.
        """
        first = not self._readiness.initialised
        await self._terminal.connect(self._connect_seconds())
        wanted = self._view.account or self._account or await self._store.first_account()
        self._view.account = wanted
        snapshot = await self._view.read()
        if not self._roster.is_open:
            self._view.account = snapshot.account.name
            await self._roster.open(await self._store.open_account(snapshot.account.name))
            await self._switch.tell()
        self._readiness.starting(f"recovering {len(self._roster)} trades")
        await self._cycle.take_stock()
        if first:
            await self._reconciliation.tell_recovered(snapshot)
        lost_seconds = self._readiness.lost_seconds
        changes = [Change(self._clock.now(), TerminalConnected(snapshot.terminal, lost_seconds))]
        if first:
            started = MonitoringStarted(len(self._roster), __version__)
            changes.append(Change(self._clock.now(), started))
        await self._roster.record(*changes)
        self._readiness.ready()
        log.info("guarding", account=snapshot.account.name, trades=len(self._roster))

    def _connect_seconds(self) -> float:
        """At the start less than what is left, so that the terminal's own error comes in time."""
        if self._started_by is None or self._readiness.initialised:
            return self._policy.connect_seconds
        left = self._started_by - time.monotonic()
        return min(self._policy.connect_seconds, max(0.8 * left, 1.0))
