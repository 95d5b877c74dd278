"""Somebody's hand at a simulated terminal, in this process or in a host of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from dtms_server.domain.trade import Direction
from dtms_server.ports import Terminal
from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.simulator import control
from hosts import KEY


class LocalHand:
    """Somebody's hand at the simulated terminal of this process."""

    def open(self, symbol: str, direction: Direction, lots: float) -> int:
        opened = control.open_position(symbol, direction.value, lots)
        assert opened is not None
        return opened.ticket

    def close(self, ticket: int, lots: float | None = None) -> None:
        control.close_position(ticket, lots)

    def fault(self, name: str, **parameters: str | float) -> None:
        control.inject(name, **parameters)

    def clear(self) -> None:
        control.clear_faults()

    def advance(self, seconds: float) -> None:
        control.advance(seconds)

    def deposit(self, amount: float) -> None:
        control.deposit(amount)

    def symbol(self, name: str, **conditions: str | float) -> None:
        control.symbol(name, **conditions)


class DistantHand:
    """Somebody's hand at the simulated terminal of a host; dials anew for each move."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    def _dialled(self) -> SimulatorControl:
        return SimulatorControl(self._address(), KEY)

    def open(self, symbol: str, direction: Direction, lots: float) -> int:
        with self._dialled() as hand:
            return hand.open(symbol, direction, lots).ticket

    def close(self, ticket: int, lots: float | None = None) -> None:
        with self._dialled() as hand:
            hand.close(ticket, lots)

    def fault(self, name: str, **parameters: str | float) -> None:
        with self._dialled() as hand:
            hand.fault(name, parameters)

    def clear(self) -> None:
        with self._dialled() as hand:
            hand.clear()

    def advance(self, seconds: float) -> None:
        with self._dialled() as hand:
            hand.advance(seconds)

    def deposit(self, amount: float) -> None:
        with self._dialled() as hand:
            hand.deposit(amount)

    def symbol(self, name: str, **conditions: str | float) -> None:
        with self._dialled() as hand:
            hand.symbol(name, conditions)


@dataclass(frozen=True, slots=True)
class House:
    """A terminal of some kind, and somebody's hand at it."""

    kind: str
    terminal: Terminal
    hand: LocalHand | DistantHand
