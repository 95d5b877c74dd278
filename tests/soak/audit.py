"""Brings the world to rest and looks at the whole of it, each hour of the terminal's clock."""

import time
from collections import Counter
from collections.abc import Sequence

from dtms_client import DtmsClient
from dtms_server.terminal.control import SimulatorControl
from end_to_end.calling import LIVENESS, READINESS, calling
from soak import checks
from soak.bots import OPTIONS, Crew
from soak.breach import Breach
from soak.chaos import Chaos
from soak.dashboards import Dashboard
from soak.evidence import Answered, Evidence, Kept, Seen, Shown
from soak.place import SPEED, Place
from soak.promises import state_of
from soak.records import Records, deals_in
from soak.tally import Tally
from soak.week import is_open

SETTLING_SECONDS = 60.0
"""How long all may take to come to order; only a defect lasts so long."""
LOOK_SECONDS = 0.3
CATCHING_UP_SECONDS = 30.0


class Audit:
    """Looks at one soak, hour by hour. `newest` is what it saw last, `waited_for` counts the looks
    at which something was not in order yet."""

    def __init__(
        self, place: Place, crew: Crew, dashboards: Sequence[Dashboard], chaos: Chaos, tally: Tally
    ) -> None:
        self.newest: Evidence | None = None
        self.waited_for: Counter[str] = Counter()
        self._place = place
        self._crew = crew
        self._dashboards = dashboards
        self._chaos = chaos
        self._tally = tally
        self._records = Records(place.database)
        self._client = DtmsClient(place.target, options=OPTIONS, timeout=30.0)

    def run(self, *, last: bool = False) -> Evidence:
        """Let all come to rest, and raise Breach if it does not come to order in time; the last
        time the slow dashboards must have caught up, and every page of the database is read."""
        self.check_alive()
        self._chaos.calm()  # first: a bot insists on its answer, which a fault may hold back
        with self._crew.resting():
            self._client.wait_until_ready(SETTLING_SECONDS)
            with self._place.hand() as hand:
                return self._settle(hand, last)

    def check_alive(self) -> None:
        """Server and terminal run, and liveness says so, whatever has befallen them."""
        self._place.check_alive()
        with calling(self._place.target) as caller:
            if (status := caller.health(LIVENESS)) != checks.SERVING:
                raise Breach(f"liveness is {status}")

    def close(self) -> None:
        """Let go of all."""
        self._records.close()
        self._client.close()

    def _settle(self, hand: SimulatorControl, last: bool) -> Evidence:
        """Stop the clock and look; where things are not in order yet let it go on for a moment."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while True:
            hand.speed(0.0)
            found = self.newest = self._look(hand, last)
            checks.check(found, checks.ALWAYS)
            try:
                checks.check(found, checks.AT_REST)
            except Breach as breach:
                if time.monotonic() > deadline:
                    raise  # the clock stands: all is as it was seen
                self.waited_for[breach.check] += 1
            else:
                hand.speed(SPEED)
                return found
            hand.speed(SPEED)
            time.sleep(LOOK_SECONDS)

    def _look(self, hand: SimulatorControl, last: bool) -> Evidence:
        positions = hand.positions()
        at, _ = hand.clock()
        deals, waiting = deals_in(self._place.world)
        listed = {
            trade.ticket: (dict(trade.labels), state_of(trade))
            for trade in self._client.list_trades(include_closed=True)
        }
        kept = self._records.read(whole=last)
        return Evidence(
            kept=kept,
            shown=Shown(at, is_open(at), positions, deals, waiting),
            promised={
                ticket: promise
                for bot in self._crew.bots
                for ticket, promise in bot.promises.copy().items()
            },
            seen=[self._seen(dashboard, kept, last) for dashboard in self._dashboards],
            answered=Answered(self._health(), listed, self._tally.unforeseen),
        )

    def _health(self) -> dict[str, str]:
        with calling(self._place.target) as caller:
            return {name: caller.health(name) for name in (*READINESS, LIVENESS)}

    def _seen(self, dashboard: Dashboard, kept: Kept, last: bool) -> Seen:
        """Wait until a dashboard has what was there when the database was read."""
        if dashboard.failure is not None:
            raise Breach(f"dashboard {dashboard.name!r} ended: {dashboard.failure!r}")
        may_lag = dashboard.slow and not last
        wanted = sum(dashboard.wanted.fits(event.symbol, event.type) for event in kept.events)
        if last:
            dashboard.hurry.set()
        deadline = time.monotonic() + CATCHING_UP_SECONDS
        while not may_lag and len(dashboard.seen) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        told = tuple(dashboard.seen[:wanted])
        return Seen(dashboard.name, dashboard.wanted, told, may_lag)
