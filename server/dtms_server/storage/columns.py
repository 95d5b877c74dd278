"""How values lie in columns: as integers, numbers and text that SQLite checks strictly."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy import CheckConstraint, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

E_ = TypeVar("E_", bound=StrEnum)
F_ = TypeVar("F_")


class Instant(TypeDecorator[datetime]):
    """An aware time, as microseconds since 1970 UTC."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuses a naive time with TypeError."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The time, in UTC."""
        return None if value is None else EPOCH + value * MICROSECOND


class Flag(TypeDecorator[bool]):
    """Yes or no, as 1 or 0."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:
        """1 or 0."""
        return None if value is None else int(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> bool | None:
        """True or False."""
        return None if value is None else bool(value)


class Word(TypeDecorator[E_], Generic[E_]):
    """A member of an enum, as its word."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[E_]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: E_ | None, dialect: Dialect) -> str | None:
        """The word."""
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> E_ | None:
        """The member."""
        return None if value is None else self.kind(value)


class Labels(TypeDecorator[Mapping[str, str]]):
    """Labels, as a JSON object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str] | None, dialect: Dialect) -> str | None:
        """The object's text."""
        return None if value is None else msgspec.json.encode(dict(value)).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> dict[str, str] | None:
        """The labels."""
        return None if value is None else msgspec.json.decode(value, type=dict[str, str])


class Json(TypeDecorator[F_], Generic[F_]):
    """Facts that are never searched, a dataclass, as a JSON object."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[F_]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: F_ | None, dialect: Dialect) -> str | None:
        """The object's text."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> F_ | None:
        """The facts; what the text lacks has its default."""
        return None if value is None else msgspec.json.decode(value, type=self.kind)


def one_of(words: type[StrEnum], table: str, column: str) -> CheckConstraint:
    """Return the check that a column holds one of an enum's words (or nothing, where it may)."""
    return CheckConstraint(f"{column} IN ({quoted(words)})", name=f"{table}_{column}")


def quoted(words: type[StrEnum] | list[str]) -> str:
    """Return words as SQL literals, separated by commas."""
    return ", ".join(f"'{word}'" for word in words)
