"""Commands to a simulated terminal over a control connection, for the CLI, the demo and tests."""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from msgspec import UNSET, UnsetType

from dtms_server.domain.errors import TerminalUnreachable
from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction
from dtms_server.terminal.commands import (
    Advance,
    ClearFaults,
    ClosePosition,
    Deposit,
    InjectFault,
    Jump,
    ListPositions,
    ModifyPosition,
    OpenPosition,
    Parameter,
    Play,
    SetAccount,
    SetSpeed,
    SetSymbol,
)
from dtms_server.terminal.messages import (
    Clock,
    Deadlines,
    Done,
    Held,
    Hello,
    ReadClock,
    Request,
    Welcome,
)
from dtms_server.terminal.options import parse_address
from dtms_server.terminal.wire import Caller, R, RequestRefused, dial


class ControlRefused(Exception):
    """The simulated terminal does not do what was asked; the text says why."""


class SimulatorControl:
    """Somebody's hand at a simulated terminal. Not for several threads; every call blocks until its
    answer and raises ControlRefused, TerminalSilent or TerminalUnreachable."""

    def __init__(self, address: str, key: bytes, deadlines: Deadlines | None = None) -> None:
        """Connect to HOST:PORT; raises ValueError for what is no address."""
        self.address = address
        self._deadlines = deadlines or Deadlines()
        where = parse_address(address)
        try:
            wire = dial(where, self._deadlines.hello)
        except OSError as error:
            reason = f"{address}: {error.strerror or error}"
            raise TerminalUnreachable(reason=reason) from error
        wire.prove(key)
        self._caller = Caller(wire)
        self._ask(Hello("control"), Welcome, self._deadlines.hello)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disconnect()

    def disconnect(self) -> None:
        """End the connection; what it did stays."""
        self._caller.wire.close()

    def open(
        self,
        symbol: str,
        direction: Direction,
        volume_lots: float,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        magic: int = 0,
        comment: str = "",
    ) -> Position:
        """Open a position at the market and return it; on a netting account the symbol's one."""
        request = OpenPosition(
            symbol, direction, volume_lots, stop_loss, take_profit, magic, comment
        )
        return self._ask(request, Held).positions[0]

    def close(self, ticket: int, volume_lots: float | None = None) -> Position | None:
        """Close a position, or so much of it; return what is left."""
        left = self._ask(ClosePosition(ticket, volume_lots), Held).positions
        return left[0] if left else None

    def modify(
        self,
        ticket: int,
        stop_loss: float | UnsetType | None = UNSET,
        take_profit: float | UnsetType | None = UNSET,
    ) -> Position:
        """Set stops (None removes one; what is not named stays) and return the position."""
        return self._ask(ModifyPosition(ticket, stop_loss, take_profit), Held).positions[0]

    def positions(self) -> tuple[Position, ...]:
        """Return all open positions, whatever faults hide them."""
        return self._ask(ListPositions(), Held).positions

    def fault(self, fault: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Let the terminal misbehave; the refusal of an unknown fault names the known ones."""
        self._ask(InjectFault(fault, parameters or {}), Done)

    def clear(self, fault: str | None = None) -> None:
        """End all faults, or those of one name."""
        self._ask(ClearFaults(fault), Done)

    def symbol(self, symbol: str, conditions: Mapping[str, Parameter]) -> None:
        """Change a symbol's conditions; the refusal of an unknown one names the known ones."""
        self._ask(SetSymbol(symbol, conditions), Done)

    def account(self, rules: Mapping[str, Parameter]) -> None:
        """Change the account's rules; the refusal of an unknown one names the known ones."""
        self._ask(SetAccount(rules), Done)

    def deposit(self, amount: float) -> None:
        """Pay so much into the account, in its currency; below 0 out of it."""
        self._ask(Deposit(amount), Done)

    def clock(self) -> tuple[datetime, float]:
        """Return the virtual clock in UTC, and its speed."""
        return self._clock(ReadClock())

    def speed(self, speed: float) -> tuple[datetime, float]:
        """Set how fast the virtual clock runs; at 0 it stands."""
        return self._clock(SetSpeed(speed))

    def advance(self, seconds: float) -> tuple[datetime, float]:
        """Put the virtual clock forward; all ticks between happen."""
        return self._clock(Advance(seconds))

    def jump(self, symbol: str, points: int) -> None:
        """Move a symbol's price by so many points from now on."""
        self._ask(Jump(symbol, points), Done, self._deadlines.advance)

    def play(self, name: str, text: str) -> None:
        """Begin a scenario, given as TOML and called by that name, where the clock is now."""
        self._ask(Play(name, text), Done)

    def stop_playing(self) -> None:
        """End the scenario that is played; the faults in force stay."""
        self._ask(Play("", None), Done)

    def _clock(self, request: Request) -> tuple[datetime, float]:
        clock = self._ask(request, Clock, self._deadlines.advance)
        return clock.at, clock.speed

    def _ask(self, request: Request, expected: type[R], seconds: float | None = None) -> R:
        try:
            return self._caller.ask(request, expected, seconds or self._deadlines.control)
        except RequestRefused as refusal:
            raise ControlRefused(str(refusal)) from refusal
