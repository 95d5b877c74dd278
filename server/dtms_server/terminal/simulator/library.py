"""The library of named scenarios, and scenarios in files."""

from importlib.resources import files
from pathlib import Path

from dtms_server.terminal.simulator.scenario import Scenario, read

_FOLDER = files("dtms_server.terminal.simulator") / "scenarios"


def names() -> tuple[str, ...]:
    """Return the names of the library's scenarios, in order."""
    found = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load(name: str) -> Scenario:
    """Return a scenario of the library. Raises ValueError, naming what there is."""
    return read(text_of(name), name)


def find(name_or_file: str) -> Scenario:
    """Return a scenario of the library by its name, else from a file. Raises ValueError."""
    return read(text_of(name_or_file), name_or_file)


def text_of(name_or_file: str) -> str:
    """Return a scenario as TOML: the library's of that name, else a file's. Raises ValueError."""
    if name_or_file in names():
        return (_FOLDER / f"{name_or_file}.toml").read_text("utf-8")
    try:
        return Path(name_or_file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{name_or_file} is no file that can be read ({reason}), nor a scenario of the "
            f"library: {', '.join(names())}"
        ) from error
