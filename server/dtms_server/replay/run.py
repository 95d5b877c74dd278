"""A replay from beginning to end: all bars once, all trades side by side."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.domain.policy import Policy
from dtms_server.replay.book import Book
from dtms_server.replay.defended import Defended
from dtms_server.replay.entries import Entry, entries
from dtms_server.replay.exits import Twin
from dtms_server.replay.guarded import Guarded
from dtms_server.replay.history import M5_SECONDS, History
from dtms_server.replay.market import Moment, Moments
from dtms_server.replay.plan import Plan
from dtms_server.replay.rails import AllRails, ClosedMarket, SpreadLimits
from dtms_server.replay.readings import Reading, Readings
from dtms_server.replay.report import DTMS, PLAIN, Report, inputs, results
from dtms_server.replay.rules import rule_makers
from dtms_server.replay.tally import Tally

Track = Callable[[Iterable[int]], Iterable[int]]
"""Hands the M5 bars on one by one, as a progress bar does."""


def run(history: History, plan: Plan, policy: Policy, track: Track = iter) -> Report:
    """Return what the defence makes of the trades of a plan.

    Raises ConfigurationInvalid where the plan finds no trade in the history.
    """
    replay = Replay(history, plan, policy)
    for bar in track(range(len(history))):
        replay.step(bar)
    return replay.report()


class Replay:
    """The trades that are open, and what those that are over made."""

    def __init__(self, history: History, plan: Plan, policy: Policy) -> None:
        self._history = history
        self._plan = plan
        self._policy = policy
        self._readings = Readings(history, policy)
        self._moments = Moments(history)
        self._limits = SpreadLimits(history, policy.defence)
        self._rules = rule_makers(history, plan.compare)
        self._tally = Tally.of(policy.scoring.points)
        self._before: Reading | None = None
        self._entries: list[Entry] = []
        self._all: dict[str, list[Defended | Twin]] = {
            name: [] for name in (DTMS, PLAIN, *plan.compare)
        }
        self._defended: list[Defended] = []
        self._twins: list[Twin] = []

    def step(self, bar: int) -> None:
        """Go on by one M5 bar."""
        reading = self._readings.at(bar)
        for score in reading.scores.values():
            self._tally.score(score)
        moment = self._moments.at_close(bar, reading)
        self._live(bar, moment)
        self._open(bar, moment)
        self._before = reading if moment.is_open else None  # after a hole it is too old

    def report(self) -> Report:
        """Return what was found."""
        if not self._entries:
            raise ConfigurationInvalid(reason=self._why_none())
        risks = [entry.risk for entry in self._entries]
        return Report(
            symbol=self._history.symbol.name,
            since=_day(int(self._history.m5.time[0])),
            until=_day(int(self._history.m5.time[-1]) + M5_SECONDS),
            plan=self._plan,
            trades=len(self._entries),
            twins={
                name: results([trade.money for trade in trades], risks)
                for name, trades in self._all.items()
            },
            inputs=inputs(self._history),
            tally=self._tally,
        )

    def _why_none(self) -> str:
        least, bars = self._policy.analysis.least_m15_bars, len(self._history.m15)
        return (
            f"no trade could be opened: there must be {least} M15 bars before it and the time of "
            f"--hold after it, and one is due every {self._plan.every} of the {bars} M15 bars read"
        )

    def _live(self, bar: int, moment: Moment) -> None:
        for defended in self._defended:
            defended.step(bar, self._before, moment)
        for twin in self._twins:
            twin.step(bar)
        self._defended = [each for each in self._defended if not each.is_over]
        self._twins = [each for each in self._twins if each.left is None]

    def _open(self, bar: int, moment: Moment) -> None:
        atr = moment.analysis.m15.atr if moment.analysis else None
        for entry in entries(self._history, bar, atr, self._plan):
            self._entries.append(entry)
            defended = self._defend(entry)
            defended.begin(moment)
            self._defended.append(defended)
            self._all[DTMS].append(defended)
            for name, twin in self._plainly(entry):
                self._twins.append(twin)
                self._all[name].append(twin)

    def _defend(self, entry: Entry) -> Defended:
        history, policy = self._history, self._policy
        book = Book(history.symbol, self._plan.commission)
        rails = (
            AllRails(self._limits, policy.defence, book, history)
            if self._plan.rails
            else ClosedMarket(self._limits, policy.defence)
        )
        guarded = Guarded(book, rails, policy, self._tally)
        return Defended(entry, history, self._moments, book, guarded, policy)

    def _plainly(self, entry: Entry) -> Iterator[tuple[str, Twin]]:
        yield PLAIN, Twin(entry, self._history, self._plan.commission)
        for name, make in self._rules.items():
            yield name, Twin(entry, self._history, self._plan.commission, make(entry))


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
