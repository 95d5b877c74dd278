"""A scenario being played: where it is, and what is due."""

from dataclasses import dataclass

import msgspec

from dtms_server.terminal.simulator.scenario import Scenario, Step


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario, when it began (UTC epoch, seconds), and how many of its moments are past."""

    scenario: Scenario
    begun: float
    past: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """A step's turn, at a UTC epoch in seconds."""

    at: float
    step: Step


class Script:
    """The moments of a scenario, each once, in order of time; those of one time as they are
    given."""

    def __init__(self, played: Played) -> None:
        self._played = played
        moments = [
            Moment(played.begun + step.at + turn * step.every, step)
            for step in played.scenario.steps
            for turn in range(step.times)
        ]
        self._moments = sorted(moments, key=lambda moment: moment.at)

    @property
    def played(self) -> Played:
        """What is to be kept, to go on from here."""
        return self._played

    def take(self, until: float) -> Moment | None:
        """Return the next moment that is due by then (UTC epoch, seconds), and count it as past."""
        past = self._played.past
        if past == len(self._moments) or self._moments[past].at > until:
            return None
        self._played = msgspec.structs.replace(self._played, past=past + 1)
        return self._moments[past]

    def elapsed(self, moment: Moment) -> float:
        """Return how many seconds after the beginning a moment is."""
        return moment.at - self._played.begun
