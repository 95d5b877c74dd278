"""A page that is followed to the letter: its commands and its files, in the order of the page."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class File:
    """A file that the page says to write."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Shell:
    """Commands that the page says to type, and what it shows of their output."""

    commands: tuple[str, ...]
    output: str


def section(page: Path, heading: str) -> str:
    """Return the text below a second-level heading."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)",
        page.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{page.name} has no section {heading}"
    return found[1]


def steps(text: str) -> list[File | Shell]:
    """Return what a section says to do, in its order."""
    return list(_steps(text))


def _steps(text: str) -> Iterator[File | Shell]:
    for block in _BLOCK.finditer(text):
        if block["file"]:
            yield File(block["file"], block["text"])
        elif block["kind"] == "console":
            yield _shell(block["text"])


def _shell(text: str) -> Shell:
    joined = re.sub(r"\\\n\s*", "", text)
    lines = joined.splitlines(keepends=True)
    commands = tuple(line[2:].strip() for line in lines if line.startswith("$ "))
    return Shell(commands, "".join(line for line in lines if not line.startswith("$ ")))


def script(steps: list[File | Shell], folder: Path) -> str:
    """Return a bash script that does all of it, in one shell and in the folder, and ends at the
    first command that fails; its files are put beside the folder first."""
    beside = folder.with_name(folder.name + "-files")
    lines = ["set -ex", f"cd {shlex.quote(str(folder))}"]
    for step in steps:
        match step:
            case File(name, text):
                kept = beside / name
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(text, encoding="utf-8")
                lines.append(f"install -D -m 644 {shlex.quote(str(kept))} {shlex.quote(name)}")
            case Shell(commands):
                lines += commands
    return "\n".join(lines) + "\n"


def readers_environment(**named: str) -> dict[str, str]:
    """Return what a reader's shell has: nothing of the virtual environment that tests run in."""
    virtual = os.environ.get("VIRTUAL_ENV", "")
    path = [
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if not (virtual and folder.startswith(virtual))
    ]
    ours = ("DTMS_", "VIRTUAL_ENV", "PYTHON", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PATH": os.pathsep.join(path)} | named
