"""What the end-to-end proofs share: a folder for real processes, and the seed of their dice."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Shop, shop


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Shop]:
    """A folder of the test's own; all that was started in it is ended."""
    with shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Dice with a seed that a failure prints; TEST_SEED gives it again."""
    seed = int(os.environ.get("TEST_SEED") or random.getrandbits(32))
    request.node.add_report_section("setup", "seed", f"TEST_SEED={seed}")
    return random.Random(seed)
