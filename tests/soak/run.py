"""A soak from its first process to its last: hour by hour, until its time is over or it breaks."""

import os
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from processes import Shop, shop
from soak.audit import Audit
from soak.bots import Bot, Crew
from soak.breach import Breach
from soak.chaos import Chaos
from soak.ctrl_c import CtrlC
from soak.dashboards import CLOSINGS, Dashboard, Wanted, stop_all
from soak.gauges import JUDGED_FROM_MINUTES, SPARED_FROM_MINUTE, Gauges, growths
from soak.lag import LagWatch
from soak.place import Place, place
from soak.plan import BUSY_SECONDS, Plan
from soak.report import Result, line
from soak.tally import Tally
from soak.week import until_open

BOTS = 5
FIRST_MAGIC = 700
FIRST_ADVANCE = timedelta(days=2)
"""Worlds begin on a Monday. From Wednesday on a soak of 30 minutes has its weekend in the middle,
and minute 10 and the end in open markets."""
CLOSED_HOURS = 12
"""How much of a weekend is lived through; over the rest of it the clock leaps."""
STALL_SECONDS = 0.25
"""What a slow dashboard takes for each event: more than it gets."""

Say = Callable[[str], None]


class Soak:
    """One soak; everything in it is ended when its stack is closed."""

    def __init__(self, town: Shop, minutes: float, seed: int, say: Say, stack: ExitStack) -> None:
        dice = random.Random(seed)
        self.seed, self.minutes, self.hours = seed, minutes, 0
        self.tally = Tally()
        self.gauges = Gauges(os.getpid())
        self.plan = Plan(dice.getrandbits(32))
        self._say = say
        self._closed_hours = 0
        self.place = stack.enter_context(place(town, dice.randrange(1, 2**31)))
        self.place.server.expect("guarding")
        with self.place.hand() as hand:
            hand.advance(FIRST_ADVANCE.total_seconds())
        self.lag = LagWatch(self.place.database)
        stack.callback(self.lag.stop)
        self.chaos = Chaos(self.place, self.tally)
        stack.callback(self.chaos.close)
        self.dashboards = _dashboards(self.place, self.lag)
        stack.callback(stop_all, self.dashboards)
        self.crew = Crew(_bots(self.place, self.tally, dice))
        stack.callback(self.crew.stop)
        self.audit = Audit(self.place, self.crew, self.dashboards, self.chaos, self.tally)
        stack.callback(self.audit.close)

    def run(self, ctrl_c: CtrlC) -> Result:
        """Run until the time is over, a breach, or Ctrl-C, which is raised on."""
        breach = ""
        try:
            while self.gauges.minute < self.minutes:
                ctrl_c.require_not_pressed()
                self._hour()
            self.audit.run(last=True)
            self._judge()
        except Breach as error:
            breach = str(error)
        except Exception as error:  # noqa: BLE001 - whatever ends a bot or a process is told and kept
            traceback.print_exc()
            breach = f"{type(error).__name__}: {error}"
        return self.result(breach)

    def result(self, breach: str = "") -> Result:
        """Return what there is to say by now."""
        newest = self.audit.newest
        return Result(
            seed=self.seed,
            hours=self.hours,
            terminal_time=newest.shown.at if newest else None,
            calls=self.tally.by_status,
            befell=dict(sorted(self.chaos.done.items())),
            waited_for=dict(self.audit.waited_for),
            gauges=self.gauges,
            lag=self.lag,
            breach=breach,
        )

    @property
    def _is_judged(self) -> bool:
        """Is it long enough to tell growth from warming up?"""
        return self.minutes >= JUDGED_FROM_MINUTES

    def _judge(self) -> None:
        """Raise Breach where nothing has happened that could go wrong, where the server has grown
        too much, or where nobody can tell."""
        newest = self.gauges.samples[-1]
        if not (newest.trades and newest.orders and self.tally.by_status.get("OK")):
            raise Breach("nothing was guarded, no order was sent, or no call was answered")
        found = growths(self.gauges.samples)
        if self._is_judged and not found:
            raise Breach("the server at the end is not that of minute 10, or was not measured then")
        if grown := [growth for growth in found if growth.is_too_much]:
            raise Breach(f"the server has grown: {grown[0]}")

    def _hour(self) -> None:
        begun = time.monotonic()
        spares_server = self._is_judged and self.gauges.minute >= SPARED_FROM_MINUTE
        for dashboard in self.dashboards:
            dashboard.pace(self.hours)
        for event in self.plan.hour(spares_server=spares_server):
            time.sleep(max(0.0, begun + event.at - time.monotonic()))
            self.audit.check_alive()
            self.chaos.befall(event)
        time.sleep(max(0.0, begun + BUSY_SECONDS - time.monotonic()))
        found = self.audit.run()
        self.hours += 1
        self._closed_hours = 0 if found.shown.is_open else self._closed_hours + 1
        if self._closed_hours == CLOSED_HOURS:
            self.chaos.leap(until_open(found.shown.at))
        sample = self.gauges.take(self.place, found, self.lag)
        self._say(line(self.hours, sample, found.shown.at))


def run(minutes: float, seed: int, say: Say, finish: Callable[[Result], None]) -> int:
    """Run a soak in a folder of its own, give its result to `finish`, and return its exit status:
    0, 1 after a breach, 130 where Ctrl-C ended it. The folder of a breach is kept, and named."""
    folder = Path(tempfile.mkdtemp(prefix="dtms-soak-"))
    say(f"seed {seed}, {minutes:g} minutes, in {folder}")
    status, ctrl_c = 1, CtrlC()
    try:
        with shop(folder) as town, ExitStack() as stack:
            soak = Soak(town, minutes, seed, say, stack)
            try:
                result = soak.run(ctrl_c)
                status = 1 if result.breach else 0
            except KeyboardInterrupt:
                result, status = soak.result(), 130
            finish(result)
            if status == 1:
                _keep(soak, result, folder)
                say(f"kept in {folder}: logs, database, the terminal's world, what was seen")
    finally:
        if status != 1:
            shutil.rmtree(folder, ignore_errors=True)
    return status


def _keep(soak: Soak, result: Result, folder: Path) -> None:
    """Keep what one needs to look at a breach."""
    for number, (name, process) in enumerate(soak.place.logs):
        Path(folder, f"{number:03d}-{name}.log").write_text(process.output, encoding="utf-8")
    words = f"seed {soak.seed}\nhour {soak.hours}\n{result.breach}\n\n{soak.audit.newest}\n"
    Path(folder, "breach.txt").write_text(words, encoding="utf-8")


def _bots(at: Place, tally: Tally, dice: random.Random) -> list[Bot]:
    return [
        Bot(at, tally, FIRST_MAGIC + number, dice.getrandbits(32), sync=number % 2 == 0)
        for number in range(BOTS)
    ]


def _dashboards(at: Place, lag: LagWatch) -> list[Dashboard]:
    everything = Wanted()
    return [
        Dashboard("all", at.target, everything, arrived=lag.arrived),
        Dashboard("all, in a loop", at.target, everything, sync=False, arrived=lag.arrived),
        Dashboard("one symbol", at.target, Wanted(symbols=("EURUSD",))),
        Dashboard("closings", at.target, Wanted(types=CLOSINGS), sync=False),
        Dashboard("slow", at.target, everything, pause_seconds=STALL_SECONDS),
    ]
