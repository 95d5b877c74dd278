"""Where log lines go, and how they look."""

import logging
import os
import sys
import threading
from math import isfinite
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

JSON: Final = "json"


def configure(log_format: str | None = None) -> None:
    """Send the log to standard error, one line an event: "json", or else text, in colour on a
    terminal only."""
    as_json = log_format == JSON
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        before.append(structlog.stdlib.add_logger_name)
        _catch_what_is_no_event()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(before) if as_json else _text(before))
    # libraries speak only of what is wrong; our own lines are one per outcome
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("dtms_server", "dtms", "dtms_client"):
        logging.getLogger(ours).setLevel(logging.INFO)
    structlog.configure(
        processors=[*before, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def are_json() -> bool:
    """Is every line on standard error to be JSON?"""
    return any(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers)


def tell(message: str, status: int) -> None:
    """Log what a command ends with."""
    structlog.get_logger("dtms").error(message, exit_status=status)


class JsonLines(ProcessorFormatter):
    """Writes each record, ours or a library's, as one JSON object on a line of its own."""

    def __init__(self, before: list[Processor]) -> None:
        # without the variables' values: one of them may be a password
        exceptions = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        super().__init__(
            foreign_pre_chain=before,
            processors=[
                self.remove_processors_meta,
                exceptions,
                _numbers_of_json,
                JSONRenderer(allow_nan=False),
            ],
        )


def _text(before: list[Processor]) -> ProcessorFormatter:
    return ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(
                colors=_in_colour(),
                pad_event_to=0,
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
    )


def _in_colour() -> bool:
    # structlog needs another package for colours on Windows
    wanted = sys.platform != "win32" and "NO_COLOR" not in os.environ
    return wanted and sys.stderr.isatty()


def _numbers_of_json(_: Any, __: str, event: EventDict) -> EventDict:
    """JSON has no word for what is not a number, or has no end."""
    return {name: _finite(value) for name, value in event.items()}


def _finite(value: Any) -> Any:
    match value:
        case float() if not isfinite(value):
            return str(value)
        case dict():
            return {_finite(name): _finite(each) for name, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value


def _catch_what_is_no_event() -> None:
    """Turn into events what Python and gRPC would write on standard error by themselves."""
    logging.captureWarnings(True)
    sys.excepthook = _log_the_end
    threading.excepthook = lambda end: _log_the_end(
        end.exc_type, end.exc_value or end.exc_type(), end.exc_traceback
    )
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it is read when grpc is imported


def _log_the_end(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    structlog.get_logger("dtms").critical("uncaught", exc_info=(kind, error, trace))
