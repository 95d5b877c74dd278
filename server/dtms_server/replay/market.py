"""The market at a moment of a history: its quote, and what the bars that had closed told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dtms_server.domain.analysis import Analysis
from dtms_server.domain.market import Instrument, Quote, TradeMode
from dtms_server.domain.scoring import Score
from dtms_server.domain.sizing import Market
from dtms_server.domain.trade import Direction
from dtms_server.replay.entries import profit
from dtms_server.replay.history import History
from dtms_server.replay.readings import Reading


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in UTC, within M5 bar `bar` or at its end. `bid` and `ask` are in points, `quote` is
    the same in prices, with when they came; `reading` is what the newest closed bar told, None
    where it is too old."""

    at: datetime
    bar: int
    bid: int
    ask: int
    quote: Quote
    reading: Reading | None
    is_open: bool

    @property
    def analysis(self) -> Analysis | None:
        """The market by its closed bars; None where none could be made."""
        return self.reading.analysis if self.reading else None

    def closing(self, direction: Direction) -> int:
        """What a position on that side closes at, in points."""
        return self.bid if direction is Direction.BUY else self.ask

    def score(self, direction: Direction) -> Score | None:
        """Return the score of trades on that side."""
        return self.reading.scores.get(direction) if self.reading else None

    @property
    def market(self) -> Market:
        """What sizing reads."""
        return Market.of(self.quote, self.analysis)


class Moments:
    """Makes the moments of a history."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._instrument = _instrument(history, history.lasts[Direction.BUY][0])
        self._is_value_fixed = history.symbol.quote == "USD"

    def at_close(self, bar: int, reading: Reading) -> Moment:
        """Return the moment at which an M5 bar has just closed."""
        history, at = self._history, reading.at
        bid, ask = (history.lasts[side][bar] for side in Direction)
        quote = self._quote(at - timedelta(milliseconds=int(history.reach.last_age[bar])), bid, ask)
        return Moment(at, bar, bid, ask, quote, reading, is_open=history.is_open_after[bar])

    def within(self, bar: int, tick: int, reading: Reading | None) -> Moment:
        """Return the moment of a tick within an M5 bar; `reading` is that of the bar before."""
        ticks = self._history.ticks(bar)
        at = datetime.fromtimestamp(int(ticks.at[tick]) / 1000, UTC)
        bid, ask = int(ticks.bid[tick]), int(ticks.ask[tick])
        return Moment(at, bar, bid, ask, self._quote(at, bid, ask), reading, is_open=True)

    def supposed(self, bar: int, bid: int, ask: int) -> Moment:
        """Return a moment of an M5 bar with a quote that is only thought of, in points."""
        at = datetime.fromtimestamp(self._history.closes_at[bar], UTC)
        return Moment(at, bar, bid, ask, self._quote(at, bid, ask), None, is_open=True)

    def _quote(self, at: datetime, bid: int, ask: int) -> Quote:
        """Return a quote in prices."""
        symbol, instrument = self._history.symbol, self._instrument
        if not self._is_value_fixed:
            instrument = _instrument(self._history, bid)
        return Quote(instrument, symbol.from_points(bid), symbol.from_points(ask), at)


def _instrument(history: History, bid: int) -> Instrument:
    symbol = history.symbol
    return Instrument(
        symbol=symbol.name,
        point=1 / symbol.scale,
        digits=symbol.digits,
        tick_size=symbol.from_points(symbol.tick_points),
        tick_value=profit(symbol, Direction.BUY, 1.0, bid, bid + symbol.tick_points),
        volume_min=symbol.volume_min,
        volume_max=symbol.volume_max,
        volume_step=symbol.volume_step,
        stops_level=symbol.stops_level,
        freeze_level=symbol.freeze_level,
        trade_mode=TradeMode.FULL,
        allows_close_by=True,
    )
