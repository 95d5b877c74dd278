"""What a number of the policy may be, as a type that stands beside the number: a range is checked
where a value comes from outside."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Range:
    """From `least` to `most`; `above` leaves `least` itself out."""

    least: float
    most: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        """Does the value lie within? NaN does not."""
        return self.least <= value <= self.most and not (self.above and value == self.least)

    def __str__(self) -> str:
        if self.above:
            return f"above {self.least}, at most {self.most}"
        return f"from {self.least} to {self.most}"


Seconds = Annotated[float, Range(0, 86_400, above=True)]
SecondsOrZero = Annotated[float, Range(0, 86_400)]
Minutes = Annotated[float, Range(0, 10_080, above=True)]
MinutesOrZero = Annotated[float, Range(0, 10_080)]
Days = Annotated[float, Range(0, 3_650, above=True)]
WholeDays = Annotated[int, Range(1, 365)]
UtcHour = Annotated[int, Range(1, 23)]

Share = Annotated[float, Range(0, 1, above=True)]
ShareOrZero = Annotated[float, Range(0, 1)]
Factor = Annotated[float, Range(0, 100, above=True)]
"""A multiple of something: an ATR, R, a spread, a deviation, a median."""
FactorOrZero = Annotated[float, Range(0, 100)]

Bars = Annotated[int, Range(1, 10_000)]
Period = Annotated[int, Range(2, 10_000)]
"""Bars of an indicator: none of TA-Lib's is defined for fewer."""
Times = Annotated[int, Range(1, 1_000)]
Events = Annotated[int, Range(1, 1_000_000_000)]
MarketPoints = Annotated[float, Range(0, 1_000_000)]
WholeMarketPoints = Annotated[int, Range(0, 1_000_000)]
Magic = Annotated[int, Range(1, 2**63 - 1)]

ScoreValue = Annotated[float, Range(-100, 100)]
For = Annotated[float, Range(0, 100)]
"""Points of a signal in a trade's favour."""
Against = Annotated[float, Range(-100, 0)]
RsiLevel = Annotated[float, Range(0, 100)]
