"""What it means that an answer is like what was expected, as the README of this folder says."""

import re
from collections.abc import Mapping

NOTHING: tuple[object, ...] = (False, 0, "", [], {})


def unlike(expected: object, got: object, path: str = "") -> str | None:
    """Return where and how they differ; None: they do not. `None` as `got`: there is nothing."""
    where = path or "it"
    if got is None and expected is not None:
        return None if expected in NOTHING else f"{where} is missing, not {expected!r}"
    match expected:
        case None:
            return None if got is None else f"{where} is {got!r}, not nothing"
        case "*":
            return None
        case dict():
            return _unlike_object(expected, got, path)
        case list():
            return _unlike_list(expected, got, path)
    return None if _plain(expected) == _plain(got) else f"{where} is {got!r}, not {expected!r}"


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


def _plain(value: object) -> object:
    """Return a number in one spelling, whether it came as text or not, and exact above 2^53."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value
