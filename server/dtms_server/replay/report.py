"""What a replay found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from dtms_server.replay.history import History
from dtms_server.replay.plan import Plan
from dtms_server.replay.statistics import Summary, summary
from dtms_server.replay.tally import Tally

R_DIGITS: Final = 4
MONEY_DIGITS: Final = 2
DTMS: Final = "dtms"
PLAIN: Final = "plain"
"""The names of the twins: with the defence, and without it."""
REAL: Final = "real"
MADE: Final = "made"
NONE: Final = "none"
"""What a part of a score read: bars as the files hold them, or add up to them; bars or volumes that
were made up within those; or nothing, since the files hold no ticks."""


@dataclass(frozen=True, slots=True)
class Results:
    """What one exit made of all the trades, in R (the loss at the first stop) and in USD."""

    r: Summary
    money: Summary
    total_money: float


@dataclass(frozen=True, slots=True)
class Report:
    """All numbers of a replay; see Tally for what the counts are of. `since` and `until` in UTC."""

    symbol: str
    since: str
    until: str
    plan: Plan
    trades: int
    twins: Mapping[str, Results]
    inputs: Mapping[str, str]
    tally: Tally

    def plain(self) -> dict[str, Any]:
        """Return the report as plain values, always in the same order."""
        tally = self.tally
        return {
            "symbol": self.symbol,
            "since": self.since,
            "until": self.until,
            "plan": asdict(self.plan),
            "trades": self.trades,
            "twins": {name: asdict(results) for name, results in self.twins.items()},
            "signals": {
                name: {f"{points + 0.0:g}": counts[points] for points in sorted(counts)}
                for name, counts in tally.signals.items()
            },
            "inputs": dict(self.inputs),
            "states": dict(tally.states),
            "transitions": {f"{a}>{b}": times for (a, b), times in tally.transitions.items()},
            "actions": dict(tally.actions),
            "not_done": dict(sorted(tally.not_done.items())),
            "blocked": dict(sorted(tally.blocked.items())),
        }


def results(money: Sequence[float], risks: Sequence[float]) -> Results:
    """Return what the trades made; `risks` is what one R of each is, in USD."""
    in_r = [made / risk for made, risk in zip(money, risks, strict=True)]
    return Results(
        summary(in_r, R_DIGITS),
        summary(money, MONEY_DIGITS),
        round(sum(money), MONEY_DIGITS) + 0.0,
    )


def inputs(history: History) -> dict[str, str]:
    """Return what each part of a score read."""
    of_m5 = MADE if history.is_m5_made else REAL
    of_m15 = MADE if history.is_m15_made else REAL
    of_volume = MADE if history.is_volume_made or history.is_m5_made else REAL
    return {
        "structure": of_m15,
        "vwap": of_volume,
        "volume": of_volume,
        "momentum": of_m15,
        "ema_alignment": of_m15,
        "delta_pressure": NONE,
        "candle_conviction": of_m5,
    }
