"""Flags that are made from what already names and explains them: settings, and dataclasses."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic.fields import FieldInfo

from dtms_server.config import Settings

_METAVAR: Final[Mapping[Any, str]] = {
    int: "N",
    float: "NUMBER",
    Path: "FILE",
    int | None: "N",
    Path | None: "FILE",
}
_NOT_A_FLAG: Final = frozenset({"password"})  # every user of the machine can read command lines


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` a flag for every setting; it gets those as keywords, None where not given.

    What they may hold is checked in one place, by config.load.
    """
    flags = [_flag(*item) for item in Settings.model_fields.items() if item[0] not in _NOT_A_FLAG]
    return _with_parameters(command, [*_parameters(command, Parameter.KEYWORD_ONLY), *flags])


def setting_help(name: str) -> str:
    """Return what help says of the setting of that name."""
    field = Settings.model_fields[name]
    told = field.description or ""
    if field.default is None or field.default is False:
        return told
    return f"{told} Default: {field.default}."


def expanding(options: type, command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, whose first parameter is the dataclass `options`, its fields as flags."""
    flags = [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields(options)
    ]
    own = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in _signature(command)[1:]]

    @wraps(command)
    def run(**given: Any) -> None:
        command(options(**{flag.name: given.pop(flag.name) for flag in flags}), **given)

    return _with_parameters(run, [*own, *flags])


def _flag(name: str, field: FieldInfo) -> Parameter:
    is_switch = field.annotation is bool
    flag = typer.Option(
        "--" + name.replace("_", "-"),
        metavar=None if is_switch else _METAVAR.get(field.annotation, "TEXT"),
        help=setting_help(name),
    )
    annotation: Any = Annotated[bool | None, flag] if is_switch else Annotated[str | None, flag]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _signature(command: Callable[..., None]) -> list[Parameter]:
    return list(inspect.signature(command, eval_str=True).parameters.values())


def _parameters(command: Callable[..., None], kind: Any) -> list[Parameter]:
    return [p for p in _signature(command) if p.kind is kind]


def _with_parameters(
    command: Callable[..., None], parameters: list[Parameter]
) -> Callable[..., None]:
    """Return `command` with the signature that Typer is to read."""

    @wraps(command)
    def run(**given: Any) -> None:
        command(**given)

    vars(run).update(__signature__=Signature(parameters))
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
