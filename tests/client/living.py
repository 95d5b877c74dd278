"""A live simulated service, and somebody's hand at its terminal, for all tests of a module."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dtms_client import DtmsClient
from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from processes import QUICK_SERVER, QUICK_TERMINAL, Process, Shop, shop


@dataclass(frozen=True)
class Live:
    """A service that guards nothing yet."""

    shop: Shop
    target: str
    server: Process
    terminal: str
    hand: SimulatorControl

    def open(self) -> Position:
        """Open a BUY of 0.1 lots of EURUSD."""
        return self.hand.open("EURUSD", Direction.BUY, 0.1)

    def client(self) -> DtmsClient:
        """Connect a bot."""
        return DtmsClient(self.target)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Start the service; it ends with the module's tests."""
    with shop(Path(tmp_path_factory.mktemp("live"))) as opened:
        _, terminal = opened.terminal(*QUICK_TERMINAL)
        server, target = opened.serve(terminal, *QUICK_SERVER)
        opened.environment["DTMS_TARGET"] = target
        server.expect("guarding")
        with opened.control(terminal) as hand:
            yield Live(opened, target, server, terminal, hand)
