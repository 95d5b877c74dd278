"""Kinds of arguments, each with what the real module takes for one; and groups of symbols.

A kind returns the value as the module reads it. Raises TypeError for a value of another type, and
OverflowError for a number of too many bits: docs/metatrader5-package.md.
"""

import operator
from collections.abc import Callable, Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from math import isnan
from typing import Any, Final, Protocol, TypeVar

Kind = Callable[[object], Any]

_LAST_MOMENT: Final = 1e10  # no market lasts longer


class Named(Protocol):
    """A row that belongs to a symbol."""

    @property
    def symbol(self) -> str:
        """The symbol's name."""


N = TypeVar("N", bound=Named)


def text(most: int) -> Kind:
    """Return the kind of a text of so many UTF-16 units at most."""

    def read(value: object) -> str:
        if not isinstance(value, str) or _units(value) > most:
            raise TypeError
        return value

    return read


def whole(bits: int, *, signed: bool = False) -> Kind:
    """Return the kind of an int of so many bits; none of numpy's is one, True is."""

    def read(value: object) -> int:
        if not isinstance(value, int):
            raise TypeError
        return _sized(value, bits, signed=signed)

    return read


def real(value: object) -> float:
    """A float, be it NaN; an int is none."""
    if not isinstance(value, float):
        raise TypeError
    return value


def index(value: object) -> int:
    """Anything that counts as a whole number, of 32 bits with a sign."""
    return _sized(operator.index(value), 32, signed=True)  # type: ignore[arg-type] # or TypeError


def integer(value: object) -> int:
    """An int of any size."""
    if not isinstance(value, int):
        raise TypeError
    return value


def number(value: object) -> float:
    """Anything that counts as a real number."""
    if isinstance(value, (str, bytes)):
        raise TypeError
    return float(value)  # type: ignore[arg-type] # or TypeError


def flag(value: object) -> bool:
    """Anything: is it true?"""
    return bool(value)


def moment(value: object) -> float:
    """A date as a server epoch in seconds: the module takes floats, ints of 32 bits and datetimes,
    and reads the server's clock as if it were UTC. NaN is the epoch."""
    if isinstance(value, datetime):
        value = value.timestamp()  # may raise OSError on Windows
    elif isinstance(value, int):
        value = float(_sized(value, 32, signed=True))
    if not isinstance(value, float):
        raise TypeError
    return 0.0 if isnan(value) else max(0.0, min(_LAST_MOMENT, value))


def _sized(value: int, bits: int, *, signed: bool) -> int:
    least = -(2 ** (bits - 1)) if signed else 0
    if not least <= value < least + 2**bits:
        raise OverflowError(f"{value} has no room in {bits} bits")
    return value


def _units(value: str) -> int:
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def in_group(name: str, group: str) -> bool:
    """Does a symbol's name fit a group such as "*USD*,!*JPY*"? The last part that fits decides."""
    fits = False
    for part in (part.strip() for part in group.split(",")):
        if fnmatchcase(name, part.removeprefix("!")):
            fits = not part.startswith("!")
    return fits


def of_group(rows: Iterable[N], group: str | None) -> tuple[N, ...]:
    """Return the rows whose symbol fits `group`; None fits all."""
    return tuple(row for row in rows if group is None or in_group(row.symbol, group))
