"""What a request's fields may be: one method for each kind of field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from dtms_server.domain.errors import InvalidRequest
from dtms_server.domain.trade import MAX_TICKET
from dtms_server.rpc.enums import to_domain

if TYPE_CHECKING:  # the first is generic in the stubs only
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as ProtoEnum
    from google.protobuf.timestamp_pb2 import Timestamp

MAX_SYMBOL_BYTES: Final = 64
MAX_LABELS: Final = 16
MAX_KEY_BYTES: Final = 63
MAX_VALUE_BYTES: Final = 256
MAX_REASON_BYTES: Final = 256
MAX_FILTERED: Final = 100
PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1000
MICROSECOND: Final = timedelta(microseconds=1)
LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC) - MICROSECOND

Member = TypeVar("Member", bound=StrEnum)
Number = TypeVar("Number", bound=int)


class Violations:
    """Collects what is wrong with one request; what its methods return counts only if none is."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, path: str, why: str) -> None:
        """Note one violation."""
        self._found.append((path, why))

    def raise_if_any(self) -> None:
        """Raise InvalidRequest with all that was found."""
        if self._found:
            raise InvalidRequest(self._found)

    def ticket(self, ticket: int, path: str = "ticket") -> int:
        """A ticket is 1 to 2^63-1."""
        if not 1 <= ticket <= MAX_TICKET:
            self.add(path, f"must be 1 to {MAX_TICKET}")
        return ticket

    def symbol(self, symbol: str, path: str = "symbol") -> str:
        """A symbol is 1 to 64 bytes."""
        if not 1 <= len(symbol.encode()) <= MAX_SYMBOL_BYTES:
            self.add(path, f"must be 1 to {MAX_SYMBOL_BYTES} bytes of UTF-8")
        return symbol

    def positive(self, path: str, *, given: bool, value: float) -> float | None:
        """A price or volume is finite and above 0, or absent."""
        if given and not (math.isfinite(value) and value > 0):
            self.add(path, "must be finite and above 0; leave it out where there is none")
        return value if given else None

    def known(self, path: str, kind: ProtoEnum[Number], number: int) -> None:
        """An enum's number is one that has a name: proto3 enums are open, any number parses."""
        if number not in kind.values():
            self.add(path, f"{number} is not a value of {kind.DESCRIPTOR.name}")

    def member(
        self, path: str, kind: ProtoEnum[Number], number: int, members: type[Member]
    ) -> Member | None:
        """Return the domain's member; None for 0, "unspecified"."""
        self.known(path, kind, number)
        return to_domain(kind, number, members)

    def members(
        self, path: str, kind: ProtoEnum[Number], numbers: Sequence[int], members: type[Member]
    ) -> frozenset[Member]:
        """A filter's enum numbers are known ones and not "unspecified"."""
        for place, number in enumerate(numbers):
            if number == 0:
                self.add(f"{path}[{place}]", "must be specified")
            self.known(f"{path}[{place}]", kind, number)
        found = (to_domain(kind, number, members) for number in set(numbers))
        return frozenset(member for member in found if member is not None)

    def labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Labels are at most 16, with keys of 1 to 63 and values of up to 256 bytes."""
        if len(labels) > MAX_LABELS:
            self.add("labels", f"must be at most {MAX_LABELS}, are {len(labels)}")
        for key, value in labels.items():
            if not 1 <= len(key.encode()) <= MAX_KEY_BYTES:
                self.add(f"labels[{key!r:.40}]", f"its key must be 1 to {MAX_KEY_BYTES} bytes")
            if len(value.encode()) > MAX_VALUE_BYTES:
                self.add(f"labels[{key!r:.40}]", f"must be at most {MAX_VALUE_BYTES} bytes")
        return dict(labels)

    def symbols(self, symbols: Sequence[str]) -> frozenset[str]:
        """A filter names at most 100 symbols."""
        self._few("symbols", symbols)
        return frozenset(
            self.symbol(symbol, f"symbols[{place}]") for place, symbol in enumerate(symbols)
        )

    def tickets(self, tickets: Sequence[int]) -> frozenset[int]:
        """A filter names at most 100 tickets."""
        self._few("tickets", tickets)
        return frozenset(
            self.ticket(ticket, f"tickets[{place}]") for place, ticket in enumerate(tickets)
        )

    def page_size(self, size: int) -> int:
        """A page's size is not negative; 0 means 100, above 1000 means 1000."""
        if size < 0:
            self.add("page_size", "must not be negative")
        return min(size or PAGE_SIZE, MAX_PAGE_SIZE)

    def timestamp(self, path: str, *, given: bool, value: Timestamp) -> datetime | None:
        """A timestamp lies in the years 1 to 9999; it counts to the microsecond, rounded up, since
        a time of ours lies before the one exactly where it lies before the other."""
        if not given:
            return None
        try:
            value.ToJsonString()
            at = value.ToDatetime(UTC)
        except ValueError:
            self.add(path, "must lie in the years 1 to 9999, with 0 to 999999999 nanoseconds")
            return None
        return min(at, LAST_MOMENT) + MICROSECOND if value.nanos % 1000 else at

    def reason(self, reason: str) -> None:
        """An operator's reason is at most 256 bytes."""
        if len(reason.encode()) > MAX_REASON_BYTES:
            self.add("reason", f"must be at most {MAX_REASON_BYTES} bytes of UTF-8")

    def _few(self, path: str, items: Sequence[object]) -> None:
        if len(items) > MAX_FILTERED:
            self.add(path, f"must be at most {MAX_FILTERED}, are {len(items)}")
