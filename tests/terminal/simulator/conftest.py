"""A simulated terminal for each test: initialised, its clock standing still."""

from collections.abc import Callable, Iterator

import pytest
from dtms_server.terminal import simulator
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import SESSION
from dtms_server.terminal.simulator.settings import Settings

Begin = Callable[[Settings], None]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Start a world of these settings and initialise the module."""

    def begin(settings: Settings) -> None:
        control.start(settings)
        assert simulator.initialize()

    yield begin
    SESSION.world = None
    SESSION.initialized = False


@pytest.fixture
def hedging(begin: Begin) -> None:
    """A hedging account on a seeded market, Monday 10:00 by the server's clock."""
    begin(Settings(seed=11, speed=0, login=10_000_001))


@pytest.fixture
def netting(begin: Begin) -> None:
    """The same, netting."""
    begin(Settings(seed=11, speed=0, account="netting"))
