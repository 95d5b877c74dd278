"""The scores of guarded trades: one analysis a symbol and closed bar, seen from either side."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from dtms_server.domain.analysis import Analysis, NoAnalysis, analyse
from dtms_server.domain.errors import TerminalFailed, TerminalLost
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Score, score
from dtms_server.domain.trade import Direction, Trade
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

BAR: Final = timedelta(minutes=5)
LATE_BAR: Final = timedelta(minutes=2)
"""How long after its end a bar is asked for each cycle; one without a tick never comes."""


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
        self._ask_at: dict[str, datetime] = {}
        self._mute: dict[str, Reading] = {}  # symbols whose bars did not come in time
        self.change = asyncio.Event()
        """Set at the next new readings, and replaced; to be taken before scores are read."""

    async def refresh(self, now: datetime) -> None:
        """Read every symbol that may have closed a bar since. One that fails has no score, and is
        asked again, for a while each cycle, then at the next bar. Raises TerminalLost where the
        terminal does not answer at all."""
        symbols = {trade.symbol for trade in self._roster}
        for gone in self._readings.keys() - symbols:
            del self._readings[gone]
        before = dict(self._readings)
        try:
            for symbol in sorted(symbols):
                if symbol not in self._readings or self._is_due(symbol, now):
                    await self._read(symbol, now)
        finally:
            if self._readings != before:
                self._changed()

    def forget(self) -> None:
        """The terminal is lost: what was read is no longer the present."""
        self._readings = dict(self._mute)
        self._changed()

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

    async def _read(self, symbol: str, now: datetime) -> None:
        newest = _bar_closed_by(now)
        try:
            charts = await self._view.charts(symbol, now, self._policy.analysis)
        except TerminalFailed as fault:
            analysis: Analysis | NoAnalysis = NoAnalysis(fault.message)
        except TerminalLost as loss:
            self._keep(symbol, NoAnalysis(loss.facts["reason"]))
            self._mute[symbol] = self._readings[symbol]
            self._ask_at[symbol] = newest + BAR  # lest it loses the terminal again and again
            raise
        else:
            analysis = analyse(charts, now, self._policy.analysis)
        self._mute.pop(symbol, None)
        self._keep(symbol, analysis)
        is_done = self._readings[symbol].is_of(newest) or now - newest > LATE_BAR
        self._ask_at[symbol] = newest + BAR if is_done else now

    def _is_due(self, symbol: str, now: datetime) -> bool:
        ask_at = self._ask_at.get(symbol, now)
        return not now < ask_at <= now + BAR  # beyond that the clock has gone back

    def _keep(self, symbol: str, analysis: Analysis | NoAnalysis) -> None:
        known = self._readings.get(symbol)
        if known is not None and _tells_the_same(known.analysis, analysis):
            return
        self._readings[symbol] = Reading(analysis, self._seen_from_both_sides(analysis))
        if isinstance(analysis, NoAnalysis):
            log.warning("no score", symbol=symbol, reason=analysis.reason)

    def _changed(self) -> None:
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
