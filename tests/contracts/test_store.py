"""What a store must keep beside its ledgers: the pause, and the accounts' notes."""

import asyncio
from pathlib import Path

import pytest
from dtms_server.domain.errors import StoreFailed
from dtms_server.domain.events import ActionsPaused, ActionsResumed, Change
from dtms_server.domain.policy import Policy
from dtms_server.ports import Journal, Ledger
from dtms_server.storage.store import SqliteStore
from ledgers import AT, a_trade, registered

PAUSE, RESUME = Change(AT, ActionsPaused("a holiday")), Change(AT, ActionsResumed("it is over"))


async def test_a_new_database_is_not_paused(store: SqliteStore) -> None:
    assert not await store.paused()


async def test_a_pause_holds_before_any_account_is_known(store: SqliteStore) -> None:
    await store.pause(True)
    assert await store.paused()
    assert await store.first_account() is None
    await store.pause(False)
    assert not await store.paused()


async def test_the_event_of_a_pause_is_the_pause_of_the_whole_database(
    store: SqliteStore, journal: Journal
) -> None:
    await journal.append(PAUSE)
    assert await store.paused()
    other = (await store.open_account("7@Broker-Demo")).journal
    await other.append(RESUME)
    assert not await store.paused()
    await journal.append(PAUSE, RESUME, PAUSE)
    assert await store.paused()


async def test_a_pause_whose_event_is_not_written_is_none(
    store: SqliteStore, journal: Journal
) -> None:
    await journal.append(registered(a_trade(1)))
    with pytest.raises(StoreFailed, match="UNIQUE"):
        await journal.append(PAUSE, registered(a_trade(3, position_id=1)))
    assert not await store.paused()


async def test_a_note_is_what_was_written_last(ledger: Ledger) -> None:
    assert await ledger.notes.read("equity") is None
    await ledger.notes.write("equity", "100")
    await ledger.notes.write("equity", "")
    await ledger.notes.write("other", "é\n'\"")
    assert await ledger.notes.read("equity") == ""
    assert await ledger.notes.read("other") == "é\n'\""


async def test_notes_of_two_accounts_do_not_mix(store: SqliteStore, ledger: Ledger) -> None:
    other = await store.open_account("7@Broker-Demo")
    await asyncio.gather(ledger.notes.write("k", "one"), other.notes.write("k", "two"))
    assert (await ledger.notes.read("k"), await other.notes.read("k")) == ("one", "two")


@pytest.mark.parametrize("key", ["store_id", "compacted_through"])
async def test_no_note_touches_what_the_store_keeps_for_itself(
    store: SqliteStore, ledger: Ledger, key: str
) -> None:
    assert await ledger.notes.read(key) is None
    await ledger.notes.write(key, "9")
    again = (await store.open_account(ledger.journal.account)).journal
    await ledger.trades.clean(AT)
    assert again.compacted_through == 0
    assert not await store.paused()
    assert await ledger.notes.read(key) == "9"


async def test_pause_and_notes_outlive_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    for run in range(3):
        store = await SqliteStore.open(tmp_path / "dtms.db", Policy(), holder="the test")
        ledger = await store.open_account("1@x")
        assert await store.paused() is (run == 1)
        assert await ledger.notes.read("run") == (str(run - 1) if run else None)
        await ledger.notes.write("run", str(run))
        await store.pause(run == 0)
        await store.close()
