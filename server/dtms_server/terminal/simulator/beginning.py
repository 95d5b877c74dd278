"""How a world begins: made of settings, or taken up again from its state's file."""

import secrets
import time
from collections.abc import Sequence
from typing import Final

from dtms_server.terminal.simulator import chronicle, conditions, replay, symbols
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.clock import Clock, ServerZone
from dtms_server.terminal.simulator.conditions import Conditions
from dtms_server.terminal.simulator.quotes import Market
from dtms_server.terminal.simulator.scenario import Scenario
from dtms_server.terminal.simulator.script import Played, Script
from dtms_server.terminal.simulator.seeded import SeededMarket
from dtms_server.terminal.simulator.settings import Settings
from dtms_server.terminal.simulator.state import Origin, State

LONGEST_ABSENCE_SECONDS: Final = 86_400.0
"""Of virtual time that passes while nobody is there."""


def origin(settings: Settings, saved: State | None) -> Origin:
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


def market(settings: Settings, origin: Origin, zone: ServerZone) -> Market:
    """Return where prices come from. Raises ValueError."""
    facts = {name: symbols.facts(name) for name in origin.symbols}
    if settings.replay is None:
        assert origin.seed is not None, "a market without a replay has a seed"
        return SeededMarket(origin.seed, facts, origin.min_spread)
    return replay.read(settings.replay, facts[origin.symbols[0]], zone, origin.min_spread)


def begin(settings: Settings, origin: Origin, market: Market, zone: ServerZone) -> State:
    """Return the first state of a new world. Raises ValueError."""
    begin = _start(settings, zone.utc(market.start))
    scenario = settings.scenario
    now = round(zone.server(begin) * 1000)
    book = Book(next_order=settings.first_ticket)
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
        asked_scenario=scenario,
        played=Played(scenario=scenario, begun=begin) if scenario else None,
    )


def _start(settings: Settings, usual: float) -> float:
    """Return where a new world's clock begins, UTC epoch in seconds."""
    if settings.start is not None:
        return settings.start.timestamp()
    scenario = settings.scenario
    if scenario is None or scenario.start is None:
        return usual
    if scenario.start.timestamp() < usual:
        raise ValueError(
            f"{scenario.title!r} begins at {scenario.start}: too early for this market"
        )
    return scenario.start.timestamp()


def script(settings: Settings, begun: State, is_new: bool, now: float) -> Script | None:
    """Return what is to be played: what the world plays, from where it is, unless another scenario
    is asked for now than at its last start. Raises ValueError for one that cannot begin in a world
    that is there already."""
    wanted, played = settings.scenario, begun.played
    if wanted is not None:
        check(wanted, begun.origin.symbols)
    own = played.scenario if played else None
    if wanted in (None, begun.asked_scenario, own):
        return Script(played) if played else None
    path = settings.state_path
    if wanted.start is not None and not is_new and path is not None:
        raise ValueError(
            f"the scenario {wanted.title!r} begins with a new world at {wanted.start}, and "
            f"simulator state {path} holds one: move {chronicle.pair(path)} away, or name another "
            "file"
        )
    return Script(Played(scenario=wanted, begun=now))


def check(scenario: Scenario, symbols: Sequence[str]) -> None:
    """Raise ValueError for a scenario that names a symbol which is not there."""
    named = {
        str(step.parameters["symbol"]) for step in scenario.steps if "symbol" in step.parameters
    }
    if unknown := sorted(named - set(symbols)):
        raise ValueError(
            f"the scenario {scenario.title!r} is of {', '.join(unknown)}, and here are "
            f"{', '.join(symbols)}"
        )


def _conditions(settings: Settings, origin: Origin) -> dict[str, Conditions]:
    unknown = set(settings.conditions) - {"*", *origin.symbols}
    if unknown:
        raise ValueError(f"there are conditions of {', '.join(sorted(unknown))}, which is not here")
    shared = settings.conditions.get("*", {})
    found = {name: {**shared, **settings.conditions.get(name, {})} for name in origin.symbols}
    return {name: conditions.conditions(changes) for name, changes in found.items() if changes}


def clock(settings: Settings, begun: State) -> Clock:
    """Return the clock going on: at the speed it ran at, unless another one is asked for now."""
    speed = begun.speed
    if settings.speed is not None and settings.speed != begun.asked_speed:
        speed = settings.speed
    absent = max(0.0, time.time() - begun.wall) * begun.speed
    return Clock(begun.utc + min(absent, LONGEST_ABSENCE_SECONDS), speed)
