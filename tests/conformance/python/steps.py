"""What a step may consist of, as the README of this folder says; what it may not is told."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

Step = Mapping[str, Any]
TRIED = ("deadline_seconds", "cancel_after_seconds", "retry")
KINDS = {
    "do": ("with", "keep"),
    "call": ("request", "answer", "error", "keep", *TRIED),
    "health": ("status", "error", "keep", *TRIED),
    "stream": ("events", "error", "keep"),
    "follow": ("request",),
    "await": ("events", "until"),
    "end": (),
    "repeat": ("steps",),
}
"""Each kind of step, and what it may have beside `say`."""
NEEDED = {
    "health": ("status", "error"),
    "stream": ("events", "error"),
    "await": ("events", "until"),
    "follow": ("request",),
    "repeat": ("steps",),
}
"""Of these a step of the kind has exactly one."""


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value > 0


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kinds)


def _are(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(one, kind) for one in value)


FITS: Mapping[str, Callable[[object], bool]] = {
    **dict.fromkeys(("say", "do", "call", "health", "status", "follow", "await", "end"), _is(str)),
    **dict.fromkeys(("with", "request", "answer", "error", "stream", "until", "keep"), _is(dict)),
    **dict.fromkeys(("deadline_seconds", "cancel_after_seconds"), _is_seconds),
    "retry": _is(bool),
    "repeat": _is_count,
    "events": _are(dict),
    "steps": _are(dict),
}
ERROR_FITS: Mapping[str, Callable[[object], bool]] = {
    "code": _is(str),
    "reason": _is(str),
    "metadata": _is(dict),
    "violations": _are(str),
    "retry": _is(bool),
}


class Malformed(Exception):
    """A scenario, or one of its steps, is not what the README says."""


def read(scenario: Path) -> list[Step]:
    """Return a scenario's steps, with fractions exact. Raises Malformed."""
    try:
        text = scenario.read_text(encoding="utf-8")
        found = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (OSError, ValueError) as fault:
        raise Malformed(f"the scenario cannot be read: {fault}") from fault
    match found:
        case {"steps": list(steps)} if all(isinstance(step, dict) for step in steps):
            return steps
    raise Malformed("the scenario has no list of steps")


def check(step: Step) -> None:
    """Raise Malformed where a step is none."""
    kinds = [kind for kind in KINDS if kind in step]
    if len(kinds) != 1:
        raise Malformed("there is no such step")
    (kind,) = kinds
    for name, value in step.items():
        if name not in ("say", kind, *KINDS[kind]):
            raise Malformed(f"{kind} has no {name}")
        if not FITS[name](value):
            raise Malformed(f"{name} cannot be {value!r}")
    _check_needed(kind, step)
    for name, value in step.get("error", {}).items():
        if name not in ERROR_FITS or not ERROR_FITS[name](value):
            raise Malformed(f"an error's {name} cannot be {value!r}")
    if any(not isinstance(path, str) for path in step.get("keep", {}).values()):
        raise Malformed("keep maps names to paths")


def doubles(value: Any) -> Any:
    """Return the same with its fractions as doubles, for requests and deeds."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [doubles(one) for one in value]
        case dict():
            return {name: doubles(one) for name, one in value.items()}
    return value


def _check_needed(kind: str, step: Step) -> None:
    needed = NEEDED.get(kind, ())
    if needed and sum(name in step for name in needed) != 1:
        raise Malformed(f"{kind} needs {' or '.join(needed)}")
    if "error" in step and ("code" not in step["error"] or {"answer", "keep"} & set(step)):
        raise Malformed("an error needs a code, and excludes an answer and what it keeps")


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is not JSON")
