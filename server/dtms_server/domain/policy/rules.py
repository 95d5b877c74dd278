"""Which numbers of the policy bound each other, by their dotted names: the whole of it is a
table."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from dtms_server.domain.analysis.symbols import base_symbol
from dtms_server.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Conflict:
    """Numbers that do not go together: where they stand in the policy, and why not, in words that
    name them."""

    places: tuple[tuple[str, ...], ...]
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The sum of `lesser` lies under `greater`, or may equal it."""

    lesser: tuple[str, ...]
    greater: str
    may_equal: bool

    def broken_by(self, policy: Policy) -> bool:
        """Do the policy's numbers contradict the rule?"""
        total = sum(_value(policy, name) for name in self.lesser)
        limit = _value(policy, self.greater)
        return total > limit or (total == limit and not self.may_equal)

    def told(self, policy: Policy) -> str:
        """Return the rule in words, with the policy's numbers."""
        total = " + ".join(_with_value(policy, name) for name in self.lesser)
        words = "must be at most" if self.may_equal else "must be under"
        return f"{total} {words} {_with_value(policy, self.greater)}"


def _under(lesser: str, greater: str) -> Rule:
    return Rule((lesser,), greater, may_equal=False)


def _within(greater: str, *lesser: str) -> Rule:
    return Rule(lesser, greater, may_equal=True)


_BANDS: Final = "scoring.bands"
_REGIME: Final = "analysis.regime"
_LOOKS: Final = "analysis.indicators"
_SENDING: Final = "defence.sending"
_SHARES: Final = "analysis.vwap.share_by_symbol"

RULES: Final = (
    _under(f"{_BANDS}.failing_above", f"{_BANDS}.weak_above"),
    _under(f"{_BANDS}.weak_above", f"{_BANDS}.soft_above"),
    _under(f"{_BANDS}.soft_above", f"{_BANDS}.steady_from"),
    _under(f"{_REGIME}.london_hour", f"{_REGIME}.overlap_hour"),
    _under(f"{_REGIME}.overlap_hour", f"{_REGIME}.new_york_hour"),
    _under(f"{_REGIME}.new_york_hour", f"{_REGIME}.asian_hour"),
    _under(f"{_REGIME}.low_atr_ratio", f"{_REGIME}.high_atr_ratio"),
    _under(f"{_LOOKS}.macd_fast_period", f"{_LOOKS}.macd_slow_period"),
    _under(f"{_LOOKS}.ema_fast_period", f"{_LOOKS}.ema_slow_period"),
    # every indicator has its bars as soon as there is an analysis, and the EMAs theirs
    _within("analysis.least_m15_bars", f"{_LOOKS}.rsi_period", f"{_LOOKS}.rsi_change_bars"),
    _within(
        "analysis.least_m15_bars",
        f"{_LOOKS}.macd_slow_period",
        f"{_LOOKS}.macd_signal_period",
        f"{_LOOKS}.histogram_bars",
    ),
    _within("analysis.least_m15_bars", f"{_LOOKS}.atr_period", f"{_LOOKS}.atr_mean_bars"),
    _within("analysis.least_m15_bars", f"{_LOOKS}.band_period"),
    _within("analysis.least_ema_bars", f"{_LOOKS}.ema_slow_period", f"{_LOOKS}.slope_bars"),
    _within("analysis.least_m5_bars", "analysis.vwap.closes"),
    _within("analysis.least_m5_bars", "analysis.volume.bars"),
    _within("analysis.m5_bars", "analysis.least_m5_bars"),
    _within("analysis.m15_bars", "analysis.least_m15_bars"),
    _within("analysis.m15_bars", "analysis.least_ema_bars"),
    _under("scoring.volume_favourable_share", "scoring.volume_leaning_share"),
    _within("analysis.volume.flip_share", "scoring.volume_leaning_share"),
    _within("analysis.volume.low_volatility_flip_share", "scoring.volume_leaning_share"),
    _within("scoring.rsi_strong", "scoring.rsi_weak"),
    _within("scoring.rsi_strong", "scoring.low_volatility_rsi_weak"),
    _within("absence_apart_longest_seconds", "absence_apart_seconds"),
    _within("reconnect_longest_seconds", "reconnect_first_seconds"),
    _within(f"{_SENDING}.read_back_seconds", f"{_SENDING}.read_back_poll_seconds"),
    _within(f"{_SENDING}.settle_seconds", f"{_SENDING}.read_back_seconds"),
    _within(f"{_SENDING}.settle_seconds", f"{_SENDING}.settle_apart_seconds"),
)


def conflicts(policy: Policy) -> Iterator[Conflict]:
    """Return what contradicts itself in a policy whose numbers are each within their range."""
    for rule in RULES:
        if rule.broken_by(policy):
            places = tuple(tuple(name.split(".")) for name in (*rule.lesser, rule.greater))
            yield Conflict(places, rule.told(policy))
    if policy.magic in policy.defence.adopt:
        why = f"policy.defence.adopt must not hold {policy.magic}, the magic of DTMS's own orders"
        yield Conflict((("defence", "adopt"),), why)
    for name in policy.analysis.vwap.share_by_symbol:
        if name != base_symbol(name):
            why = f"policy.{_SHARES}.{name} must go by the name {base_symbol(name)}"
            yield Conflict(((*_SHARES.split("."), name),), why)


def _value(policy: Policy, name: str) -> float:
    value: float = attrgetter(name)(policy)
    return value


def _with_value(policy: Policy, name: str) -> str:
    return f"policy.{name} = {_value(policy, name)}"
