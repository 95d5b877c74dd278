"""The opaque tokens: where a stream or a list goes on, and what it is bound to."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import Struct
from typing import Any, Final, Self

from dtms_server.domain.actions import COMMENT_LENGTH, OUR_COMMENT, Action
from dtms_server.domain.errors import (
    PageTokenInvalid,
    ResumeTokenExpired,
    ResumeTokenInFuture,
    ResumeTokenInvalid,
)
from dtms_server.ports import ActionFilter, Journal, TradeFilter

_CHECK_BYTES: Final = 8  # against mangling, not against forgery: a token opens nothing
_RESUME: Final = Struct(">B16sQ")  # version, store, sequence
_PAGE: Final = Struct(">B16sQQ")  # version, store and filters, last ticket, sequence to resume at
_ID_BYTES: Final = COMMENT_LENGTH - len(OUR_COMMENT)
_ACTIONS: Final = Struct(f">B16sq{_ID_BYTES + 1}p")  # version, store and filters, start, id
_RESUME_VERSION: Final = 1
_PAGE_VERSION: Final = 129
_ACTIONS_VERSION: Final = 130
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A place in one store's journal: the last sequence that the reader has seen."""

    store: bytes
    sequence: int

    @classmethod
    def of(cls, journal: Journal, sequence: int) -> Self:
        """Return the token for a sequence of that journal."""
        return cls(_digest(journal.store_id), sequence)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote; raises ResumeTokenInvalid for anything else."""
        return cls(*_open(_RESUME, _RESUME_VERSION, text, ResumeTokenInvalid))

    def write(self) -> str:
        """Return the token as base64url of version, store and sequence."""
        return _seal(_RESUME, _RESUME_VERSION, self.store, self.sequence)

    def place_in(self, journal: Journal) -> int:
        """Return the sequence after which a stream of that journal goes on.

        Raises ResumeTokenInvalid (of another store), ResumeTokenInFuture or ResumeTokenExpired.
        """
        if self.store != _digest(journal.store_id):
            raise ResumeTokenInvalid
        if self.sequence > journal.head:
            raise ResumeTokenInFuture(head_sequence=journal.head)
        if self.sequence < journal.compacted_through:
            raise ResumeTokenExpired(earliest_sequence=journal.compacted_through + 1)
        return self.sequence


@dataclass(frozen=True, slots=True)
class PageToken:
    """Where a list goes on: after which ticket, and what its first page's read resumes at."""

    binding: bytes
    after_ticket: int
    resume_sequence: int

    @classmethod
    def of(cls, journal: Journal, wanted: TradeFilter, after_ticket: int, sequence: int) -> Self:
        """Return the token for the page after `after_ticket`."""
        return cls(_trades_binding(journal, wanted), after_ticket, sequence)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote; raises PageTokenInvalid for anything else."""
        return cls(*_open(_PAGE, _PAGE_VERSION, text, PageTokenInvalid))

    def write(self) -> str:
        """Return the token as base64url."""
        fields = (self.binding, self.after_ticket, self.resume_sequence)
        return _seal(_PAGE, _PAGE_VERSION, *fields)

    def require(self, journal: Journal, wanted: TradeFilter) -> None:
        """Raise PageTokenInvalid where the token is of another store or other filters."""
        if self.binding != _trades_binding(journal, wanted):
            raise PageTokenInvalid


@dataclass(frozen=True, slots=True)
class ActionToken:
    """Where a list of actions goes on: past which one, told by (started_at, id)."""

    binding: bytes
    started_at: datetime
    action_id: str

    @classmethod
    def of(cls, journal: Journal, wanted: ActionFilter, last: Action) -> Self:
        """Return the token for the page past `last`."""
        return cls(_actions_binding(journal, wanted), last.started_at, last.id)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote; raises PageTokenInvalid for anything else."""
        binding, started, action_id = _open(_ACTIONS, _ACTIONS_VERSION, text, PageTokenInvalid)
        try:
            return cls(binding, _EPOCH + started * _MICROSECOND, action_id.decode())
        except (OverflowError, UnicodeDecodeError):
            raise PageTokenInvalid from None

    def write(self) -> str:
        """Return the token as base64url."""
        started = (self.started_at - _EPOCH) // _MICROSECOND
        return _seal(_ACTIONS, _ACTIONS_VERSION, self.binding, started, self.action_id.encode())

    def require(self, journal: Journal, wanted: ActionFilter) -> None:
        """Raise PageTokenInvalid where the token is of another store or other filters."""
        if self.binding != _actions_binding(journal, wanted):
            raise PageTokenInvalid

    @property
    def before(self) -> tuple[datetime, str]:
        """The place that the next page begins past, as ports.Actions wants it."""
        return self.started_at, self.action_id


def _actions_binding(journal: Journal, wanted: ActionFilter) -> bytes:
    parts = (wanted.ticket, str(wanted.started_from), str(wanted.started_before))
    return _digest(repr((journal.store_id, parts)))


def _trades_binding(journal: Journal, wanted: TradeFilter) -> bytes:
    labels = sorted((wanted.labels or {}).items())
    parts = (sorted(wanted.states), sorted(wanted.symbols), labels, wanted.include_closed)
    return _digest(repr((journal.store_id, parts)))


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _seal(layout: Struct, *fields: int | bytes) -> str:
    body = layout.pack(*fields)
    return base64.urlsafe_b64encode(body + _check(body)).rstrip(b"=").decode()


def _open(
    layout: Struct, version: int, text: str, refused: Callable[[], Exception]
) -> tuple[Any, ...]:
    try:
        sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise refused() from None
    body = sealed[: layout.size]
    if len(body) != layout.size or body[0] != version:
        raise refused()
    fields = layout.unpack(body)
    if _seal(layout, *fields) != text:  # only one spelling of each token is a token
        raise refused()
    return fields[1:]


def _check(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK_BYTES).digest()
