"""The file of settings: which it is, and what it sets."""

import tomllib
from pathlib import Path
from typing import Any, Final

from dtms_server.domain.errors import ConfigurationInvalid

DEFAULT: Final = Path("dtms.toml")


def chosen(named: Path | None) -> Path | None:
    """Return the file to read: the named one, else dtms.toml if it is there, else none."""
    return named or (DEFAULT if DEFAULT.exists() else None)


def keys(file: Path | None) -> dict[str, Any]:
    """Return what the file sets, unchecked. Raises ConfigurationInvalid where it cannot be read, or
    holds a password."""
    if file is None:
        return {}
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigurationInvalid(reason=f"{file} cannot be read: {fault}") from None
    if "password" in found:
        raise ConfigurationInvalid(
            reason=f"{file} must not hold a password: set DTMS_PASSWORD in the environment"
        )
    return found
