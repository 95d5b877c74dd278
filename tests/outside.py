"""What a test needs from outside the project: where it is missing the test skips, but not in CI."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

BESIDE = Path(__file__).parents[2] / "shared"
DATA = BESIDE / "data"


def shared(*parts: str) -> Path:
    """Return a file of the folder that lies beside the checkout in CI."""
    path = BESIDE.joinpath(*parts)
    if not path.exists():
        missing(f"{path.name} is not beside the checkout")
    return path


def require(what: str, lacks: Sequence[str]) -> None:
    """Go on where it lacks no tool; else see `missing`."""
    if lacks:
        missing(f"{what} needs {', '.join(lacks)}")


def missing(what: str) -> NoReturn:
    """Skip the test; in CI fail it."""
    if "CI" in os.environ:
        pytest.fail(what)
    pytest.skip(what)
