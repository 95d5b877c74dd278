"""The engine as one thing: its parts put together, and what the outside may ask of it."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from dtms_server import __version__
from dtms_server.domain.actions import Action
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Rail
from dtms_server.engine.adoption import Adoption
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.cycle import Cycle
from dtms_server.engine.defence import Defence
from dtms_server.engine.monitor import Monitor
from dtms_server.engine.orders import Orders
from dtms_server.engine.prices import Prices
from dtms_server.engine.rails import Rails
from dtms_server.engine.readiness import Phase, Readiness
from dtms_server.engine.reconciliation import Reconciliation
from dtms_server.engine.recovery import Recovery
from dtms_server.engine.registration import Registration
from dtms_server.engine.roster import Roster
from dtms_server.engine.scores import Scores
from dtms_server.engine.settling import Settling
from dtms_server.engine.status import Status
from dtms_server.engine.strays import Strays
from dtms_server.engine.switch import Switch
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
        cycled: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`source` names the terminal for people; for `cycled` see Monitor, else Recovery."""
        self._started = time.monotonic()
        self._source = source
        self._clock = clock = TerminalClock()
        self._roster = roster = Roster()
        self._view = view = TerminalView(terminal, clock, policy)
        self.scores = scores = Scores(roster, view, policy)
        self.readiness = readiness = Readiness(policy.lost_grace_seconds)
        self.switch = switch = Switch(roster, store, clock)
        self._rails = rails = Rails(roster, view, policy)
        settling = Settling(roster, view, policy)
        orders = Orders(roster, view, clock, switch, settling, policy)
        prices = Prices(roster, view, scores, policy)
        defence = Defence(roster, view, scores, rails, switch, prices, orders, clock, policy)
        reconciliation = Reconciliation(roster, view, policy)
        self._strays = strays = Strays(roster, view, defence, policy)
        adoption = Adoption(roster, view, policy)
        self.registration = Registration(
            roster, view, reconciliation, defence, clock, readiness, policy
        )
        cycle = Cycle(view, settling, reconciliation, adoption, scores, rails, defence, strays)
        recovery = Recovery(
            terminal,
            store,
            view,
            clock,
            roster,
            reconciliation,
            cycle,
            switch,
            readiness,
            policy,
            account,
            startup_seconds,
        )
        self.monitor = Monitor(recovery, cycle, view, clock, roster, readiness, policy, cycled)

    @property
    def ledger(self) -> Ledger:
        """The account's ledger; raises NotReady before the account is known."""
        return self._roster.ledger

    def now(self) -> datetime:
        """Return the terminal's time in UTC."""
        return self._clock.now()

    async def pause(self, reason: str) -> tuple[Action, ...]:
        """Let no order leave from now on; return the actions whose outcome is not known yet. Works
        in every phase once `load` is done. Raises StoreFailed."""
        return await self.switch.pause(reason)

    async def resume(self, reason: str) -> None:
        """Let orders leave again. Raises StoreFailed."""
        await self.switch.resume(reason)

    async def reset_rails(self) -> tuple[Rail, ...]:
        """Lift the rails that stay shut, and return which they were."""
        return await self._rails.reset()

    async def status(self) -> Status:
        """Tell how the service stands; works in every phase."""
        counts = await self.ledger.trades.counts() if self._roster.is_open else {}
        return replace(self.standing(), trades_by_state=counts)

    def standing(self) -> Status:
        """Tell the same from memory alone, which has the active trades only."""
        return Status(
            phase=self.readiness.phase,
            not_ready_reason=self.readiness.reason,
            initialised=self.readiness.initialised,
            monitoring=self.readiness.phase is Phase.READY,
            active_trades=len(self._roster),
            trades_by_state=Counter(trade.state for trade in self._roster),
            terminal_source=self._source,
            snapshot=self._view.last,
            terminal_up=self._view.is_up,
            uptime_seconds=time.monotonic() - self._started,
            cycles=self.monitor.cycles,
            last_cycle_seconds=self.monitor.last_cycle_seconds,
            cycle_lag_seconds=self.monitor.lag_seconds,
            cycle_age_seconds=self.monitor.cycle_age_seconds,
            head_sequence=self.ledger.journal.head if self._roster.is_open else 0,
            orphans=self._strays.orphans,
            actions_paused=self.switch.paused,
            rails=self._rails.latched,
            version=__version__,
        )
