"""The engine, running on a market that stands still until a test moves it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dtms_server.terminal.simulator.settings import Settings
from house import House, running


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A simulated terminal that keeps its world, so that a second run goes on from it."""
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    return Settings(symbol="EURUSD", seed=7, speed=0.0, state_path=tmp_path / "world.json")


@pytest.fixture
async def house(tmp_path: Path, settings: Settings) -> AsyncIterator[House]:
    """DTMS, ready."""
    async with running(tmp_path, settings) as house:
        yield house
