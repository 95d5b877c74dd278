"""The checks that the module makes of a call's arguments before it asks the terminal, each as
observed of the real one without a terminal: tests/metatrader5/contract runs against both."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from dtms_server.terminal.simulator.arguments import (
    Kind,
    index,
    integer,
    moment,
    number,
    real,
    text,
    whole,
)
from dtms_server.terminal.simulator.failure import Broken, invalid
from dtms_server.terminal.simulator.records import TradeRequest
from dtms_server.terminal.simulator.session import checked

P = ParamSpec("P")
R = TypeVar("R")
Unnamed = Sequence[object]
Named = Mapping[str, object]
Read = dict[str, Any]
Table = Mapping[str, Kind]

SYMBOL: Final = text(29)
NUMBERS: Final = (index, integer, number)
"""They are looked at before all others, and what is none raises."""
FILTERS: Final[Table] = {"ticket": whole(64), "symbol": SYMBOL, "group": text(1997)}
LOGIN: Final[Table] = {
    "login": whole(64),
    "server": text(253),
    "password": text(253),
    "timeout": whole(32),
}
REQUEST: Final[Table] = {
    "action": whole(32),
    "magic": whole(64),
    "order": whole(64),
    "symbol": SYMBOL,
    "volume": real,
    "price": real,
    "stoplimit": real,
    "sl": real,
    "tp": real,
    "deviation": whole(64),
    "type": whole(32),
    "type_filling": whole(32),
    "type_time": whole(32),
    "expiration": whole(64, signed=True),
    "comment": text(29),
    "position": whole(64),
    "position_by": whole(64),
}
_ORDINALS: Final = ("1st", "2nd", "3rd")
_TOO_MANY: Final = "Invalid number of arguments"
_UNNAMED: Final = "Unnamed arguments not allowed"


def positional(
    *kinds: Kind, least: int | None = None, refused: object = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a call that takes these arguments, `least` of them at least, and none by name;
    `refused` is its answer where they are wrong."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__

        @wraps(function)
        def call(*given: P.args, **named: P.kwargs) -> R:
            if named:
                raise TypeError(f"{name}() takes no keyword arguments")
            taken = checked(name, lambda: _in_place(kinds, given, least))
            if taken is None:
                return cast(R, refused)
            return function(*taken)  # type: ignore[call-arg] # as many as it takes

        return call

    return decorate


def _in_place(kinds: Sequence[Kind], given: Unnamed, least: int | None) -> list[Any]:
    if not (len(kinds) if least is None else least) <= len(given) <= len(kinds):
        raise invalid()
    values = [*given]
    for place in sorted(range(len(given)), key=lambda place: kinds[place] not in NUMBERS):
        values[place] = _value(kinds[place], given[place])
    return values


def _value(kind: Kind, value: object, wrong: str = "Invalid arguments") -> Any:
    try:
        return kind(value)
    except (TypeError, OverflowError, OSError) as error:
        if kind in NUMBERS or not isinstance(error, TypeError):
            raise Broken(wrong) from error
        raise invalid(wrong) from error


def _by_name(table: Table, named: Named) -> Read:
    """Read what is given of a table, in its order; what else is given is ignored in silence."""
    return {
        name: _value(kind, named[name], f'Invalid "{name}" argument')
        for name, kind in table.items()
        if name in named
    }


def _by_place(table: Table, unnamed: Unnamed) -> Read:
    if len(unnamed) > len(table):
        raise invalid(_TOO_MANY)
    places = zip(table.items(), unnamed, _ORDINALS, strict=False)
    return {
        name: _value(kind, value, f"Invalid {ordinal} unnamed argument")
        for (name, kind), value, ordinal in places
    }


def initialize(unnamed: Unnamed, named: Named) -> Read:
    """Read a path and what to log in with."""
    path = {"path": text(257)}
    return _by_place(path, unnamed) | _by_name({**path, **LOGIN}, named)


def login(unnamed: Unnamed, named: Named) -> Read:
    """Read what to log in with; login, password and server may come without their names."""
    places = {name: LOGIN[name] for name in ("login", "password", "server")}
    read = _by_place(places, unnamed) | _by_name(LOGIN, named)
    if "login" not in read:
        raise invalid('Invalid "login" argument')
    return read


def group(unnamed: Unnamed, named: Named) -> Read:
    """Read the group that symbols are listed of, if any."""
    table = {"group": FILTERS["group"]}
    return _by_place(table, unnamed) | _by_name(table, named)


def filters(unnamed: Unnamed, named: Named) -> Read:
    """Read by what to list positions or orders: the first of the filters alone."""
    if unnamed:
        raise invalid(_UNNAMED)
    return _first(FILTERS, named)


def past(unnamed: Unnamed, named: Named) -> Read:
    """Read by what to list the history: two dates and a group, or else a ticket or a position."""
    if len(unnamed) == 2:
        dates = [_value(moment, value) for value in unnamed]
        return {"dates": dates, **_by_name({"group": FILTERS["group"]}, named)}
    table = {"ticket": whole(64), "position": whole(64)}
    if not table.keys() & named.keys():
        raise invalid()
    if unnamed:
        raise invalid(_UNNAMED)
    return _first(table, named)


def _first(table: Table, named: Named) -> Read:
    name = next((name for name in table if name in named), None)
    return {} if name is None else _by_name({name: table[name]}, named)


def request(unnamed: Unnamed, named: Named) -> TradeRequest:
    """Read a request: one dictionary, or else all that is given by name."""
    if named and unnamed:
        raise invalid(_UNNAMED)
    if not named and len(unnamed) != 1:
        raise invalid(_TOO_MANY)
    return request_of(named or unnamed[0])


def request_of(value: object) -> TradeRequest:
    """Read a dictionary as a request: what is left out is 0. Raises Failed."""
    if not isinstance(value, dict):
        raise invalid()
    return TradeRequest(**_by_name(REQUEST, value))
