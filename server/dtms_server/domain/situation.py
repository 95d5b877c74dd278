"""What a decision about a trade reads, and what it may wish for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.analysis.reading import Analysis
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Band, Score, band
from dtms_server.domain.state import L2
from dtms_server.domain.timers import BAR
from dtms_server.domain.trade import State


@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision reads, all of one moment: `now` in UTC by the terminal's clock.

    A position, or a hedge, is None where the terminal does not list it; analysis and score where
    there is none. `can_hedge`: the account keeps opposite positions. `pending` is the kind of the
    trade's action whose outcome is not known yet.
    """

    now: datetime
    position: Position | None
    hedge: Position | None
    analysis: Analysis | None
    score: Score | None
    can_hedge: bool
    pending: ActionKind | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """An action that is wanted, and why. `exits`: it begins or goes on with the close of the trade.
    `due_at`: a timer ran out then, which acts on a fresh price only. `stray_id` is the identifier
    of a position to close in place of the trade's hedge."""

    kind: ActionKind
    reason: str
    exits: bool = False
    due_at: datetime | None = None
    stray_id: int | None = None


def is_of_now(analysis: Analysis, now: datetime, policy: Policy) -> bool:
    """Does an analysis tell of now? Not one of long ago, from before the market closed perhaps."""
    oldest = now - BAR - timedelta(seconds=policy.analysis.stale_seconds)
    return analysis.bar_closed_at >= oldest


def band_of(state: State, score: Score, policy: Policy) -> Band:
    """Return the band of a score; to WARNING_L2 both flips together are CRITICAL."""
    flipped = state is L2 and score.both_flipped
    return Band.CRITICAL if flipped else band(score.value, policy.scoring.bands)
