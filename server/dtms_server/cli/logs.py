"""Where log lines go, and how they look."""

import logging
import os
import sys

import structlog
from structlog.typing import Processor


def configure() -> None:
    """Send the log to standard error, one line an event; in colour on a terminal only."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    line = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(
                colors=_in_colour(),
                pad_event_to=0,
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(line)
    # libraries speak only of what is wrong; our own lines are one per outcome
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("dtms_server", "dtms", "dtms_client"):
        logging.getLogger(ours).setLevel(logging.INFO)
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _in_colour() -> bool:
    # structlog needs another package for colours on Windows
    wanted = sys.platform != "win32" and "NO_COLOR" not in os.environ
    return wanted and sys.stderr.isatty()
