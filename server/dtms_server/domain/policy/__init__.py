"""Every number that DTMS decides by, with its unit; none is written a second time anywhere."""

from dataclasses import dataclass, field

from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.policy.defence import DefencePolicy
from dtms_server.domain.policy.ranges import (
    Days,
    Events,
    Seconds,
    SecondsOrZero,
    ShareOrZero,
    Times,
)
from dtms_server.domain.policy.scoring import ScoringPolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """The defaults of behaviour.md and api.md."""

    cycle_seconds: float = 30.0
    """Terminal time between two cycles."""
    cycle_floor_seconds: Seconds = 0.05
    """Wall time between two cycles, at least: what bounds a fast simulated clock."""
    look_seconds: Seconds = 1.0
    """Wall time between two looks at the terminal's clock while a cycle is not due."""
    entry_price_tolerance: ShareOrZero = 0.01
    """How far a claimed entry price may be off the position's, as a share of it."""
    fill_lag_seconds: SecondsOrZero = 2.0
    """Wall time for which a registration asks again for a position that is not listed yet."""
    fill_poll_seconds: Seconds = 0.1
    """Wall time between two such questions."""
    snapshot_deadline_seconds: Seconds = 5.0
    """Wall time within which a snapshot must come; without one the terminal is lost."""
    failed_read_pause_seconds: Seconds = 0.2
    """Wall time between a snapshot that failed and the next question."""
    absence_apart_seconds: Seconds = 2.0
    """Terminal time between the two reads that must both lack a position that is gone."""
    absence_apart_longest_seconds: Seconds = 5.0
    """The same in wall time, at most: for a clock that runs slowly."""
    connect_seconds: Seconds = 60.0
    """Wall time that connecting to the terminal may take."""
    reconnect_first_seconds: Seconds = 0.5
    """Wall time before the second attempt to connect; doubled each time, less jitter."""
    reconnect_longest_seconds: Seconds = 10.0
    """Wall time between two attempts to connect, at most."""
    lost_grace_seconds: float = 90.0
    """Wall time for which a lost terminal leaves readiness SERVING."""
    closed_kept_days: Days = 30.0
    """How long closed and released trades and their events are kept."""
    events_streamable_days: Days = 7.0
    """How old an event may be and still be streamed."""
    events_streamable: Events = 1_000_000
    """How many of the newest events may be streamed."""
    cleaner_cycles: Times = 10
    """Cycles between two runs of the cleaner."""
    magic: int = 20_251_217
    """The magic number of DTMS's own orders."""
    analysis: AnalysisPolicy = field(default_factory=AnalysisPolicy)
    """How a symbol's bars are read."""
    scoring: ScoringPolicy = field(default_factory=ScoringPolicy)
    """How an analysis becomes a trade's score."""
    defence: DefencePolicy = field(default_factory=DefencePolicy)
    """How a trade is defended."""
