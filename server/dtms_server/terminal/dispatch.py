"""Answers one request at a time by the API module; the only caller of the module."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from dtms_server.domain.errors import TerminalFailed
from dtms_server.terminal.commands import (
    Advance,
    ClearFaults,
    ClosePosition,
    Command,
    ControlRequest,
    Deposit,
    InjectFault,
    Jump,
    ListPositions,
    ModifyPosition,
    OpenPosition,
    Play,
    SetAccount,
    SetSpeed,
    SetSymbol,
)
from dtms_server.terminal.messages import (
    Clock,
    Connect,
    Dealt,
    Done,
    Failure,
    Held,
    Past,
    Quoted,
    ReadCharts,
    ReadClock,
    ReadDeals,
    ReadHistory,
    ReadQuote,
    ReadSnapshot,
    Refused,
    Reply,
    Seen,
    SendOrder,
    Sent,
)
from dtms_server.terminal.metatrader import MetaTrader
from dtms_server.terminal.reception import Pending


class SimulatorDesk:
    """What control connections may ask for; only of the simulated terminal, and past its faults."""

    def __init__(self, control: Any, terminal: MetaTrader) -> None:
        """Take the simulator's control functions, and what reads its positions."""
        self._control = control
        self._terminal = terminal

    def answer(self, request: ControlRequest) -> Reply:
        """Do it and tell; what makes no sense is Refused."""
        try:
            return self._answer(request)
        except (self._control.Refused, ValueError) as refusal:
            return Refused(str(refusal))

    def _answer(self, request: ControlRequest) -> Reply:
        control = self._control
        match request:
            case OpenPosition():
                return self._opened(request)
            case ClosePosition(ticket=ticket, volume_lots=volume):
                return self._held([control.close_position(ticket, volume)])
            case ModifyPosition(ticket=ticket):
                stops = {"stop_loss": request.stop_loss, "take_profit": request.take_profit}
                given = {name: stop for name, stop in stops.items() if stop is not UNSET}
                return self._held([control.modify_position(ticket, **given)])
            case ListPositions():
                return self._held(control.positions())
            case InjectFault(fault=fault, parameters=parameters):
                control.inject(fault, **parameters)
                return Done()
            case ClearFaults(fault=fault):
                control.clear_faults(fault)
                return Done()
            case SetSymbol(symbol=symbol, conditions=conditions):
                control.symbol(symbol, **conditions)
                return Done()
            case SetAccount(rules=rules):
                control.account(**rules)
                return Done()
            case Deposit(amount=amount):
                control.deposit(amount)
                return Done()
            case Jump(symbol=symbol, points=points):
                control.jump(symbol, points)
                return Done()
            case Play(name=name, text=text):
                control.play(None if text is None else control.scenario(text, name))
                return Done()
            case SetSpeed(speed=speed):
                control.set_speed(speed)
            case Advance(seconds=seconds):
                control.advance(seconds)
        return Clock(*control.clock())

    def _opened(self, request: OpenPosition) -> Held:
        position = self._control.open_position(
            request.symbol,
            request.direction.value,
            request.volume_lots,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            magic=request.magic,
            comment=request.comment,
        )
        return self._held([position])

    def _held(self, positions: Sequence[Any | None]) -> Held:
        return Held(tuple(self._terminal.position(p) for p in positions if p is not None))


class Dispatch:
    """A request in, its reply out, on the one thread that may call the module."""

    def __init__(self, terminal: MetaTrader, desk: SimulatorDesk | None) -> None:
        self._terminal = terminal
        self._desk = desk

    def answer(self, pending: Pending) -> Reply:
        """Answer a request by its role; the module's errors are Failure."""
        try:
            return self._answer(pending)
        except TerminalFailed as failure:
            facts = failure.facts
            return Failure(facts["call"], int(facts["code"]), facts["text"])

    def _answer(self, pending: Pending) -> Reply:
        match pending.request:
            case ReadClock():
                return Clock(*self._terminal.now())
            case ReadSnapshot() if pending.role == "server":
                return Seen(self._terminal.snapshot())
            case ReadDeals(position_id=position_id) if pending.role == "server":
                return Dealt(self._terminal.deals(position_id))
            case ReadCharts() as request if pending.role == "server":
                return self._terminal.charts(request)
            case ReadQuote(symbol=symbol) if pending.role == "server":
                return Quoted(self._terminal.quote(symbol))
            case ReadHistory(since=since) if pending.role == "server":
                return Past(self._terminal.history(since))
            case SendOrder(request=request) if pending.role == "server":
                return Sent(self._terminal.send(request, pending.is_in_time))
            case Connect() as request if pending.role == "server":
                self._terminal.connect(request)
                return Done()
            case Command() as request if pending.role == "control" and self._desk:
                return self._desk.answer(request)
        return Refused(f"{type(pending.request).__name__} is not for a {pending.role} connection")
