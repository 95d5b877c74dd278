"""Prices in whole ticks and volumes in whole steps, as the broker counts them."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from dtms_server.domain.market import Instrument, Position, Quote
from dtms_server.domain.trade import Direction

DUST: Final = 1e-6
"""The part of a tick or step up to which a difference is binary rounding."""
LOT_DIGITS: Final = 8
"""Decimals of a volume: more than any step has, fewer than binary rounding leaves."""


@dataclass(frozen=True, slots=True)
class Side:
    """The market as a position on one side sees it: in ticks that count up as it gains. What is
    right for BUY is then right for SELL, to the tick."""

    direction: Direction
    quote: Quote

    @property
    def closing(self) -> int:
        """The tick that it closes at; between two, the worse."""
        return self.below(self.quote.closing_price(self.direction))

    @property
    def opening(self) -> int:
        """The tick that it opens at; between two, the lower."""
        return self.below(self.quote.opening_price(self.direction))

    @property
    def spread(self) -> int:
        """Ask over bid, at least 0."""
        return max(0, self.distance(self.quote.spread))

    @property
    def level(self) -> int:
        """How far from the closing price the broker wants a stop or target: a floating stops level
        is taken to be the spread."""
        instrument = self.quote.instrument
        return self.distance(instrument.stops_level * instrument.point) or self.spread

    def spreads(self, count: float) -> int:
        """Return so many spreads."""
        return ceil(count * self.spread - DUST)

    def least(self, spreads: float) -> int:
        """Return how far a stop of ours stays: the broker's level and so many spreads."""
        return max(1, self.level + self.spreads(spreads))

    def distance(self, price: float) -> int:
        """Return a distance in price as ticks, never fewer."""
        return ceil(price / self.quote.instrument.tick_size - DUST)

    def ticks(self, price: float) -> float:
        """Return a price as ticks, which may lie between two."""
        return self.direction.sign * price / self.quote.instrument.tick_size

    def below(self, price: float) -> int:
        """Return the tick at a price, or next on its losing side."""
        return floor(self.ticks(price) + DUST)

    def above(self, price: float) -> int:
        """Return the tick at a price, or next on its winning side."""
        return ceil(self.ticks(price) - DUST)

    def price(self, ticks: int) -> float:
        """Return the price of a tick: the float nearest to its decimals."""
        instrument = self.quote.instrument
        return round(self.direction.sign * ticks * instrument.tick_size, instrument.digits)


def is_frozen(position: Position, quote: Quote) -> bool:
    """Is its stop or target so near the price that the broker lets nothing of it be changed?"""
    instrument = quote.instrument
    closing = quote.closing_price(position.direction)
    reach = (instrument.freeze_level + DUST) * instrument.point
    levels = (position.stop_loss, position.take_profit)
    return instrument.freeze_level > 0 and any(
        level is not None and abs(level - closing) <= reach for level in levels
    )


def steps_down(lots: float, instrument: Instrument) -> float:
    """Return whole steps of volume, at most `lots` and the maximum; it may be under the minimum."""
    step = instrument.volume_step
    return round(floor(min(lots, instrument.volume_max) / step + DUST) * step, LOT_DIGITS)


def steps_up(lots: float, instrument: Instrument) -> float:
    """Return whole steps of volume, at least `lots` and the minimum, and at most the maximum."""
    step = instrument.volume_step
    steps = ceil(max(lots, instrument.volume_min) / step - DUST)
    return steps_down(steps * step, instrument)
