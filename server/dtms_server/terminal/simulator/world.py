"""A world: market, broker, clock and faults, kept in a file if there is one."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from dtms_server.terminal.simulator import beginning, conditions, faults, moves, state
from dtms_server.terminal.simulator.broker import Broker, Terms
from dtms_server.terminal.simulator.broker_faults import (
    Disconnect,
    MarketClosed,
    Suspended,
    Synchronising,
    WideSpread,
    WrongClock,
)
from dtms_server.terminal.simulator.clock import ServerZone
from dtms_server.terminal.simulator.conditions import Conditions
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.faults import Faults, Login, Pipe
from dtms_server.terminal.simulator.quotes import Quotes
from dtms_server.terminal.simulator.scenario import Scenario, Step
from dtms_server.terminal.simulator.script import Played, Script
from dtms_server.terminal.simulator.settings import Settings
from dtms_server.terminal.simulator.state import State
from dtms_server.terminal.simulator.symbols import Symbol

SERVER: Final = "DTMS-Simulator"
_SAVED_EVERY_SECONDS: Final = 1.0  # so that the clock does not run back when the process is killed


class World:
    """All there is; made of settings, or taken up again from the state's file.

    `selected` are the symbols in Market Watch; `flat`: the account hides its margin and profit;
    `request_id` numbers the orders of this process, `sent` is when the last of them came.
    Raises ValueError where settings, replay or state make no sense.
    """

    def __init__(self, settings: Settings) -> None:
        path = settings.state_path
        saved = None if path is None else state.load(path)
        self.origin = beginning.origin(settings, saved)
        if path is not None and saved is not None:
            state.check(path, saved.origin, self.origin)
        self.zone = ServerZone.parse(settings.server_offset)
        market = beginning.market(settings, self.origin, self.zone)
        begun = saved or beginning.begin(settings, self.origin, market, self.zone)
        hedging = settings.account == "hedging"
        terms = Terms(self.origin.login, SERVER, hedging, settings.leverage)
        quotes = Quotes(market, begun.jumps)
        self.broker = Broker(terms, begun.rules, quotes, begun.book, begun.now)
        self.conditions: dict[str, Conditions] = {}
        for name, known in begun.conditions.items():
            self._change(name, known)
        self.clock = beginning.clock(settings, begun)
        self.faults = Faults(begun.faults)
        self.selected = set(self.origin.symbols)
        self.flat = False
        self.request_id = 0
        self.sent: list[int] = []
        self._path = path
        self._asked_speed, self._asked_scenario = settings.speed, settings.scenario
        self._script = beginning.script(settings, begun, saved is None, self.clock.now())
        self._told, self._reboot = settings.told, settings.reboot
        try:
            self.save()
        except OSError as error:
            raise ValueError(f"simulator state {path} cannot be written: {error}") from error

    @property
    def connected(self) -> bool:
        """Does the terminal reach its broker?"""
        return self.faults.find(Disconnect) is None

    @property
    def blank(self) -> bool:
        """Does the terminal show neither positions nor orders nor history?"""
        return any(self.faults.find(kind) for kind in (Login, Synchronising))

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        """The symbols under their present conditions, by name."""
        return self.broker.quotes.symbols

    def change(self, name: str, changes: Mapping[str, object]) -> None:
        """Change a symbol's conditions. Raises ValueError, or Refused for an unknown symbol."""
        self.broker.symbol(name)
        self._change(name, conditions.conditions(changes, self.conditions.get(name)))
        self.save()

    def inject(self, name: str, parameters: Mapping[str, object]) -> None:
        """Let a fault strike. Raises Refused."""
        fault = faults.read(name, parameters, self.broker.now)
        match fault:
            case WideSpread(symbol=symbol, points=points, until=int(until)):
                for each in moves.names(self.broker, symbol):
                    self.broker.widen(each, points, until)
            case MarketClosed(symbol=str(symbol)) | Suspended(symbol=str(symbol)):
                self.broker.symbol(symbol)
        self.faults.active.append(fault)
        self.save()

    def clear(self, name: str | None = None) -> None:
        """End the faults of this name, or all. Raises Refused for a name that is none."""
        kinds = faults.KINDS if name is None else (faults.named(name),)
        if WideSpread in kinds and self.faults.find(WideSpread) is not None:
            self.broker.calm()
        for kind in kinds:
            self.faults.end(kind)
        self.save()

    def play(self, scenario: Scenario | None) -> None:
        """Begin a scenario now, in place of the one that is played; None ends that. Raises
        ValueError for one that this world cannot play."""
        if scenario is not None:
            beginning.check(scenario, self.origin.symbols)
        begun = self.clock.now()
        self._script = Script(Played(scenario=scenario, begun=begun)) if scenario else None
        self.save()

    def now(self) -> datetime:
        """Return the virtual clock, UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def shown_now(self) -> datetime:
        """Return what the clock of the terminal's machine shows, UTC."""
        wrong = self.faults.find(WrongClock)
        return self.now() + timedelta(seconds=wrong.ahead if wrong else 0.0)

    def advance(self) -> None:
        """Bring the broker to the clock's now, and play what is due by then; what changed by that
        is on disk afterwards."""
        played = False
        while self._script and (moment := self._script.take(self.clock.now())):
            self._come_to(moment.at)
            self._told(f"{timedelta(seconds=self._script.elapsed(moment))} {moment.step}")
            self._do(moment.step)
            played = True
        if self._come_to(self.clock.now()) or played or self._is_old:
            self.save()

    def _come_to(self, utc: float) -> bool:
        changed = self.broker.advance(round(self.zone.server(utc) * 1000))
        self.faults.expire(self.broker.now)
        return changed

    def _do(self, step: Step) -> None:
        """Let a step happen; what cannot be done at that moment is told, and does not."""
        try:
            if step.do in moves.BY_NAME:
                self._move(moves.read(step.do, step.parameters))
            else:
                self.inject(step.do, step.parameters)
        except (Refused, ValueError) as refusal:
            self._told(f"could not be done: {refusal}")

    def _move(self, move: moves.Move) -> None:
        match move:
            case moves.Clear(fault=fault):
                self.clear(fault)
            case moves.SetSymbol(symbol=symbol, conditions=changes):
                for name in moves.names(self.broker, symbol):
                    self.change(name, changes)
            case moves.Sleep(seconds=seconds):
                self.clock.set(self.clock.now() + seconds)
            case moves.Reboot():
                self.faults.active.append(Pipe())
                self.save()
                self._reboot()
            case trading:
                moves.trade(trading, self.broker)

    @property
    def _is_old(self) -> bool:
        return time.monotonic() - self._saved_at > _SAVED_EVERY_SECONDS

    def save(self) -> None:
        """Put all on disk, where there is a file to keep it in."""
        self._saved_at = time.monotonic()
        if self._path is not None:
            state.save(self._path, self._state())

    def _state(self) -> State:
        return State(
            origin=self.origin,
            utc=self.clock.now(),
            wall=time.time(),
            now=self.broker.now,
            asked_speed=self._asked_speed,
            speed=self.clock.speed,
            book=self.broker.book,
            jumps=self.broker.quotes.jumps,
            faults=self.faults.active,
            conditions=self.conditions,
            rules=self.broker.rules,
            asked_scenario=self._asked_scenario,
            played=self._script.played if self._script else None,
        )

    def _change(self, name: str, changed: Conditions) -> None:
        self.broker.quotes.change(changed.of(self.broker.quotes.market.symbols[name]))
        self.conditions[name] = changed
