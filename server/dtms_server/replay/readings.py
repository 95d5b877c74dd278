"""The analysis of each closed M5 bar of a history, and its scores: read once for all trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dtms_server.domain.analysis import Analysis, NoAnalysis, analyse
from dtms_server.domain.analysis.m15 import M15Reading, read_m15
from dtms_server.domain.charts import Charts
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Score, score
from dtms_server.domain.trade import Direction
from dtms_server.replay.history import History


@dataclass(frozen=True, slots=True)
class Reading:
    """What a closed M5 bar told, at its end in UTC; without an analysis there are no scores."""

    at: datetime
    analysis: Analysis | None
    scores: Mapping[Direction, Score]


class Readings:
    """Reads bar by bar, in order: the M15 bars are read again only when one of them has closed."""

    def __init__(self, history: History, policy: Policy) -> None:
        self._history = history
        self._policy = policy
        self._m15: tuple[int, M15Reading] | None = None

    def at(self, bar: int) -> Reading:
        """Return what is known when an M5 bar has closed."""
        at = datetime.fromtimestamp(self._history.closes_at[bar], UTC)
        analysis = self._analysis(bar, at)
        if isinstance(analysis, NoAnalysis):
            return Reading(at, None, {})
        scores = {side: score(analysis, side, self._policy.scoring) for side in Direction}
        return Reading(at, analysis, scores)

    def _analysis(self, bar: int, at: datetime) -> Analysis | NoAnalysis:
        history, policy = self._history, self._policy.analysis
        m15_end, least = history.m15_closed[bar], policy.least_m15_bars
        facts = history.facts(bar)
        charts = Charts(
            symbol=history.symbol.name,
            facts=facts,
            m5=history.m5.pick(slice(max(0, bar + 1 - policy.m5_bars), bar + 1)),
            m15=history.m15.pick(slice(max(0, m15_end - least), m15_end)),  # the rest is read below
            bid_changes=None,
            market_open=True,
        )
        m15 = None if m15_end < least else self._read_m15(m15_end, facts.point)
        return analyse(charts, at, policy, m15_reading=m15)

    def _read_m15(self, end: int, point: float) -> M15Reading:
        if self._m15 is None or self._m15[0] != end:
            policy = self._policy.analysis
            bars = self._history.m15.pick(slice(max(0, end - policy.m15_bars), end))
            self._m15 = end, read_m15(bars, point, policy)
        return self._m15[1]
