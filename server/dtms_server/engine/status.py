"""How the service stands, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass

from dtms_server.domain.market import Snapshot
from dtms_server.domain.rails import Latch
from dtms_server.domain.trade import State
from dtms_server.engine.readiness import Phase


@dataclass(frozen=True, slots=True)
class Status:
    """The answer to GetStatus; `snapshot` is the last one read, None before the first."""

    phase: Phase
    not_ready_reason: str
    initialised: bool
    monitoring: bool
    active_trades: int
    trades_by_state: Mapping[State, int]
    terminal_source: str
    snapshot: Snapshot | None
    terminal_up: bool
    """Was the terminal's last answer a good one?"""
    uptime_seconds: float
    cycles: int
    last_cycle_seconds: float
    cycle_lag_seconds: float
    """By how much the last cycle began later than it was due."""
    cycle_age_seconds: float
    """How long ago the last cycle ended; before the first, how long the service has been up."""
    head_sequence: int
    orphans: tuple[int, ...]
    actions_paused: bool
    rails: tuple[Latch, ...]
    version: str

    @property
    def ready(self) -> bool:
        """Do all RPCs work?"""
        return self.phase is Phase.READY
