"""What can go wrong, as exceptions: one class a status, below it one a reason of the server."""

from collections.abc import Mapping
from typing import Final

import grpc

from dtms_client.wire import Violation

# Statuses that gRPC or a proxy makes when a connection dies, and that a deadline makes.
_TRANSIENT_WHEN_BARE: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


class DtmsError(Exception):
    """A call failed. `code` is the gRPC status, `reason` the server's (empty where gRPC itself or
    something in between answered), `metadata` the variable parts of the message, `violations` the
    fields that were refused, `retry_after` the seconds that the server asks to wait, if it does,
    `correlation_id` the call's name in the server's log (empty where no server answered).

    >>> try:
    ...     dtms.register_trade(0, "", "BUY")
    ... except errors.DtmsError as error:
    ...     print(error.code.name, error.reason, sorted(each.field for each in error.violations))
    INVALID_ARGUMENT INVALID_REQUEST ['symbol', 'ticket']
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        correlation_id: str = "",
    ) -> None:
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = violations
        self.retry_after = retry_after
        self.correlation_id = correlation_id
        super().__init__(
            code, message, reason, self.metadata, violations, retry_after, correlation_id
        )

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"

    @property
    def is_transient(self) -> bool:
        """Does the same call have a chance later, with nothing changed by the caller?

        >>> errors.Unavailable(grpc.StatusCode.UNAVAILABLE, "no server").is_transient
        True
        """
        if self.reason:
            return isinstance(self, Unavailable | SlowConsumer | RateLimited)
        return self.code in _TRANSIENT_WHEN_BARE


# --- one class a status


class InvalidArgument(DtmsError):
    """The request is wrong in itself; `violations` names each field."""


class NotFound(DtmsError):
    """There is no such thing."""


class AlreadyExists(DtmsError):
    """There is another thing under that name."""


class FailedPrecondition(DtmsError):
    """The request is right, the state of things is not."""


class OutOfRange(DtmsError):
    """The request points before the first or past the last that there is."""


class ResourceExhausted(DtmsError):
    """Too much was asked for: a limit of the server, or a message beyond the size limit."""


class Unavailable(DtmsError):
    """No server answered, or one that cannot serve now. All calls may be repeated."""


class DeadlineExceeded(DtmsError):
    """No answer in time. The server may have done it or not: repeat the call, that is safe."""


class Cancelled(DtmsError):
    """The call was cancelled, but not by its caller."""


class Unauthenticated(DtmsError):
    """The server does not know who asks."""


class PermissionDenied(DtmsError):
    """The server knows who asks, and refuses."""


class Unimplemented(DtmsError):
    """The server has no such method: it is older than this client, or not DTMS."""


class Internal(DtmsError):
    """A fault of the server; its log repeats the `error_id` in `metadata`."""


class UnknownError(DtmsError):
    """A failure that nobody named."""


# --- below them one a reason


class InvalidRequest(InvalidArgument):
    """Fields are wrong; `violations` has every one."""


class PageTokenInvalid(InvalidArgument):
    """The page token belongs to another list."""


class ResumeTokenInvalid(InvalidArgument):
    """The resume token is malformed or of another store: list, and stream from that token."""


class TradeNotFound(NotFound):
    """No trade with this ticket is registered."""


class TicketConflict(AlreadyExists):
    """The ticket is registered with another symbol or direction."""


class PositionNotFound(FailedPrecondition):
    """The terminal shows no open position with this ticket."""


class PositionMismatch(FailedPrecondition):
    """The position has another symbol, direction or entry price than claimed."""


class PositionIsHedge(FailedPrecondition):
    """The position is one of DTMS's own."""


class TradeHedged(FailedPrecondition):
    """The trade has a hedge open: say what to do with it."""


class TradeNotGuarded(FailedPrecondition):
    """The trade is closed or released."""


class HedgeNotClosed(FailedPrecondition):
    """The hedge cannot be closed now; the trade is unchanged."""


class ResumeTokenExpired(OutOfRange):
    """Events after the token are no longer kept: list, and stream from that token."""


class ResumeTokenInFuture(OutOfRange):
    """The token is ahead of the journal: the server's database was restored from a copy."""


class SlowConsumer(ResourceExhausted):
    """The stream's reader took nothing for too long."""


class TooManyStreams(ResourceExhausted):
    """Close some streams first."""


class RateLimited(ResourceExhausted):
    """Too many calls; wait `retry_after` seconds."""


class NotReady(Unavailable):
    """The server is starting."""


class TerminalLost(Unavailable):
    """The server has lost its terminal; nothing was written."""


class Draining(Unavailable):
    """The server is stopping."""


class TokenMissing(Unauthenticated):
    """The call carried no token."""


class TokenInvalid(Unauthenticated):
    """The call's token is not known, or has expired."""


class ScopeMissing(PermissionDenied):
    """The call's token does not allow this."""
