"""What it means that an answer is like what was expected, as the README of this folder says."""

import re
from collections.abc import Mapping
from decimal import Decimal

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON writes it."""


def unlike(expected: object, got: object, path: str = "") -> str | None:
    """Return where and how they differ; None: they do not. `None` as `got`: there is nothing."""
    where = path or "it"
    if got is None and expected is not None:
        return f"{where} is missing, not {expected!r}" if expected else None
    match expected:
        case None:
            return None if got is None else f"{where} is {got!r}, not nothing"
        case "*":
            return None
        case dict():
            return _unlike_object(expected, got, path)
        case list():
            return _unlike_list(expected, got, path)
    return None if _equal(expected, got) else f"{where} is {got!r}, not {expected!r}"


def _unlike_object(expected: dict[str, object], got: object, path: str) -> str | None:
    if not isinstance(got, Mapping):
        return f"{path or 'it'} is {got!r}, not an object"
    differences = (
        unlike(value, got.get(name), f"{path}.{name}".lstrip("."))
        for name, value in expected.items()
    )
    return next((told for told in differences if told), None)


def _unlike_list(expected: list[object], got: object, path: str) -> str | None:
    if not isinstance(got, list) or len(got) != len(expected):
        return f"{path or 'it'} is {got!r}, not a list of {len(expected)}"
    differences = (
        unlike(value, one, f"{path}.{place}".lstrip("."))
        for place, (value, one) in enumerate(zip(expected, got, strict=True))
    )
    return next((told for told in differences if told), None)


def _equal(one: object, other: object) -> bool:
    """Compare two texts, two truths, or two numbers of which one may be written as text."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    first, second = _number(one), _number(other)
    return first is not None and first == second


def _number(value: object) -> Decimal | None:
    """Return the number that a value is or writes, exactly; None: it is none."""
    match value:
        case str() if not NUMBER.fullmatch(value):
            return None
        case str() | int() | Decimal():
            return Decimal(value)
        case float():
            return Decimal(repr(value))  # as it is written, not as a double holds it
    return None
