"""How wide a symbol's spread may be, and the server's day, both told by its charts once a day."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import structlog

from dtms_server.domain.charts import Charts
from dtms_server.domain.errors import TerminalFailed, TerminalLost
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.rails import spread_bars, spread_limit
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """How wide a spread may be on a server day, in points; None: as wide as it is."""

    day: int
    points: float | None


class Spreads:
    """Reads each symbol's spreads once a server day, and no more than once a cycle until then.

    `offset_seconds` is by how much the server's clock is ahead of UTC; 0 until charts told it.
    """

    def __init__(self, view: TerminalView, policy: Policy) -> None:
        self._view = view
        self._policy = policy
        self._limits: dict[str, Limit] = {}
        self._asked: set[str] = set()  # in this cycle, without a limit
        self.offset_seconds = 0
        self.offset_day: int | None = None
        """The server day on which the offset was told; None: not yet."""

    def next_cycle(self) -> None:
        """What could not be read may be asked for again."""
        self._asked.clear()

    def day(self, at: datetime) -> int:
        """Return the number of the server's day."""
        return int((at.timestamp() + self.offset_seconds) // DAY_SECONDS)

    def day_start(self, at: datetime) -> datetime:
        """Return when the server's day began, in UTC."""
        return datetime.fromtimestamp(self.day(at) * DAY_SECONDS - self.offset_seconds, UTC)

    async def limit(self, symbol: str, now: datetime) -> float | None:
        """Return how wide the symbol's spread may be, in points; None where that is not known, so
        that no spread is too wide. Raises TerminalLost."""
        known = self._limits.get(symbol)
        if known is not None and known.day == self.day(now):
            return known.points
        if symbol in self._asked:
            return None
        self._asked.add(symbol)
        try:
            charts = await self._view.charts(symbol, now, self._analysis_policy())
        except TerminalFailed as fault:
            log.warning("spreads not read", symbol=symbol, error=fault.message)
            return None
        except TerminalLost:
            self._limits[symbol] = Limit(self.day(now), None)  # lest it is lost in each cycle
            raise
        self.offset_seconds = charts.facts.server_offset_seconds
        self.offset_day = self.day(now)
        points = self._points(symbol, charts, now)
        if points is not None:
            self._limits[symbol] = Limit(self.day(now), points)
        return points

    def _analysis_policy(self) -> AnalysisPolicy:
        bars = spread_bars(self._policy.defence.rails)
        return replace(self._policy.analysis, m5_bars=1, m15_bars=bars)

    def _points(self, symbol: str, charts: Charts, now: datetime) -> float | None:
        """Return the limit by the bars of these days, None where they are too few."""
        spreads = charts.closed(now, self._analysis_policy()).m15.spread
        return spread_limit(spreads, symbol, self._policy.defence)
