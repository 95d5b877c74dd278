"""What is believed of the API module's answers: a number that cannot be true is an error."""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any, TypeVar

from dtms_server.domain.errors import TerminalFailed
from dtms_server.terminal.clock import ServerClock

T = TypeVar("T")


def lie(call: str, text: str) -> TerminalFailed:
    """Return the error for an answer that cannot be true; its code is 0, which no call has."""
    return TerminalFailed(call=call, code=0, text=text)


def known(table: Mapping[int, T], code: int, call: str, what: str) -> T:
    """Return what a code stands for; raises TerminalFailed for one that is not in the table."""
    if code not in table:
        raise lie(call, f"{what} is {code}, which is not known")
    return table[code]


def finite(raw: Any, name: str, call: str) -> float:
    """Return a field of one of the module's structs; raises TerminalFailed for NaN and infinity."""
    value = float(getattr(raw, name))
    if not isfinite(value):
        raise lie(call, f"{_named(raw, name)} is {value}")
    return value


def positive(raw: Any, name: str, call: str) -> float:
    """Return a field that must be above 0; raises TerminalFailed."""
    value = finite(raw, name, call)
    if value <= 0:
        raise lie(call, f"{_named(raw, name)} is {value}")
    return value


def moment(server: ServerClock, milliseconds: int, call: str) -> datetime:
    """Return the UTC time of a server epoch; raises TerminalFailed for one beyond the calendar."""
    try:
        return server.utc(milliseconds)
    except (OverflowError, ValueError) as error:
        raise lie(call, f"a time of {milliseconds} ms") from error


def _named(raw: Any, name: str) -> str:
    return f"{name} of {raw.ticket}" if hasattr(raw, "ticket") else name
