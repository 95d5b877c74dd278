"""The engine as one thing: its parts put together, and what the outside may ask of it."""

import time
from datetime import datetime

from dtms_server import __version__
from dtms_server.domain.policy import Policy
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.monitor import Monitor
from dtms_server.engine.readiness import Phase, Readiness
from dtms_server.engine.reconciliation import Reconciliation
from dtms_server.engine.recovery import Recovery
from dtms_server.engine.registration import Registration
from dtms_server.engine.roster import Roster
from dtms_server.engine.scores import Scores
from dtms_server.engine.status import Status
from dtms_server.engine.view import TerminalView
from dtms_server.ports import Ledger, Store, Terminal


class Guard:
    """Guards the trades of one account on one terminal, kept in one store."""

    def __init__(
        self,
        terminal: Terminal,
        store: Store,
        policy: Policy,
        *,
        source: str,
        account: str | None = None,
        startup_seconds: float = 0.0,
    ) -> None:
        """`source` names the terminal for people; for the rest see Recovery."""
        self._started = time.monotonic()
        self._source = source
        self._clock = TerminalClock()
        self._roster = Roster()
        self._view = TerminalView(terminal, self._clock, policy)
        self._reconciliation = Reconciliation(self._roster, self._view, policy)
        self.scores = Scores(self._roster, self._view, policy)
        self.readiness = Readiness(policy.lost_grace_seconds)
        self.registration = Registration(
            self._roster, self._view, self._reconciliation, self._clock, self.readiness, policy
        )
        recovery = Recovery(
            terminal,
            store,
            self._view,
            self._clock,
            self._roster,
            self._reconciliation,
            self.readiness,
            policy,
            account,
            startup_seconds,
        )
        self.monitor = Monitor(
            recovery,
            self._reconciliation,
            self._view,
            self._clock,
            self._roster,
            self.scores,
            self.readiness,
            policy,
        )

    @property
    def ledger(self) -> Ledger:
        """The account's ledger; raises NotReady before the account is known."""
        return self._roster.ledger

    def now(self) -> datetime:
        """Return the terminal's time in UTC."""
        return self._clock.now()

    async def status(self) -> Status:
        """Tell how the service stands; works in every phase."""
        is_open = self._roster.is_open
        return Status(
            phase=self.readiness.phase,
            not_ready_reason=self.readiness.reason,
            initialised=self.readiness.initialised,
            monitoring=self.readiness.phase is Phase.READY,
            active_trades=len(self._roster),
            trades_by_state=await self.ledger.trades.counts() if is_open else {},
            terminal_source=self._source,
            snapshot=self._view.last,
            uptime_seconds=time.monotonic() - self._started,
            cycles=self.monitor.cycles,
            last_cycle_seconds=self.monitor.last_cycle_seconds,
            head_sequence=self.ledger.journal.head if is_open else 0,
            orphans=self._reconciliation.orphans,
            version=__version__,
        )
