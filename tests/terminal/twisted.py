"""The simulated module with one call that lies, for tests of what the adapter believes."""

from collections.abc import Callable
from typing import Any

from dtms_server.terminal import simulator
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.metatrader import MetaTrader
from dtms_server.terminal.simulator import control

Answer = Callable[[Any], Any]


class Twisted:
    """The simulated module, but for what one call answers."""

    def __init__(self, name: str, twist: Answer) -> None:
        self._name = name
        self._twist = twist

    def __getattr__(self, name: str) -> Any:
        real = getattr(simulator, name)
        if name != self._name:
            return real
        return lambda *args, **named: self._twist(real(*args, **named))


def adapter(name: str = "", twist: Answer = lambda answer: answer) -> MetaTrader:
    return MetaTrader(Twisted(name, twist), ServerClock("EET"), control.clock)


def first(**changes: object) -> Answer:
    return lambda answer: (answer[0]._replace(**changes), *answer[1:])


def whole(**changes: object) -> Answer:
    return lambda answer: answer._replace(**changes)
