"""What the tests of hosts and links share."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hosts import Hosts


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with ExitStack() as open_until_the_end:
        yield Hosts(open_until_the_end)
