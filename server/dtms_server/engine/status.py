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
    uptime_seconds: float
    cycles: int
    last_cycle_seconds: float
    head_sequence: int
    orphans: tuple[int, ...]
    actions_paused: bool
    rails: tuple[Latch, ...]
    version: str

    @property
    def ready(self) -> bool:
        """Do all RPCs work?"""
        return self.phase is Phase.READY
