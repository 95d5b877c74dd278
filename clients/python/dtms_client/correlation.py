"""The correlation id: a call's name, in its caller's log and in the server's."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

KEY: Final = "x-correlation-id"
LONGEST: Final = 128

_NAME: Final = ContextVar("dtms_correlation_id", default="")


@contextmanager
def correlated(name: str) -> Iterator[None]:
    """Give every call that is made within this name, which the server's log then repeats; without
    one the server makes one for each call. Raises ValueError where it is not 1 to 128 printable
    characters of ASCII, without blanks at its ends."""
    sound = name.isascii() and name.isprintable() and name == name.strip()
    if not (sound and 1 <= len(name) <= LONGEST):
        raise ValueError(f"{name!r} cannot name a call")
    before = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(before)


def metadata() -> tuple[tuple[str, str], ...]:
    """Return what a call that is made now takes along."""
    name = _NAME.get()
    return ((KEY, name),) if name else ()


def told(metadata: Iterable[Any]) -> str:
    """Return the name that the server gave back; empty where it did not."""
    return next((str(value) for key, value in metadata if key == KEY), "")
