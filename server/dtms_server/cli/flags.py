"""Flags that are made from what already names and explains them: the settings."""

from collections.abc import Callable, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic.fields import FieldInfo

from dtms_server.cli.parameters import signature, with_parameters
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
    return with_parameters(command, [*_parameters(command, Parameter.KEYWORD_ONLY), *flags])


def setting_help(name: str) -> str:
    """Return what help says of the setting of that name."""
    field = Settings.model_fields[name]
    told = field.description or ""
    if field.default is None or field.default is False:
        return told
    return f"{told} Default: {field.default}."


def _flag(name: str, field: FieldInfo) -> Parameter:
    is_switch = field.annotation is bool
    flag = typer.Option(
        "--" + name.replace("_", "-"),
        metavar=None if is_switch else _METAVAR.get(field.annotation, "TEXT"),
        help=setting_help(name),
    )
    annotation: Any = Annotated[bool | None, flag] if is_switch else Annotated[str | None, flag]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _parameters(command: Callable[..., None], kind: Any) -> list[Parameter]:
    return [p for p in signature(command) if p.kind is kind]
