"""Each contract's candidates."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.ports import Journal, Ledger, Trades
from dtms_server.storage.store import SqliteStore
from ledgers import ACCOUNT


@pytest.fixture(params=["file", "memory"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteStore]:
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "dtms.db" if request.param == "file" else None
    store = await SqliteStore.open(path, Policy(), holder="the test")
    yield store
    await store.close()


@pytest.fixture
async def ledger(store: SqliteStore) -> Ledger:
    return await store.open_account(ACCOUNT)


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    return ledger.journal


@pytest.fixture
def trades(ledger: Ledger) -> Trades:
    return ledger.trades
