"""A world: market, broker, clock and faults, kept in a file if there is one."""

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from dtms_server.terminal.simulator import conditions, faults, replay, state, symbols
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.broker import Broker, Terms
from dtms_server.terminal.simulator.broker_faults import MarketClosed, Suspended, WideSpread
from dtms_server.terminal.simulator.clock import Clock, ServerZone
from dtms_server.terminal.simulator.conditions import Conditions
from dtms_server.terminal.simulator.faults import Disconnect, Faults
from dtms_server.terminal.simulator.quotes import Market, Quotes
from dtms_server.terminal.simulator.seeded import SeededMarket
from dtms_server.terminal.simulator.settings import Settings
from dtms_server.terminal.simulator.state import Origin, State
from dtms_server.terminal.simulator.symbols import Symbol

SERVER: Final = "DTMS-Simulator"
_LONGEST_ABSENCE_SECONDS: Final = 86_400.0  # of virtual time that passes while nobody is there
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
        self.origin = _origin(settings, saved)
        if path is not None and saved is not None:
            state.check(path, saved.origin, self.origin)
        self.zone = ServerZone.parse(settings.server_offset)
        market = _market(settings, self.origin, self.zone)
        begun = saved or _begin(settings, self.origin, market, self.zone)
        hedging = settings.account == "hedging"
        terms = Terms(self.origin.login, SERVER, hedging, settings.leverage)
        quotes = Quotes(market, begun.jumps)
        self.broker = Broker(terms, begun.rules, quotes, begun.book, begun.now)
        self.conditions: dict[str, Conditions] = {}
        for name, known in begun.conditions.items():
            self._change(name, known)
        self.clock = _clock(settings, begun)
        self.faults = Faults(begun.faults)
        self.selected = set(self.origin.symbols)
        self.flat = False
        self.request_id = 0
        self.sent: list[int] = []
        self._path = path
        self._asked_speed = settings.speed
        try:
            self.save()
        except OSError as error:
            raise ValueError(f"simulator state {path} cannot be written: {error}") from error

    @property
    def connected(self) -> bool:
        """Does the terminal reach its broker?"""
        return self.faults.find(Disconnect) is None

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
                self.broker.widen(symbol, points, until)
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

    def now(self) -> datetime:
        """Return the virtual clock, UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def advance(self) -> None:
        """Bring the broker to the clock's now; what changed by that is on disk afterwards."""
        changed = self.broker.advance(round(self.zone.server(self.clock.now()) * 1000))
        self.faults.expire(self.broker.now)
        if changed or time.monotonic() - self._saved_at > _SAVED_EVERY_SECONDS:
            self.save()

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
        )

    def _change(self, name: str, changed: Conditions) -> None:
        self.broker.quotes.change(changed.of(self.broker.quotes.market.symbols[name]))
        self.conditions[name] = changed


def _origin(settings: Settings, saved: State | None) -> Origin:
    """Return what the settings ask for; seed and login left open are as saved, else drawn."""
    names = tuple(name.strip() for name in (settings.symbol or "").split(",") if name.strip())
    files: tuple[tuple[str, int], ...] = ()
    seed = settings.seed
    if settings.replay is not None:
        if len(names) != 1:
            raise ValueError("a replay needs exactly one symbol")
        files = replay.files(settings.replay)
        seed = None
    elif seed is None:
        drawn = saved is None or saved.origin.seed is None
        seed = secrets.randbits(32) if drawn or saved is None else saved.origin.seed
    return Origin(
        symbols=names or symbols.DEFAULT,
        seed=seed,
        replay=files,
        server_offset=settings.server_offset,
        min_spread=settings.min_spread,
        account=settings.account,
        login=settings.login or (saved.origin.login if saved else _drawn_login()),
    )


def _drawn_login() -> int:
    return 10_000_000 + secrets.randbelow(90_000_000)


def _market(settings: Settings, origin: Origin, zone: ServerZone) -> Market:
    facts = {name: symbols.facts(name) for name in origin.symbols}
    if settings.replay is None:
        assert origin.seed is not None, "a market without a replay has a seed"
        return SeededMarket(origin.seed, facts, origin.min_spread)
    return replay.read(settings.replay, facts[origin.symbols[0]], zone, origin.min_spread)


def _begin(settings: Settings, origin: Origin, market: Market, zone: ServerZone) -> State:
    start = settings.start
    begin = zone.utc(market.start) if start is None else start.timestamp()
    now = round(zone.server(begin) * 1000)
    book = Book()
    book.deposit(settings.balance, now)
    return State(
        origin=origin,
        utc=begin,
        wall=time.time(),
        now=now,
        asked_speed=settings.speed,
        speed=1.0 if settings.speed is None else settings.speed,
        book=book,
        jumps=[],
        faults=[],
        conditions=_conditions(settings, origin),
        rules=conditions.rules(settings.rules, conditions.Rules()),
    )


def _conditions(settings: Settings, origin: Origin) -> dict[str, Conditions]:
    unknown = set(settings.conditions) - {"*", *origin.symbols}
    if unknown:
        raise ValueError(f"there are conditions of {', '.join(sorted(unknown))}, which is not here")
    shared = settings.conditions.get("*", {})
    found = {name: {**shared, **settings.conditions.get(name, {})} for name in origin.symbols}
    return {name: conditions.conditions(changes) for name, changes in found.items() if changes}


def _clock(settings: Settings, begun: State) -> Clock:
    """Return the clock going on: at the speed it ran at, unless another one is asked for now."""
    speed = begun.speed
    if settings.speed is not None and settings.speed != begun.asked_speed:
        speed = settings.speed
    absent = max(0.0, time.time() - begun.wall) * begun.speed
    return Clock(begun.utc + min(absent, _LONGEST_ABSENCE_SECONDS), speed)
