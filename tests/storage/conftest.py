"""A database in a directory of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.ports import Ledger
from dtms_server.storage.store import SqliteStore
from ledgers import ACCOUNT


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "state"
    monkeypatch.setenv("DTMS_STATE_DIR", str(directory))
    return directory


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "dtms.db"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(database, Policy(), holder="the test")
    yield store
    await store.close()


@pytest.fixture
async def ledger(store: SqliteStore) -> Ledger:
    return await store.open_account(ACCOUNT)
