"""A hand at the terminal that is laid on again when the terminal's host was killed."""

from collections.abc import Callable
from typing import TypeVar

from dtms_server.domain.errors import DtmsError
from dtms_server.terminal.control import ControlRefused, SimulatorControl

T = TypeVar("T")


class Grip:
    """One hand, used by one thread."""

    def __init__(self, reach: Callable[[], SimulatorControl]) -> None:
        self._reach = reach
        self._hand: SimulatorControl | None = None
        self.refusals = 0
        """What the terminal refused to do."""

    def attempt(self, do: Callable[[SimulatorControl], T]) -> T | None:
        """Do something; None where the terminal refuses it, or does not answer: then it may have
        been done or not."""
        try:
            if self._hand is None:
                self._hand = self._reach()
            return do(self._hand)
        except ControlRefused:
            self.refusals += 1
            return None
        except (DtmsError, OSError, EOFError):
            self.let_go()
            return None

    def let_go(self) -> None:
        """End the connection."""
        if self._hand is not None:
            self._hand.disconnect()
        self._hand = None
