"""Markets by script: what a price does, in bars of five minutes and in ATR, made into a replay.

A script is read like a sentence: `Script((*crash(), *flat(6)), (*rise(3, bars=9), *flat(30)))` is a
market that has crashed half an hour ago when the clock begins, and that will rise. Before all that
lies most of a calm day, so that every indicator has a value and there are swings to break.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dtms_server.domain.trade import Direction
from dtms_server.terminal.simulator.settings import Settings

ATR = 100
"""Points of the calm market's ATR(14, M15): the unit in which scripts move the price."""
BAR = timedelta(minutes=5)
MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)
"""When the calm past ends: London opens, and no score is weighed until the evening."""
SERVER_AHEAD = timedelta(hours=2)
BEGINS_AT = 110_000
"""Points of the price in the morning."""
SPREAD = 8
WAVE = 48
"""Bars of a wave of the calm market, from peak to peak."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One bar: how far it closes from its open, and reaches above and below its body, in points;
    `after` is for how long nothing was traded before it."""

    move: int
    above: int = 20
    below: int = 20
    ticks: int = 20
    spread: int = SPREAD
    after: timedelta = timedelta(0)

    def mirrored(self) -> "Stroke":
        """The same to a seller."""
        return replace(self, move=-self.move, above=self.below, below=self.above)


Leg = tuple[Stroke, ...]


def calm(bars: int) -> Leg:
    """To and fro in slow waves of 1.5 ATR, each with a peak and a trough that stand out."""
    heights = [_height(bar) + (10 if bar % 2 else -10) for bar in range(1, bars + 1)]
    moves = (here - before for before, here in zip([0, *heights], heights, strict=False))
    return tuple(
        Stroke(
            move,
            above=55 if bar % WAVE == 0 else 30,
            below=55 if bar % WAVE == WAVE // 2 else 30,
        )
        for bar, move in enumerate(moves, start=1)
    )


def flat(bars: int) -> Leg:
    """To and fro, and nowhere: the price is where it was, or 0.2 ATR under that."""
    return tuple(Stroke(10 if bar % 2 == 0 else -10, 30, 30) for bar in range(bars))


def drift(atr: float, bars: int) -> Leg:
    """As flat, but all the bars together go somewhere."""
    moves = (stroke.move + step for stroke, step in zip(flat(bars), _steps(atr, bars), strict=True))
    return tuple(Stroke(move, 30, 30) for move in moves)


def slide(atr: float, bars: int) -> Leg:
    """There by every other bar, and a little back by the next: neither side has the volume."""
    back = -10 if atr > 0 else 10
    steps = tuple(_steps(atr, bars))
    pairs = zip(steps[::2], (*steps[1::2], 0), strict=False)
    moves = tuple(move for one, other in pairs for move in (one + other - back, back))
    return tuple(Stroke(move, 30, 30) for move in moves[:bars])


def rise(atr: float, bars: int) -> Leg:
    """Straight up, bar by bar."""
    return tuple(Stroke(step) for step in _steps(atr, bars))


def fall(atr: float, bars: int) -> Leg:
    """Straight down, bar by bar."""
    return rise(-atr, bars)


def crash(atr: float = 5.0, bars: int = 3) -> Leg:
    """Down through every swing within a quarter of an hour."""
    return fall(atr, bars)


def closed(minutes: float, leg: Leg) -> Leg:
    """The leg, but before its first bar nothing is traded for so long."""
    first, *rest = leg
    return (replace(first, after=timedelta(minutes=minutes)), *rest)


@dataclass(frozen=True, slots=True)
class Script:
    """What has happened when the clock begins, after the calm past, and what will happen."""

    past: Leg = ()
    future: Leg = field(default_factory=lambda: flat(60))
    turned: bool = False

    def seen_by(self, side: Direction) -> "Script":
        """Return the script that is to this side what it is to a buyer."""
        return replace(self, turned=side is Direction.SELL)

    def settings(self, folder: Path) -> Settings:
        """Write the script down, and return the settings of the terminal that plays it."""
        path = folder / "script.csv"
        lines = ["Date,Open,High,Low,Close,Tickvol,Volume,Spread", *self._rows()]
        path.write_text("\n".join(lines) + "\n")
        return Settings(
            replay=str(path),
            symbol="EURUSD",
            speed=0.0,
            server_offset="+02:00",
            start=MORNING + len(self.past) * BAR,
            balance=100_000.0,
        )

    def _rows(self) -> Iterator[str]:
        begins = MORNING + SERVER_AHEAD - len(CALM_PAST) * BAR
        unread = Stroke(0)  # an export's last bar is still forming, and left out
        strokes = (*CALM_PAST, *self.past, *self.future, unread)
        price = BEGINS_AT
        for stroke in (stroke.mirrored() for stroke in strokes) if self.turned else strokes:
            begins += stroke.after
            close = price + stroke.move
            high, low = max(price, close) + stroke.above, min(price, close) - stroke.below
            prices = ",".join(f"{points / 1e5:.5f}" for points in (price, high, low, close))
            yield f"{begins:%Y.%m.%d %H:%M:%S},{prices},{stroke.ticks},0,{stroke.spread}"
            begins, price = begins + BAR, close


def _height(bar: int) -> int:
    """Return where the calm wave is at a bar, in points under its peak."""
    into, half = bar % WAVE, WAVE // 2
    return round(-1.5 * ATR * min(into, WAVE - into) / half)


def _steps(atr: float, bars: int) -> Iterator[int]:
    """Cut a way into whole points, bar by bar."""
    done = 0
    for bar in range(1, bars + 1):
        step = round(atr * ATR * bar / bars) - done
        done += step
        yield step


CALM_PAST = calm(5 * WAVE)
QUIET = Script()
"""STEADY to both sides for hours."""
SAGGING = Script((*crash(), *flat(24)))
"""WEAK to a buyer, by -3, for the next hour and a half, then SOFT."""
SINKING = Script((*crash(), *drift(-0.8, bars=24)), drift(-1.2, bars=36))
"""FAILING to a buyer, by -4, for the next two hours."""
CRASHED = Script((*crash(), *flat(6)))
"""CRITICAL to a buyer, by -7 and then -6, for the next hour and a half; then as SAGGING."""
REBOUND = Script(
    (*flat(3), *slide(-2, bars=6), *flat(3)),
    (*flat(5), *fall(0.7, bars=1), *flat(3), *rise(6, bars=6), *flat(24)),
)
"""FAILING to a buyer, CRITICAL after six bars more, and after another six all is well."""
