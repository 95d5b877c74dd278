"""A policy as nested tables: what stands where, and what its type allows there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.ranges import Range

Place = tuple[str, ...]
"""Names from the policy's top down to a value, or to a table."""


def plain(value: Any) -> Any:
    """Return a policy, or a part of it, as TOML has it: tables, lists, words and numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    match value:
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case Enum():
            return value.value
        case tuple():
            return [plain(each) for each in value]
    return value


def leaves(tree: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Return each value of nested tables with where it stands; of a table its own values before
    those of the tables in it, as a file has to write them."""
    if not isinstance(tree, dict):
        yield place, tree
        return
    for name, value in sorted(tree.items(), key=lambda item: isinstance(item[1], dict)):
        yield from leaves(value, (*place, name))


def dotted(place: Place) -> str:
    """Return a place as a dotted key of TOML, where a symbol such as EURUSD.m stands quoted."""
    return ".".join(
        name if name.isascii() and name.replace("_", "").isalnum() else json.dumps(name)
        for name in place
    )


def value_at(tree: Any, place: Place) -> Any:
    """Return what nested tables hold there; None: nothing."""
    for name in place:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def holds(tree: Any, place: Place) -> bool:
    """Do nested tables name that place themselves?"""
    above = value_at(tree, place[:-1])
    return isinstance(above, dict) and place[-1] in above


def type_at(place: Place) -> Any:
    """Return the type that a policy has there, with its range; None: there is no such place."""
    found: Any = Policy
    for name in place:
        if get_origin(found) is Mapping:
            found = get_args(found)[1]
        elif is_dataclass(found):
            found = get_type_hints(found, include_extras=True).get(name)
        else:
            return None
    return found


def range_at(place: Place) -> Range | None:
    """Return the range of the number there, or of each number of the list there."""
    found = type_at(place)
    if get_origin(found) is tuple:
        found = get_args(found)[0]
    return get_args(found)[1] if get_origin(found) is Annotated else None


def allowed(kind: Any) -> str:
    """Return in words what a value of that type may be."""
    if get_origin(kind) is Annotated:
        number, within = get_args(kind)
        return f"a {'whole ' if number is int else ''}number {within}"
    if get_origin(kind) is tuple:
        return f"a list, each of it {allowed(get_args(kind)[0])}"
    if kind is bool:
        return "true or false"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f'"{each.value}"' for each in kind)
    return "a table"
