"""The table [policy] of a settings file: what it may name, and the policy that comes of it."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from dtms_server.config.tree import (
    Place,
    allowed,
    dotted,
    holds,
    leaves,
    plain,
    range_at,
    type_at,
    value_at,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.rules import conflicts

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"cycle_seconds": "cycle", "lost_grace_seconds": "lost_grace", "magic": "magic"}
)
"""Numbers of the policy that are settings, each with the setting's name."""
SYMBOL: Final = ("defence", "symbol")
SYMBOLS: Final = ("defence", "symbols")
"""Where a symbol's own table stands; what it does not name holds as SYMBOL has it."""

_LONGEST_VALUE: Final = 60


class _Document(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, frozen=True, defer_build=True
    )
    policy: Policy


def read(table: Any, magic: int) -> tuple[Policy, list[str]]:
    """Return the policy that comes of the table, and all that is wrong with it.

    What is wrong has its default in that policy. `magic` is that of DTMS's own orders.
    """
    if not isinstance(table, dict):
        return Policy(), [f"policy = {_shown(table)} must be a table"]
    wrong = _wrong(table)
    policy = replace(_parsed(_without(table, wrong)), magic=magic)
    told = [f"policy.{dotted(place)}{why}" for place, why in wrong.items()]
    told += [
        conflict.why
        for conflict in conflicts(policy)
        if not any(place[: len(bad)] == bad for place in conflict.places for bad in wrong)
    ]
    return policy, told


def _wrong(table: dict[str, Any]) -> dict[Place, str]:
    """What is wrong with each value by itself."""
    wrong: dict[Place, str] = {
        (name,): f" is the setting {setting}: set {setting}, above all tables"
        for name, setting in SETTINGS.items()
        if name in table
    }
    for place in _refused(table):
        wrong.setdefault(place, _refusal(table, place))
    for place, value in leaves(table):
        within = range_at(place)
        if within is None or place in wrong:
            continue
        if not all(each in within for each in (value if isinstance(value, list) else [value])):
            wrong[place] = _refusal(table, place)
    return wrong


def _refused(table: dict[str, Any]) -> Iterator[Place]:
    """The places of what is unknown, or of another type."""
    try:
        _parsed(table)
    except ValidationError as fault:
        for error in fault.errors(include_url=False):
            place = tuple(name for name in error["loc"][1:] if isinstance(name, str))
            if holds(table, place):  # else it is inherited, and told where it stands
                yield place


def _parsed(table: dict[str, Any]) -> Policy:
    whole = _merged(plain(Policy()), table)
    symbol, symbols = value_at(whole, SYMBOL), value_at(whole, SYMBOLS)
    if isinstance(symbols, dict):
        symbols |= {name: _merged(symbol, own) for name, own in symbols.items()}
    # strictly, only JSON gives lists for tuples, words for enums and tables for our classes
    document = json.dumps({"policy": whole}, default=str)
    return _Document.model_validate_json(document).policy


def _merged(default: Any, given: Any) -> Any:
    if not (isinstance(default, dict) and isinstance(given, dict)):
        return given
    both = {name: _merged(default[name], given[name]) for name in default.keys() & given.keys()}
    return {**default, **given, **both}


def _without(table: dict[str, Any], places: Mapping[Place, str]) -> dict[str, Any]:
    left = deepcopy(table)
    for place in places:
        value_at(left, place[:-1]).pop(place[-1])
    return left


def _refusal(table: dict[str, Any], place: Place) -> str:
    kind = type_at(place)
    if kind is None:
        return f" is not known{_meant(place)}"
    return f" = {_shown(value_at(table, place))} must be {allowed(kind)}"


def _meant(place: Place) -> str:
    above = type_at(place[:-1])
    known = [each.name for each in fields(above)] if is_dataclass(above) else []
    close = get_close_matches(place[-1], known, 1)
    return f": did you mean {close[0]}?" if close else ""


def _shown(value: Any) -> str:
    told = json.dumps(value, ensure_ascii=False, default=str)
    return told if len(told) <= _LONGEST_VALUE else f"{told[:_LONGEST_VALUE]}..."
