"""Tests in a fork with the libraries loaded: most mutants die sooner than a new process begins."""

import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType
from typing import Final

import pytest

PLUGINS: Final = ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin")
"""All that these tests need."""
LIBRARIES: Final = ("alembic", "hypothesis", "msgspec", "numpy", "sqlalchemy", "structlog", "talib")
TIMEOUT: Final = -1


def load() -> list[ModuleType]:
    """Import what does not change; return pytest's plugins."""
    for name in LIBRARIES:
        importlib.import_module(name)
    plugins = [importlib.import_module(name) for name in PLUGINS]
    gc.freeze()  # pytest collects garbage at its end: not this, and not once for each mutant
    return plugins


def run(arguments: Sequence[str], paths: Sequence[str], limit_seconds: float) -> tuple[int, str]:
    """Run pytest in a fork, with paths before all others; return its exit status, or TIMEOUT, and
    what it printed. A timeout ends all that it has started."""
    plugins = load()
    with NamedTemporaryFile() as printed:
        fork = get_context("fork").Process(
            target=_test, args=(arguments, paths, plugins, printed.fileno())
        )
        fork.start()
        fork.join(limit_seconds)
        status = fork.exitcode
        if status is None:
            os.killpg(fork.pid or 0, signal.SIGKILL)
            fork.join()
        return TIMEOUT if status is None else status, Path(printed.name).read_text("utf-8")


def _test(
    arguments: Sequence[str], paths: Sequence[str], plugins: Sequence[ModuleType], output: int
) -> None:
    os.setsid()
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    sys.path[:0] = paths
    sys.exit(pytest.main([*arguments], [*plugins]))
