"""What befalls a soak, and when: the same seed gives the same plan."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soak.deck import FAULTS, HARSH, MILD, Card

HOUR_SECONDS = 12.0
"""An hour of the terminal's clock, in ours."""
BUSY_SECONDS = 7.0
"""How long of it things happen; the rest is for coming to rest, and for being looked at."""
FAULTS_AN_HOUR = 2
MILD_AN_HOUR = 3
ENDS_THE_SERVER = frozenset({"kill server", "drain server"})


@dataclass(frozen=True, slots=True)
class Event:
    """A deed, at so many seconds of its hour, with a number for the dice that it needs."""

    at: float
    card: Card
    luck: float


class Plan:
    """Deals the cards, hour by hour; every card comes up before any comes twice."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._faults = self._dealt(FAULTS)
        self._mild = self._dealt(MILD)
        self._hour = 0

    def hour(self, *, spares_server: bool) -> Sequence[Event]:
        """Return what befalls the next hour, in order; one that spares the server does not end
        its process."""
        cards = [next(self._faults) for _ in range(FAULTS_AN_HOUR)]
        cards += [next(self._mild) for _ in range(MILD_AN_HOUR)]
        harsh = HARSH[self._hour % len(HARSH)]
        self._hour += 1
        if not (spares_server and harsh.deed in ENDS_THE_SERVER):
            cards.append(harsh)
        return sorted(
            (Event(self._dice.uniform(0, BUSY_SECONDS), c, self._dice.random()) for c in cards),
            key=lambda event: event.at,
        )

    def _dealt(self, cards: Sequence[Card]) -> Iterator[Card]:
        while True:
            yield from self._dice.sample(cards, len(cards))
