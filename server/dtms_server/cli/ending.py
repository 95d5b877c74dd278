"""How a command ends: its exit status, and what is told of an error."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import dtms_client
import typer

from dtms_server.demo.service import ServiceFailed
from dtms_server.domain.errors import (
    DtmsError,
    StartupFailed,
    StoreFailed,
    TerminalSilent,
    TerminalUnreachable,
)
from dtms_server.terminal.control import ControlRefused

FAILED, UNUSABLE, NOT_READY, INTERRUPTED = 1, 2, 3, 130
"""Exit statuses: a call failed; flags, configuration or database are wrong; the service was not
ready in time; Ctrl-C."""

Tell: TypeAlias = Callable[[str, int], None]
"""Tells a message and the exit status that it is the reason of."""


def ended(command: Any, arguments: Sequence[str], tell: Tell | None = None) -> int:
    """Run a command of Typer's and return its exit status.

    What went wrong is one line, on standard error unless `tell` tells it elsewhere.
    """
    status, message = _outcome(command, arguments)
    if message:
        (tell or _on_stderr)(" ".join(message.split()), status)
    return status


def _outcome(command: Any, arguments: Sequence[str]) -> tuple[int, str]:
    try:
        status = command.main(arguments, "dtms", standalone_mode=False)
    except typer.TyperException as wrong:
        told = wrong.format_message().replace("Value error, ", "")
        return wrong.exit_code, f"{told} (--help explains)"
    except (ControlRefused, ServiceFailed, TerminalSilent, TerminalUnreachable) as failed:
        return FAILED, str(failed)
    except StartupFailed as failed:
        return NOT_READY, failed.message
    except StoreFailed as failed:
        return FAILED, failed.message
    except DtmsError as wrong:
        return UNUSABLE, wrong.message
    except dtms_client.DtmsError as failed:
        return FAILED, str(failed)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED, ""
    return (status if isinstance(status, int) else 0), ""


def _on_stderr(message: str, _: int) -> None:
    sys.stderr.write(f"error: {message}\n")
