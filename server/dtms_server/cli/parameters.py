"""The signatures that Typer reads, made for commands that share their flags."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature
from typing import Any


def expanding(options: type, command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, whose first parameter is the dataclass `options`, its fields as flags."""
    flags = [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields(options)
    ]
    own = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in signature(command)[1:]]

    @wraps(command)
    def run(**given: Any) -> None:
        command(options(**{flag.name: given.pop(flag.name) for flag in flags}), **given)

    return with_parameters(run, [*own, *flags])


def signature(command: Callable[..., None]) -> list[Parameter]:
    """Return the parameters of a command, with their types."""
    return list(inspect.signature(command, eval_str=True).parameters.values())


def with_parameters(
    command: Callable[..., None], parameters: list[Parameter]
) -> Callable[..., None]:
    """Return `command` with the signature that Typer is to read."""

    @wraps(command)
    def run(**given: Any) -> None:
        command(**given)

    vars(run).update(__signature__=Signature(parameters))
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
