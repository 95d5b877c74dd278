"""From what gRPC raises to the client's exceptions: two tables, and how they are read."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc

from dtms_client import correlation, errors, wire

DOMAIN: Final = "dtms"
BY_STATUS: Final[Mapping[grpc.StatusCode, type[errors.DtmsError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.OUT_OF_RANGE: errors.OutOfRange,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unimplemented,
    grpc.StatusCode.INTERNAL: errors.Internal,
    grpc.StatusCode.UNKNOWN: errors.UnknownError,
}
BY_REASON: Final[Mapping[str, type[errors.DtmsError]]] = {
    "INVALID_REQUEST": errors.InvalidRequest,
    "PAGE_TOKEN_INVALID": errors.PageTokenInvalid,
    "RESUME_TOKEN_INVALID": errors.ResumeTokenInvalid,
    "TRADE_NOT_FOUND": errors.TradeNotFound,
    "TICKET_CONFLICT": errors.TicketConflict,
    "POSITION_NOT_FOUND": errors.PositionNotFound,
    "POSITION_MISMATCH": errors.PositionMismatch,
    "POSITION_IS_HEDGE": errors.PositionIsHedge,
    "TRADE_HEDGED": errors.TradeHedged,
    "TRADE_NOT_GUARDED": errors.TradeNotGuarded,
    "HEDGE_NOT_CLOSED": errors.HedgeNotClosed,
    "RESUME_TOKEN_EXPIRED": errors.ResumeTokenExpired,
    "RESUME_TOKEN_IN_FUTURE": errors.ResumeTokenInFuture,
    "SLOW_CONSUMER": errors.SlowConsumer,
    "TOO_MANY_STREAMS": errors.TooManyStreams,
    "RATE_LIMITED": errors.RateLimited,
    "NOT_READY": errors.NotReady,
    "TERMINAL_LOST": errors.TerminalLost,
    "DRAINING": errors.Draining,
    "TOKEN_MISSING": errors.TokenMissing,
    "TOKEN_INVALID": errors.TokenInvalid,
    "SCOPE_MISSING": errors.ScopeMissing,
}


def from_rpc(error: grpc.RpcError) -> errors.DtmsError:
    """Make the typed exception of what a gRPC call raised, of grpc or of grpc.aio."""
    trailers = error.trailing_metadata() or ()
    details = wire.parse_details(_status_payload(trailers))
    code = error.code()
    reason = details.reason if details.domain == DOMAIN else ""
    return _kind(code, reason)(
        code,
        error.details() or "",
        reason,
        details.metadata,
        details.violations,
        details.retry_after_seconds,
        correlation.told(trailers),
    )


def _kind(code: grpc.StatusCode, reason: str) -> type[errors.DtmsError]:
    by_status = BY_STATUS.get(code)
    if by_status is None:
        return errors.DtmsError
    by_reason = BY_REASON.get(reason, by_status)
    return by_reason if issubclass(by_reason, by_status) else by_status  # the status is believed


def _status_payload(metadata: Iterable[Any]) -> bytes:
    for key, value in metadata:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return value
    return b""
