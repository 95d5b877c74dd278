"""What the module accepts as arguments, and the error that it answers to the rest."""

import math
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol, TypeVar

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.failure import Failed
from dtms_server.terminal.simulator.records import TradeRequest

_LAST_MOMENT: Final = 1e10  # no market lasts longer
_COMMENT_UNITS: Final = 30  # a comment of so many UTF-16 units is refused


class Named(Protocol):
    """A row that belongs to a symbol."""

    @property
    def symbol(self) -> str:
        """The symbol's name."""


N = TypeVar("N", bound=Named)


def request_of(value: object) -> TradeRequest:
    """Return the request that `order_send` is given; numbers must be of the very type: an int is
    no volume, a float no ticket. What is left out is 0; NaN passes."""
    if not isinstance(value, dict):
        raise Failed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
    wanted = TradeRequest.__annotations__
    fields: dict[str, Any] = {
        name: _field(name, value[name], wanted[name]) for name in wanted if name in value
    }
    return TradeRequest(**fields)


def _field(name: str, value: object, wanted: type) -> object:
    if not isinstance(value, wanted):
        raise invalid(name)
    if isinstance(value, int) and value < 0:
        raise SystemError("order_send returned a result with an exception set")
    if isinstance(value, int) and value >= 2**64:
        raise invalid(name)
    if name == "comment" and isinstance(value, str) and _units(value) >= _COMMENT_UNITS:
        raise invalid(name)
    return value


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def invalid(name: str) -> Failed:
    """Return the error of an argument of the wrong type."""
    return Failed(c.RES_E_INVALID_PARAMS, f'Invalid "{name}" argument')


def text(name: str, value: object) -> str:
    """Return a text argument."""
    if not isinstance(value, str):
        raise invalid(name)
    return value


def whole(name: str, value: object) -> int:
    """Return a whole argument of 0 or more."""
    if not isinstance(value, int) or value < 0:
        raise invalid(name)
    return value


def moment(name: str, value: object) -> float:
    """Return a date as a server epoch in seconds: the module takes numbers and datetimes, and
    reads the server's clock as if it were UTC."""
    if isinstance(value, datetime):
        value = value.timestamp()
    if isinstance(value, (int, float)) and math.isfinite(value):
        return max(0.0, min(_LAST_MOMENT, float(value)))
    raise invalid(name)


def in_group(name: str, group: str) -> bool:
    """Does a symbol's name fit a group such as "*USD*,!*JPY*"? The last part that fits decides."""
    fits = False
    for part in (part.strip() for part in group.split(",")):
        if fnmatchcase(name, part.removeprefix("!")):
            fits = not part.startswith("!")
    return fits


def of_group(rows: Iterable[N], group: object) -> tuple[N, ...]:
    """Return the rows whose symbol fits `group`; None fits all."""
    if group is None:
        return tuple(rows)
    wanted = text("group", group)
    return tuple(row for row in rows if in_group(row.symbol, wanted))
