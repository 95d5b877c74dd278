"""KEY=VALUE arguments."""

from collections.abc import Iterable

import typer


def pairs(words: Iterable[str] | None, flag: str) -> dict[str, str]:
    """Split each word at its first `=`; raises BadParameter that names the flag."""
    found: dict[str, str] = {}
    for word in words or ():
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"{word!r} is not KEY=VALUE", param_hint=flag)
        found[key] = value
    return found
