"""What the results of many trades come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

WORST_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Summary:
    """Results in one unit, R or money. `spread` is their standard deviation, `average_loss` the
    mean of those under 0, `worst_5_percent` the mean of the worst twentieth (rounded up to whole
    trades); all 0 where there are none."""

    mean: float = 0.0
    spread: float = 0.0
    average_loss: float = 0.0
    worst_5_percent: float = 0.0
    worst: float = 0.0


def summary(results: Sequence[float], digits: int) -> Summary:
    """Sum up results, to so many decimals."""
    if not results:
        return Summary()
    ordered = sorted(results)
    mean = sum(ordered) / len(ordered)
    squares = sum((each - mean) ** 2 for each in ordered)
    losses = [each for each in ordered if each < 0]
    worst = ordered[: ceil(len(ordered) * WORST_SHARE)]
    numbers = (
        mean,
        sqrt(squares / max(1, len(ordered) - 1)),
        sum(losses) / len(losses) if losses else 0.0,
        sum(worst) / len(worst),
        ordered[0],
    )
    return Summary(*(round(number, digits) + 0.0 for number in numbers))
