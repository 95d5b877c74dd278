"""The one table from the domain's errors to statuses, and how a status is told."""

import uuid
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from dtms_server.domain import errors

DOMAIN: Final = "dtms"
RETRY_AFTER: Final = Duration(seconds=1)
INTERNAL_REASON: Final = "INTERNAL"
_STATUS_KEY: Final = "grpc-status-details-bin"
# A status travels in HTTP/2 headers, of which a peer takes 8 KiB: words grow by percent- and
# base64-encoding and are sent twice, so they are cut well before that.
_MESSAGE_BYTES: Final = 512
_FACT_BYTES: Final = 256
_FACTS: Final = 8
_VIOLATIONS_BYTES: Final = 2048

log = structlog.get_logger()


STATUS: Final[Mapping[type[errors.DtmsError], tuple[StatusCode, str]]] = MappingProxyType(
    {
        errors.InvalidRequest: (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
        errors.PageTokenInvalid: (StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"),
        errors.ResumeTokenInvalid: (StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID"),
        errors.UnknownTrade: (StatusCode.NOT_FOUND, "TRADE_NOT_FOUND"),
        errors.TicketConflict: (StatusCode.ALREADY_EXISTS, "TICKET_CONFLICT"),
        errors.PositionMissing: (StatusCode.FAILED_PRECONDITION, "POSITION_NOT_FOUND"),
        errors.PositionMismatch: (StatusCode.FAILED_PRECONDITION, "POSITION_MISMATCH"),
        errors.PositionIsHedge: (StatusCode.FAILED_PRECONDITION, "POSITION_IS_HEDGE"),
        errors.TradeNotGuarded: (StatusCode.FAILED_PRECONDITION, "TRADE_NOT_GUARDED"),
        errors.TradeHedged: (StatusCode.FAILED_PRECONDITION, "TRADE_HEDGED"),
        errors.HedgeNotClosed: (StatusCode.FAILED_PRECONDITION, "HEDGE_NOT_CLOSED"),
        errors.ResumeTokenExpired: (StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"),
        errors.ResumeTokenInFuture: (StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_IN_FUTURE"),
        errors.SlowConsumer: (StatusCode.RESOURCE_EXHAUSTED, "SLOW_CONSUMER"),
        errors.TooManyStreams: (StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS"),
        errors.NotReady: (StatusCode.UNAVAILABLE, "NOT_READY"),
        errors.TerminalLost: (StatusCode.UNAVAILABLE, "TERMINAL_LOST"),
        errors.TerminalFailed: (StatusCode.UNAVAILABLE, "TERMINAL_LOST"),
        errors.TerminalSilent: (StatusCode.UNAVAILABLE, "TERMINAL_LOST"),
        errors.TerminalUnreachable: (StatusCode.UNAVAILABLE, "TERMINAL_LOST"),
        errors.TerminalUnusable: (StatusCode.UNAVAILABLE, "TERMINAL_LOST"),
        errors.WrongAccount: (StatusCode.UNAVAILABLE, "TERMINAL_LOST"),
        errors.Draining: (StatusCode.UNAVAILABLE, "DRAINING"),
    }
)
STARTUP_ONLY: Final = frozenset(
    {
        errors.AccountHeld,
        errors.DatabaseHeld,
        errors.DatabaseUnusable,
        errors.ConfigurationInvalid,
        errors.StartupFailed,
    }
)
"""Errors that end the start of the process, before or instead of any RPC."""
FAULTS_OF_OURS: Final = frozenset({errors.StoreFailed})
"""Errors that no caller can mend: unforeseen ones, told as INTERNAL without their text."""


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """End the call with the status of `error`; always raises AbortError.

    An unforeseen error is logged under an id, and only that id leaves the process.
    """
    if isinstance(error, errors.DtmsError) and type(error) in STATUS:
        code, status = to_status(error)
    else:
        code, status = StatusCode.INTERNAL, _unforeseen(error)
    details = (_STATUS_KEY, status.SerializeToString())
    await context.abort(code, status.message, (*context.trailing_metadata(), details))


def to_status(error: errors.DtmsError) -> tuple[StatusCode, Status]:
    """Return the code and the rich status of an error that the table knows."""
    code, reason = STATUS[type(error)]
    return code, _status(code, error.message, *_details(code, reason, error))


def _unforeseen(error: Exception) -> Status:
    error_id = uuid.uuid4().hex
    log.error("call failed", error_id=error_id, exc_info=error)
    info = ErrorInfo(domain=DOMAIN, reason=INTERNAL_REASON, metadata={"error_id": error_id})
    words = f"An unforeseen fault; the server's log tells of it under error id {error_id}."
    return _status(StatusCode.INTERNAL, words, info)


def _status(code: StatusCode, message: str, *details: Message) -> Status:
    status = Status(code=code.value[0], message=cut(message, _MESSAGE_BYTES))
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details(code: StatusCode, reason: str, error: errors.DtmsError) -> Iterator[Message]:
    facts = {} if isinstance(error, errors.InvalidRequest) else error.facts
    metadata = {name: cut(fact, _FACT_BYTES) for name, fact in list(facts.items())[:_FACTS]}
    yield ErrorInfo(domain=DOMAIN, reason=reason, metadata=metadata)
    if isinstance(error, errors.InvalidRequest):
        yield _bad_request(error)
    if code is StatusCode.UNAVAILABLE:
        yield RetryInfo(retry_delay=RETRY_AFTER)


def _bad_request(error: errors.InvalidRequest) -> BadRequest:
    bad = BadRequest()
    room = _VIOLATIONS_BYTES
    for told, (path, why) in enumerate(error.violations):
        violation = BadRequest.FieldViolation(field=cut(path, 128), description=cut(why, 256))
        room -= violation.ByteSize()
        if room < 0:
            rest = f"{len(error.violations) - told} more violations"
            bad.field_violations.add(field="", description=rest)
            break
        bad.field_violations.append(violation)
    return bad


def cut(text: str, limit_bytes: int) -> str:
    """Return the text as valid UTF-8 of at most `limit_bytes`; what was cut ends in "..."."""
    raw = text.encode(errors="replace")
    if len(raw) <= limit_bytes:
        return raw.decode()
    return raw[: limit_bytes - 3].decode(errors="ignore") + "..."
