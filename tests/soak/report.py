"""What a soak tells: a line each hour, a table at its end, and all numbers for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from soak.gauges import Gauges, Growth, Sample, growths
from soak.lag import LagWatch
from soak.measures import Weight, share

MIB = 1024.0 * 1024.0


@dataclass(frozen=True, slots=True)
class Result:
    """All that a soak has to say in the end; `breach` is "" where every invariant was kept."""

    seed: int
    hours: int
    terminal_time: datetime | None
    calls: dict[str, int]
    befell: dict[str, int]
    waited_for: dict[str, int]
    gauges: Gauges
    lag: LagWatch
    breach: str = ""

    @property
    def growths(self) -> list[Growth]:
        """How the server has grown."""
        return growths(self.gauges.samples)


def line(hour: int, sample: Sample, at: datetime) -> str:
    """Return the line that tells of one hour."""
    return (
        f"hour {hour:4d}  minute {sample.minute:5.1f}  {at:%a %H:%M}  "
        f"trades {sample.open_trades:3d} of {sample.trades:5d}  events {sample.events:6d}  "
        f"orders {sample.orders:5d}  server {_weight(sample.server)}  host {_weight(sample.host)}"
    )


def table(result: Result) -> str:
    """Return the table of the end."""
    return "\n".join(_rows(result))


def as_json(result: Result) -> str:
    """Return all numbers."""
    lag = result.lag
    whole: dict[str, Any] = {
        "seed": result.seed,
        "hours": result.hours,
        "breach": result.breach,
        "calls": result.calls,
        "befell": result.befell,
        "waited_for": result.waited_for,
        "lag_seconds": {"steady": _lags(lag.steady), "all": _lags(lag.all_)},
        "growth": [asdict(growth) | {"share": growth.share} for growth in result.growths],
        "samples": [asdict(sample) for sample in result.gauges.samples],
    }
    return json.dumps(whole, indent=1)


def _rows(result: Result) -> Iterator[str]:
    samples = result.gauges.samples
    yield ""
    minutes = result.gauges.minute
    yield f"seed {result.seed}, {minutes:.1f} minutes, {result.hours} hours of the terminal"
    if samples:
        last = samples[-1]
        yield (
            f"trades {last.trades}, events {last.events}, orders of DTMS {last.orders}, "
            f"deals {last.deals}, database {last.database_bytes / MIB:.1f} MiB, "
            f"terminal's files {last.world_bytes / MIB:.1f} MiB"
        )
        yield from _processes(samples)
    for name, lags in (("in steady service", result.lag.steady), ("with outages", result.lag.all_)):
        told = _lags(lags)
        yield (
            f"event lag {name:17s}  median {told['median'] * 1000:7.1f} ms  "
            f"p99 {told['p99'] * 1000:8.1f} ms  max {told['max'] * 1000:9.1f} ms  "
            f"({told['count']:.0f} arrivals)"
        )
    yield "calls       " + _counts(result.calls)
    yield "befell      " + _counts(result.befell)
    yield "waited for  " + (_counts(result.waited_for) or "nothing")
    for growth in result.growths:
        verdict = "TOO MUCH" if growth.is_too_much else "kept"
        yield (
            f"server's {growth.what:16s} minute 10 {_figure(growth, growth.early)}  "
            f"end {_figure(growth, growth.late)}  {growth.share:+.1%}  {verdict}"
        )
    yield f"BREACH: {result.breach}" if result.breach else "every invariant was kept"


def _processes(samples: list[Sample]) -> Iterator[str]:
    yield "PROCESS     FIRST                        HALF WAY                     END"
    chosen = (samples[0], samples[len(samples) // 2], samples[-1])
    for name in ("server", "host", "supervisor", "soak"):
        weights = (_weight(getattr(sample, name)) for sample in chosen)
        yield f"{name:10s}  " + "  ".join(f"{weight:27s}" for weight in weights)


def _weight(weight: Weight | None) -> str:
    if weight is None:
        return "-"
    mib = weight.rss_bytes / MIB
    return f"{mib:6.1f} MiB {weight.descriptors:3d} fds {weight.threads:3d} thr"


def _figure(growth: Growth, value: float) -> str:
    return f"{value / MIB:.1f} MiB" if growth.what == "resident memory" else f"{value:.0f}"


def _lags(lags: list[float]) -> dict[str, float]:
    return {
        "median": share(lags, 0.5),
        "p99": share(lags, 0.99),
        "max": max(lags, default=0.0),
        "count": len(lags),
    }


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
