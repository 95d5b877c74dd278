"""Where runners are built: a copy of each, kept for as long as nothing it is made from changes."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.languages import CHECKOUT, Language
from filelock import FileLock

WORKSHOP = CHECKOUT / ".venv" / "conformance"
ATTEMPTS = 3
BUILD_SECONDS = 900.0


class BuildFailed(Exception):
    """A runner could not be built; the text has the command and what it wrote."""


def environment() -> dict[str, str]:
    """Return the environment of builds and runners: the tools of the virtual environment first."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return os.environ | {"PATH": path, "DTMS": str(CHECKOUT), "PYTHONPATH": str(CHECKOUT / "tests")}


def build(language: Language) -> Path:
    """Build a runner, where that is not done, and return the folder to start it in. Raises
    BuildFailed."""
    folder = WORKSHOP / language.name
    made = folder / "made-from"
    made_from = _made_from(language)
    WORKSHOP.mkdir(parents=True, exist_ok=True)
    with FileLock(WORKSHOP / f"{language.name}.lock"):
        if not (made.exists() and made.read_text(encoding="utf-8") == made_from):
            sys.stderr.write(f"building the runner in {language.name}\n")
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(language.sources, folder)
            for command in language.build:
                _run(command, folder)
            made.write_text(made_from, encoding="utf-8")
    return folder


def _run(command: tuple[str, ...], folder: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return
        sys.stderr.write(f"attempt {attempt} failed: {' '.join(command)}\n")
    raise BuildFailed(f"{' '.join(command)} in {folder}:\n{done.stdout}")


def _made_from(language: Language) -> str:
    """Return a digest of all that a runner is made from."""
    digest = hashlib.sha256(repr(language).encode())
    for file in sorted(_files(language)):
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()


def _files(language: Language) -> Iterator[Path]:
    for folder in (language.sources, CHECKOUT / "protos"):
        yield from (f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
