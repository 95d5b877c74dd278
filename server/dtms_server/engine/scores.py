"""The scores of guarded trades: one analysis a symbol and closed bar, seen from either side."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from dtms_server.domain.analysis import Analysis, NoAnalysis, analyse
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Score, score
from dtms_server.domain.trade import Direction, Trade
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

BAR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NoScore:
    """There is no score, which is not a score of 0; why, in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the newest closed bar of a symbol gave: an analysis, or why there is none."""

    analysis: Analysis | NoAnalysis
    scores: Mapping[Direction, Score | NoScore]

    def is_of(self, bar_closed_at: datetime) -> bool:
        """Was it read from that bar?"""
        return isinstance(self.analysis, Analysis) and self.analysis.bar_closed_at == bar_closed_at


class Scores:
    """The latest reading of each symbol that a guarded trade is in."""

    def __init__(self, roster: Roster, view: TerminalView, policy: Policy) -> None:
        self._roster = roster
        self._view = view
        self._policy = policy
        self._readings: dict[str, Reading] = {}
        self.change = asyncio.Event()
        """Set at the next new reading, and replaced; to be taken before scores are read."""

    async def refresh(self, now: datetime) -> None:
        """Read every symbol that has closed a bar since; one that fails has no score, and is asked
        again next time. Raises TerminalLost where the terminal does not answer at all."""
        symbols = {trade.symbol for trade in self._roster}
        for gone in self._readings.keys() - symbols:
            del self._readings[gone]
        newest = _bar_closed_by(now)
        for symbol in sorted(symbols):
            known = self._readings.get(symbol)
            if known is None or not known.is_of(newest):
                self._keep(symbol, await self._read(symbol, now))

    def reading(self, symbol: str) -> Reading | None:
        """Return a symbol's latest reading; None where there is none yet."""
        return self._readings.get(symbol)

    def of(self, trade: Trade) -> Score | NoScore:
        """Return the trade's score."""
        if not trade.is_guarded:
            return NoScore("it is not guarded")
        reading = self.reading(trade.symbol)
        return reading.scores[trade.direction] if reading else NoScore("no bar was read yet")

    def of_guarded(self) -> Iterator[tuple[Trade, Score | NoScore]]:
        """Yield every guarded trade with its score."""
        return ((trade, self.of(trade)) for trade in self._roster)

    async def _read(self, symbol: str, now: datetime) -> Analysis | NoAnalysis:
        try:
            charts = await self._view.charts(symbol, self._policy.analysis)
        except TerminalFailed as fault:
            return NoAnalysis(fault.message)
        return analyse(charts, now, self._policy.analysis)

    def _keep(self, symbol: str, analysis: Analysis | NoAnalysis) -> None:
        known = self._readings.get(symbol)
        if known is not None and _tells_the_same(known.analysis, analysis):
            return
        self._readings[symbol] = Reading(analysis, self._seen_from_both_sides(analysis))
        if isinstance(analysis, NoAnalysis):
            log.warning("no score", symbol=symbol, reason=analysis.reason)
        self.change.set()
        self.change = asyncio.Event()

    def _seen_from_both_sides(
        self, analysis: Analysis | NoAnalysis
    ) -> Mapping[Direction, Score | NoScore]:
        if isinstance(analysis, NoAnalysis):
            return dict.fromkeys(Direction, NoScore(analysis.reason))
        return {side: score(analysis, side, self._policy.scoring) for side in Direction}


def _bar_closed_by(now: datetime) -> datetime:
    """Return when the newest M5 bar that can have closed by `now` ended."""
    return now - timedelta(seconds=now.timestamp() % BAR.total_seconds())


def _tells_the_same(known: Analysis | NoAnalysis, new: Analysis | NoAnalysis) -> bool:
    match known, new:
        case NoAnalysis(), NoAnalysis():
            return known == new
        case Analysis(), Analysis():
            return known.bar_closed_at == new.bar_closed_at
    return False
