"""What befalls a soak, carried out: faults, people, markets, and kills."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping

from dtms_client import DtmsClient, DtmsError
from dtms_server.domain.market import Position
from dtms_server.terminal.control import SimulatorControl
from processes import PATIENCE_SECONDS
from soak.bots import OPTIONS, RETRY_SECONDS
from soak.dashboards import visit
from soak.grip import Grip
from soak.place import SYMBOLS, Place
from soak.plan import Event
from soak.tally import Tally

KILL_WITHIN_SECONDS = 0.05
DEPOSIT_UP_TO = 10_000.0
USUAL: Mapping[str, int] = {"stops_level": 0, "freeze_level": 0}


class Chaos:
    """Carries out one event at a time; `done` counts them by what they were."""

    def __init__(self, place: Place, tally: Tally) -> None:
        self.done: Counter[str] = Counter()
        self._place = place
        self._tally = tally
        self._grip = Grip(place.hand)
        self._operator = DtmsClient(place.target, options=OPTIONS)
        self._deeds: Mapping[str, Callable[[Event], object]] = {
            "fault": self._fault,
            "jump": self._jump,
            "deposit": lambda event: self._call(self._deposit),
            "close": lambda event: self._meddle(event, _close),
            "halve": lambda event: self._meddle(event, _halve),
            "unprotect": lambda event: self._meddle(event, _unprotect),
            "pause": lambda event: self._call(lambda: self._operator.pause_actions("soak")),
            "resume": lambda event: self._call(lambda: self._operator.resume_actions("soak")),
            "reset rails": lambda event: self._call(self._operator.reset_rails),
            "advance": self._advance,
            "conditions": self._conditions,
            "visit": lambda event: self._call(lambda: visit(place.target)),
            "kill server": self._kill_server,
            "drain server": lambda event: self._end_server(place.drain_server),
            "kill host": lambda event: place.kill_host(),
            "kill terminal": lambda event: place.kill_terminal(),
        }

    def befall(self, event: Event) -> None:
        """Let an event happen."""
        refused = self._grip.refusals
        self._deeds[event.card.deed](event)
        name = f"{event.card.deed} {event.card.name}".strip()
        self.done[f"{name}, refused" if self._grip.refusals > refused else name] += 1

    def calm(self) -> None:
        """End all that lasts: faults, conditions, and the pause of all orders."""
        self._must(lambda hand: hand.clear())
        for symbol in SYMBOLS:
            self._must(lambda hand, symbol=symbol: hand.symbol(symbol, USUAL))  # type: ignore[misc]
        self._operator.resume_actions("soak")

    def leap(self, seconds: float) -> None:
        """Put the clock forward."""
        self._grip.attempt(lambda hand: hand.advance(seconds))

    def close(self) -> None:
        """Let go of all."""
        self._grip.let_go()
        self._operator.close()

    def _must(self, do: Callable[[SimulatorControl], None]) -> None:
        def done(hand: SimulatorControl) -> bool:
            do(hand)
            return True

        deadline = time.monotonic() + PATIENCE_SECONDS  # one that was killed is back within seconds
        while not self._grip.attempt(done):
            if time.monotonic() > deadline:
                raise AssertionError("the terminal does not answer its hand")
            time.sleep(RETRY_SECONDS)

    def _fault(self, event: Event) -> None:
        card = event.card
        self._grip.attempt(lambda hand: hand.fault(card.name, card.parameters))

    def _jump(self, event: Event) -> None:
        points = int(event.card.parameters["points"])
        self._grip.attempt(lambda hand: hand.jump(_one_of(SYMBOLS, event), points))

    def _deposit(self) -> None:
        balance = self._operator.status().terminal.balance
        if balance < DEPOSIT_UP_TO:
            self._grip.attempt(lambda hand: hand.deposit(DEPOSIT_UP_TO - balance))

    def _meddle(self, event: Event, meddle: Callable[[SimulatorControl, Position], object]) -> None:
        """Somebody's hand on a position of a bot, or on one of DTMS's own."""
        positions = self._grip.attempt(lambda hand: hand.positions())
        if positions:
            one = random.Random(event.luck).choice(positions)
            self._grip.attempt(lambda hand: meddle(hand, one))

    def _advance(self, event: Event) -> None:
        self.leap(float(event.card.parameters["seconds"]))

    def _conditions(self, event: Event) -> None:
        card = event.card
        self._grip.attempt(lambda hand: hand.symbol(card.name, card.parameters))

    def _kill_server(self, event: Event) -> None:
        self._end_server(lambda: self._place.kill_server(event.luck * KILL_WITHIN_SECONDS))

    def _end_server(self, end: Callable[[], None]) -> None:
        """A server that starts at another account's terminal refuses to, as it should."""
        self._grip.attempt(lambda hand: hand.clear("login"))
        end()

    def _call(self, call: Callable[[], object]) -> None:
        try:
            call()
        except DtmsError as error:
            self._tally.failed(error)
        else:
            self._tally.answered()


def _one_of(names: tuple[str, ...], event: Event) -> str:
    return random.Random(event.luck).choice(names)


def _close(hand: SimulatorControl, position: Position) -> object:
    return hand.close(position.ticket)


def _halve(hand: SimulatorControl, position: Position) -> object:
    return hand.close(position.ticket, round(position.volume_lots / 2, 2))


def _unprotect(hand: SimulatorControl, position: Position) -> object:
    return hand.modify(position.ticket, None, None)
