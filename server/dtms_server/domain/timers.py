"""Time as a trade's timers count it: the minutes of an open market."""

from datetime import datetime, timedelta
from typing import Final

from dtms_server.domain.analysis.reading import Analysis
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Trade

BAR: Final = timedelta(minutes=5)
"""How long an M5 bar lasts."""


def bar_end(at: datetime) -> datetime:
    """Return when the M5 bar ends that holds a time."""
    return at - timedelta(seconds=at.timestamp() % BAR.total_seconds()) + BAR


def open_since(since: datetime, now: datetime, analysis: Analysis | None) -> timedelta:
    """Return for how long the market was open between two moments, as far as its bars tell."""
    return now - since - _closed(since, now, analysis)


def runs_out_at(trade: Trade, now: datetime, analysis: Analysis | None) -> datetime | None:
    """Return when the trade's timer runs out: its deadline, put off by the minutes for which the
    market was closed meanwhile; None where it has no timer."""
    deadline = trade.defence.deadline
    if deadline is None:
        return None
    return deadline + _closed(trade.state_entered_at, now, analysis)


def ran_out_at(trade: Trade, now: datetime, analysis: Analysis | None) -> datetime | None:
    """Return when the trade's timer ran out; None while it runs, and while there is no analysis:
    only a bar after the market's reopening tells for how long it was closed."""
    due = runs_out_at(trade, now, analysis)
    return due if analysis is not None and due is not None and now >= due else None


def is_descent_over(trade: Trade, now: datetime, analysis: Analysis | None, policy: Policy) -> bool:
    """Has a HEALTHY trade been so for long enough? What was done in the descent before is then of
    another time."""
    held = open_since(trade.state_entered_at, now, analysis)
    return held >= policy.defence.states.descent_bars * BAR


def _closed(since: datetime, now: datetime, analysis: Analysis | None) -> timedelta:
    closings = analysis.closings if analysis else ()
    spans = (min(end, now) - max(start, since) for start, end in closings)
    return sum((span for span in spans if span > timedelta(0)), timedelta(0))
