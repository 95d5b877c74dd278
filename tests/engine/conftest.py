"""The engine, running on a market that stands still until a test moves it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.storage.store import SqliteStore
from dtms_server.terminal.simulator.settings import Settings
from house import House, running
from stages import Stage


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


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which nothing has happened yet; to migrate one takes longer than most tests."""

    async def made() -> None:
        store = await SqliteStore.open(path, Policy(), holder="nobody")
        await store.close()

    path = tmp_path_factory.mktemp("migrated") / "dtms.db"
    asyncio.run(made())
    return path


@pytest.fixture
def stage(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage for one script."""
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    shutil.copy(migrated, tmp_path)
    return Stage(tmp_path)
