"""What the proofs on the real package share: the Windows Python that it runs in."""

from collections.abc import Iterator

import pytest
from windows import WindowsPython, windows_python


@pytest.fixture(scope="session")
def windows() -> Iterator[WindowsPython]:
    with windows_python() as made:
        yield made
