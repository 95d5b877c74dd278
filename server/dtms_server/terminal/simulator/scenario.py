"""A scenario: what goes wrong at a simulated terminal, and when. Read from TOML, checked whole."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from itertools import pairwise
from typing import Any, Final

import msgspec

from dtms_server.terminal.simulator import faults, moves
from dtms_server.terminal.simulator.failure import Refused

Table = Mapping[str, Any]
KNOWN: Final = ("title", "what", "start", "step")
MOST_MOMENTS: Final = 100_000
_DURATION: Final = re.compile(r"(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)", re.ASCII)
_STEP: Final = re.compile(r"\s*\[\[\s*step\s*\]\]")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A fault or a move, `at` seconds of the virtual clock after the scenario began; `times` times,
    `every` so many seconds."""

    at: float
    do: str
    parameters: dict[str, Any] = {}
    every: float = 0.0
    times: int = 1

    def __str__(self) -> str:
        return " ".join([self.do, *(f"{name}={value}" for name, value in self.parameters.items())])


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What happens, in order of time. `start` is where a new world's clock begins (None: where it
    does without a scenario)."""

    title: str
    what: str
    steps: tuple[Step, ...]
    start: datetime | None = None


def read(text: str, name: str) -> Scenario:
    """Read a scenario from TOML; ValueError, with all that is wrong and its line, where it is none.
    `name` is what the text is called in that error."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{name} is no TOML: {error}") from error
    wrong = list(_wrong_head(table))
    steps = []
    for where, given in _steps(table, text):
        try:
            steps.append(_step(given))
        except (ValueError, Refused) as error:
            wrong.append(f"{where}: {error}")
    if not wrong:
        wrong.extend(_wrong_order(steps))
    if wrong:
        raise ValueError(f"{name}: {'; '.join(wrong)}")
    start = table.get("start")
    return Scenario(
        title=table["title"],
        what=table["what"],
        steps=tuple(steps),
        start=None if start is None else start.astimezone(UTC),
    )


def _wrong_head(table: Table) -> Iterator[str]:
    for name in table:
        if name not in KNOWN:
            yield f"{name!r} is not known: a scenario has {', '.join(KNOWN)}"
    for name in ("title", "what"):
        if not (isinstance(table.get(name), str) and table[name].strip()):
            yield f"{name} must be a text"
    start = table.get("start")
    if start is not None and not (isinstance(start, datetime) and start.tzinfo):
        yield f"start = {start} must be a date, a time and an offset, as 2025-01-10T20:00:00Z"
    steps = table.get("step")
    if not (isinstance(steps, list) and steps and all(isinstance(one, dict) for one in steps)):
        yield "there must be a [[step]], or more"


def _steps(table: Table, text: str) -> Iterator[tuple[str, Table]]:
    """Yield each step with where it is."""
    steps = table.get("step")
    found = [number for number, line in enumerate(text.splitlines(), 1) if _STEP.match(line)]
    for place, given in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(given, dict):
            line = f"line {found[place]}, " if len(found) == len(steps or []) else ""
            yield f"{line}step {place + 1}", given


def _step(given: Table) -> Step:
    """Return one step. Raises ValueError, or Refused for a fault or move that cannot be."""
    rest = dict(given)
    do = str(rest.pop("do", None))
    at, every, times = _seconds("at", rest.pop("at", None)), 0.0, 1
    if "every" in rest or "times" in rest:
        every = _seconds("every", rest.pop("every", None))
        times = rest.pop("times", None)
        if every <= 0 or type(times) is not int or not 1 < times <= MOST_MOMENTS:
            raise ValueError("a step that is repeated needs every (above 0) and times (2 or more)")
    if do in moves.BY_NAME:
        moves.read(do, rest)
    elif do in faults.BY_NAME:
        faults.read(do, rest, 0)
    else:
        known = ", ".join([*moves.BY_NAME, *faults.BY_NAME])
        raise ValueError(f"do = {do!r} is no fault or move; known are {known}")
    return Step(at=at, do=do, parameters=rest, every=every, times=times)


def _wrong_order(steps: list[Step]) -> Iterator[str]:
    for number, (one, other) in enumerate(pairwise(steps), 2):
        if other.at < one.at:
            yield f"step {number} comes after a later one: steps are given in order of time"
    if sum(step.times for step in steps) > MOST_MOMENTS:
        yield f"all steps together are repeated more than {MOST_MOMENTS} times"


def _seconds(name: str, value: object) -> float:
    match value:
        case time():  # what TOML makes of 00:10:00
            return (
                value.hour * 3600.0 + value.minute * 60.0 + value.second + value.microsecond / 1e6
            )
        case str() if found := _DURATION.fullmatch(value):
            return int(found[1]) * 3600.0 + int(found[2]) * 60.0 + float(found[3])
        case int() | float() if not isinstance(value, bool) and value >= 0 and math.isfinite(value):
            return float(value)
    given = "missing, and" if value is None else f"{value!r}, which"
    raise ValueError(f'{name} is {given} must be a time as "00:10:00", or seconds from 0')
