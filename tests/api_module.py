"""The API module that the contract suite asks: the simulated one, or MetaTrader5 by its name."""

import importlib
import os
from collections.abc import Sequence
from typing import Any, Final

import pytest

API: Final[Any] = importlib.import_module(
    os.environ.get("API_MODULE", "dtms_server.terminal.simulator")
)
SIMULATED: Final = API.__name__ != "MetaTrader5"

SUCCESS: Final = (1, "Success")
INVALID: Final = (-2, "Invalid arguments")
NO_CONNECTION: Final = (-10004, "No IPC connection")

DIFFERENCES: Final = {
    "always a terminal": "the simulated terminal is part of the module",
    "structs": "a struct sequence can only be made in C",
    "functions": "a function without a signature can only be made in C",
    "shortcuts": "DTMS has no use for Buy, Sell and Close",
    "overflowing dates": "what last_error() tells after an exception decides nothing",
}
"""Where the simulated module is another one on purpose: docs/metatrader5-package.md tells more."""


def differs(name: str) -> pytest.MarkDecorator:
    """Mark what holds for the real module only; a difference that vanishes is a failure too."""
    return pytest.mark.xfail(SIMULATED, reason=f"{name}: {DIFFERENCES[name]}", strict=True)


Answer = tuple[object, tuple[int, str]]


def asked(call: str, *given: object, **named: object) -> Answer:
    """Make a call with no terminal; return its answer and last_error(). Of an exception the answer
    is its type, or the type of SystemError's cause."""
    function = getattr(API, call)
    API.shutdown()
    try:  # the real one tells f(x, **{}) from f(x), and refuses the former
        value = function(*given, **named) if named else function(*given)
    except SystemError as error:
        value = type(_root(error))
    except TypeError:
        value = TypeError
    return value, API.last_error()


def _root(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _root(error.__cause__)


def made(struct: str, values: Sequence[object]) -> Any:
    """Return a struct of the module with these values, in order."""
    kind = getattr(API, struct)
    return kind(*values) if SIMULATED else kind(values)
