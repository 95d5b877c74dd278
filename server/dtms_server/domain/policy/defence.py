"""The numbers by which a trade is defended: when, how far, how much, and what holds it back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from dtms_server.domain.policy.ranges import (
    Bars,
    Factor,
    FactorOrZero,
    Magic,
    MarketPoints,
    Minutes,
    MinutesOrZero,
    ScoreValue,
    Seconds,
    SecondsOrZero,
    Share,
    Times,
    WholeDays,
    WholeMarketPoints,
)


class SmallVolume(StrEnum):
    """What to do with a half that the broker would not take: leave it, or close all."""

    SKIP = "skip"
    CLOSE_ALL = "close_all"


class LosingBreakEven(StrEnum):
    """What to do while the price is not past break-even: wait, or set the closest stop allowed,
    which closes most losing trades within minutes."""

    WAIT = "wait"
    CLOSEST = "closest"


class HedgeExit(StrEnum):
    """Which structural break against a hedged trade closes both: any, or a change of character."""

    ANY = "any"
    CHOCH = "choch"


@dataclass(frozen=True, slots=True)
class StatePolicy:
    """When a trade moves from state to state. R is the distance between entry and initial stop;
    minutes are those of an open market."""

    grace_minutes: MinutesOrZero = 15.0
    """From registration, or an adopted position's opening, for which a trade stays HEALTHY."""
    grace_gain_r: Factor = 0.2
    """A gain, in R, that ends the grace."""
    grace_loss_r: Factor = 0.5
    """A loss, in R, that ends the grace."""
    descent_bars: Bars = 12
    """Closed M5 bars that HEALTHY must hold for until a descent has ended."""
    flat_minutes: Minutes = 75.0
    """How long a trade stays hedged before both are closed."""
    recovery_minutes: Minutes = 30.0
    """How long a trade has to recover after its hedge before it is closed."""
    recovered_score: ScoreValue = 1.0
    """The score at or above which a trade has recovered."""
    hedge_exit_on: HedgeExit = HedgeExit.ANY
    """Which structural break against a hedged trade closes both."""
    timer_tick_seconds: Seconds = 60.0
    """How old the newest tick may be when a timer that has run out acts."""
    timer_spread_minutes: MinutesOrZero = 5.0
    """How long a timer that has run out waits for the spread to come under its limit."""


@dataclass(frozen=True, slots=True)
class StopPolicy:
    """Where stops go. An ATR is ATR(14) of M15 unless it says otherwise."""

    r_least_atr: Factor = 0.5
    """How far, in ATR, an initial stop must be from the entry for R to be read from it."""
    r_default_atr: Factor = 1.5
    """R, in ATR, where it cannot be."""
    set_missing_stop: bool = True
    """Does a trade without a stop get one once it is out of grace?"""
    missing_stop_r: Factor = 2.0
    """How far from the entry that stop is, in R."""
    tighten_r: Factor = 0.3
    """How far behind the price a tightened stop is, in R."""
    tighten_least_atr: FactorOrZero = 0.5
    """The same in ATR, at least."""
    level_spreads: FactorOrZero = 2.0
    """Spreads that are added to the stops level for the least distance of a stop of ours."""
    break_even_when_losing: LosingBreakEven = LosingBreakEven.WAIT
    """What to do while the price is not past break-even."""
    trail_atr: FactorOrZero = 0.1
    """How far behind the last swing, in ATR and a spread, a trailed stop is."""
    hedge_atr: FactorOrZero = 0.5
    """How far from its entry a hedge's stop is, in ATR, at least."""
    hedge_spreads: FactorOrZero = 4.0
    """The same in spreads, at least."""
    readd_keep_atr: FactorOrZero = 0.5
    """How far away, in ATR, the parent's stop must be for a re-added position to take it over."""
    readd_atr: Factor = 1.5
    """How far from its entry a re-added position's stop is otherwise, in ATR."""


@dataclass(frozen=True, slots=True)
class VolumePolicy:
    """How much is closed and opened, as shares."""

    half_share: Share = 0.5
    """What the half-close closes, of the current volume."""
    readd_share: Share = 0.5
    """What is added again, of what DTMS closed in the descent."""
    small_volume: SmallVolume = SmallVolume.SKIP
    """What to do with a half under the minimum, or that leaves less than it."""


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """How orders are sent, and their outcome is found out."""

    deviation_points: WholeMarketPoints = 20
    """How far the price may move between order and deal, where the broker asks for it."""
    sends_a_cycle: Times = 3
    """How often an action's order is sent in one cycle, each one refused before the next."""
    rounds_a_cycle: Times = 6
    """How many actions of one trade follow on each other in one cycle."""
    read_back_seconds: Seconds = 5.0
    """Wall time for which an answered order is looked for on the terminal."""
    read_back_poll_seconds: Seconds = 0.2
    """Wall time between two such looks."""
    settle_seconds: SecondsOrZero = 60.0
    """Terminal time since the send before an order may be taken not to have been carried out."""
    settle_apart_seconds: Seconds = 10.0
    """Terminal time between the two reads that must both show nothing of it."""


@dataclass(frozen=True, slots=True)
class RailPolicy:
    """What holds actions back that open a position."""

    spread_medians: Factor = 2.0
    """The spread may be so many times its median."""
    spread_days: WholeDays = 30
    """Days of M15 spreads that the median is taken of."""
    spread_least_bars: Bars = 96
    """M15 bars without which the spread blocks nothing: a day."""
    equity_day_share: Share = 0.02
    """Loss of equity since the server day's start."""
    equity_hour_share: Share = 0.01
    """Loss of equity within the window."""
    equity_window_minutes: Minutes = 60.0
    """That window."""
    losing_streak: Times = 3
    """The last so many guarded trades closed by their stop, or stopped out, at a loss."""


@dataclass(frozen=True, slots=True)
class SymbolPolicy:
    """What may differ by symbol."""

    hedge_factor: Share = 0.5
    """A hedge's volume, as a share of its trade's."""
    readd: bool = True
    """May a recovered trade be added to again?"""
    spread_floor_points: MarketPoints = 10.0
    """A spread up to this, in points, never blocks."""


def _symbols() -> Mapping[str, SymbolPolicy]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DefencePolicy:
    """How a trade is defended."""

    states: StatePolicy = field(default_factory=StatePolicy)
    stops: StopPolicy = field(default_factory=StopPolicy)
    volumes: VolumePolicy = field(default_factory=VolumePolicy)
    sending: SendingPolicy = field(default_factory=SendingPolicy)
    rails: RailPolicy = field(default_factory=RailPolicy)
    symbol: SymbolPolicy = field(default_factory=SymbolPolicy)
    """For symbols that are not named."""
    symbols: Mapping[str, SymbolPolicy] = field(default_factory=_symbols)
    """By symbol, as the terminal spells it."""
    adopt: tuple[Magic, ...] = ()
    """Magic numbers whose positions are adopted."""

    def of_symbol(self, symbol: str) -> SymbolPolicy:
        """Return what holds for a symbol."""
        return self.symbols.get(symbol, self.symbol)
