"""What may hold an action back, and the memory of those rails that stay shut once they did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from dtms_server.domain.bars import Integers
from dtms_server.domain.market import CashFlow
from dtms_server.domain.policy.defence import DefencePolicy, RailPolicy
from dtms_server.domain.trade import CloseReason, Trade

M15_A_DAY: Final = 96
OTHER_DAY: Final = timedelta(hours=12)
"""By how much the beginning of the server's day moves when the day is another one; when its clock
goes to summer time and back it moves by an hour."""

STOPPED: Final = (CloseReason.SL, CloseReason.STOP_OUT)
"""How trades end that count for a streak of losses."""

BROKER_LAGS: Final = timedelta(minutes=1)
"""By how much the time of a payment, the broker's, may lie before ours for what came after it."""


class Rail(StrEnum):
    """A rail, by the name that ACTION_BLOCKED gives it. The first four hold every action back, the
    rest those that open a position."""

    PAUSED = "PAUSED"
    NOT_ALLOWED = "NOT_ALLOWED"
    MARKET_CLOSED = "MARKET_CLOSED"
    STALE_DATA = "STALE_DATA"
    SPREAD = "SPREAD"
    EQUITY_DAY = "EQUITY_DAY"
    EQUITY_HOUR = "EQUITY_HOUR"
    LOSING_STREAK = "LOSING_STREAK"


LATCHING: Final = (Rail.EQUITY_DAY, Rail.EQUITY_HOUR, Rail.LOSING_STREAK)
"""The rails that stay shut, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Latch:
    """A rail that holds until the next server day or a reset; `since` in UTC, `reason` in words."""

    rail: Rail
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What the account was worth at a time, in its currency, less what was paid in since."""

    at: datetime
    equity: float


@dataclass(frozen=True, slots=True)
class RailMemory:
    """What the latching rails remember. `day_equity` is the first seen of the server's day that
    began at `day_start`; `samples` are the highest of each minute of the window, oldest first;
    trades that closed before `streak_from` no longer count for a streak."""

    day_start: datetime
    day_equity: Sample
    samples: tuple[Sample, ...]
    streak_from: datetime
    latches: tuple[Latch, ...] = ()

    def latched(self, rail: Rail) -> Latch | None:
        """Return the rail's latch while it holds."""
        return next((latch for latch in self.latches if latch.rail is rail), None)

    @property
    def holding(self) -> Rail | None:
        """The first rail that is latched."""
        return next((rail for rail in LATCHING if self.latched(rail)), None)


def observe(
    memory: RailMemory | None,
    at: datetime,
    equity: float,
    cash: Iterable[CashFlow],
    day_start: datetime,
    policy: RailPolicy,
) -> RailMemory:
    """Return the memory after the account was seen to be worth `equity` at `at`.

    `cash` was not told before; it changes what was seen before it was paid, and is no gain or loss.
    `day_start` is that of the server's day at `at`. Times are UTC.
    """
    if memory is None:
        return _begun(at, equity, day_start)
    memory = _paid(memory, cash)
    if abs(day_start - memory.day_start) >= OTHER_DAY:
        memory = _next_day(memory, Sample(at, equity), day_start)
    memory = replace(memory, day_start=day_start, samples=_sampled(memory, at, equity, policy))
    return _judged(memory, at, equity, policy)


def count_stops(
    memory: RailMemory, at: datetime, closed: Sequence[Trade], policy: RailPolicy
) -> RailMemory:
    """Return the memory after a look at the trades that closed last, newest first, of those that
    closed since `streak_from`. A stop-out is a stop as well: it is the worse one."""
    last = [trade.closing for trade in closed[: policy.losing_streak]]
    stopped = [c for c in last if c and c.reason in STOPPED and c.profit < 0]
    if not 0 < policy.losing_streak <= len(stopped):
        return memory
    words = f"the last {len(stopped)} trades were stopped at a loss"
    return _latch(memory, Rail.LOSING_STREAK, at, words)


def spread_bars(policy: RailPolicy) -> int:
    """Return of how many M15 bars the median spread is taken."""
    return policy.spread_days * M15_A_DAY


def spread_limit(spreads: Integers, symbol: str, policy: DefencePolicy) -> float | None:
    """Return how wide a symbol's spread may be by those of these bars, all in points; None where
    they are too few to tell."""
    if len(spreads) < policy.rails.spread_least_bars:
        return None
    floor = policy.of_symbol(symbol).spread_floor_points
    return max(policy.rails.spread_medians * float(np.median(spreads)), floor)


def restart(memory: RailMemory, at: datetime, equity: float) -> RailMemory:
    """Return the memory as if everything began at `at`: an operator has lifted the rails."""
    return _begun(at, equity, memory.day_start)


def _begun(at: datetime, equity: float, day_start: datetime) -> RailMemory:
    first = Sample(at, equity)
    return RailMemory(day_start, first, (first,), streak_from=at)


def _next_day(memory: RailMemory, first: Sample, day_start: datetime) -> RailMemory:
    """Lift the latches; what closed them is not to close them again on the new day."""
    fell = memory.latched(Rail.EQUITY_HOUR) is not None
    lost = memory.latched(Rail.LOSING_STREAK) is not None
    return RailMemory(
        day_start,
        first,
        samples=() if fell else memory.samples,
        streak_from=day_start if lost else memory.streak_from,
    )


def _paid(memory: RailMemory, cash: Iterable[CashFlow]) -> RailMemory:
    for flow in cash:
        memory = replace(
            memory,
            day_equity=_before(memory.day_equity, flow),
            samples=tuple(_before(sample, flow) for sample in memory.samples),
        )
    return memory


def _before(sample: Sample, flow: CashFlow) -> Sample:
    """Return the sample as if it had been paid by then. Where that cannot be told, it is the lower:
    what was paid is to shut no rail."""
    if sample.at >= flow.at + BROKER_LAGS:
        return sample
    paid_later = sample.at < flow.at
    amount = flow.amount if paid_later else min(0.0, flow.amount)
    return replace(sample, equity=sample.equity + amount)


def _sampled(
    memory: RailMemory, at: datetime, equity: float, policy: RailPolicy
) -> tuple[Sample, ...]:
    """Return the samples of the window that ends now; of each minute the highest."""
    begin = at - timedelta(minutes=policy.equity_window_minutes)
    kept = [sample for sample in memory.samples if begin <= sample.at <= at]
    if kept and _minute(kept[-1].at) == _minute(at):
        if equity < kept[-1].equity:
            return tuple(kept)
        kept.pop()
    return (*kept, Sample(at, equity))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _judged(memory: RailMemory, at: datetime, equity: float, policy: RailPolicy) -> RailMemory:
    highest = max(sample.equity for sample in memory.samples)
    for rail, before, share, since in (
        (Rail.EQUITY_DAY, memory.day_equity.equity, policy.equity_day_share, "the day's start"),
        (
            Rail.EQUITY_HOUR,
            highest,
            policy.equity_hour_share,
            f"its highest of {policy.equity_window_minutes:g} minutes",
        ),
    ):
        if before > 0 and before - equity >= share * before:
            words = f"equity {equity:.2f} is {1 - equity / before:.1%} under {since}"
            memory = _latch(memory, rail, at, words)
    return memory


def _latch(memory: RailMemory, rail: Rail, at: datetime, reason: str) -> RailMemory:
    if memory.latched(rail):
        return memory
    return replace(memory, latches=(*memory.latches, Latch(rail, at, reason)))
