"""One server a database, one server an account, and no lock that outlives its process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dtms_server.domain.errors import (
    AccountHeld,
    ConfigurationInvalid,
    DatabaseHeld,
    DatabaseUnusable,
)
from dtms_server.domain.policy import Policy
from dtms_server.storage.store import SqliteStore
from ledgers import ACCOUNT

APPENDING = Path(__file__).with_name("appending.py")


async def opened(database: Path) -> SqliteStore:
    return await SqliteStore.open(database, Policy(), holder="process 2 at 127.0.0.1:2")


@contextmanager
def another_process(database: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, APPENDING, database, "process 1 at 127.0.0.1:1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()
            process.wait()


async def test_a_database_in_use_is_refused_and_the_refusal_names_its_user(database: Path) -> None:
    with another_process(database):
        with pytest.raises(DatabaseHeld) as refused:
            await opened(database)
        assert refused.value.facts == {
            "path": str(database),
            "holder": "process 1 at 127.0.0.1:1",
        }


async def test_an_account_in_use_is_refused_whatever_the_database(
    database: Path, tmp_path: Path
) -> None:
    other = await opened(tmp_path / "other.db")
    with another_process(database):
        with pytest.raises(AccountHeld) as refused:
            await other.open_account(ACCOUNT)
        assert refused.value.facts == {"account": ACCOUNT, "holder": "process 1 at 127.0.0.1:1"}
        await other.open_account("7@Broker-Demo")
    await other.open_account(ACCOUNT)  # its holder was killed
    await other.close()


async def test_a_killed_process_holds_nothing(database: Path) -> None:
    with another_process(database) as process:
        process.kill()
        process.wait()
        store = await opened(database)
        await store.open_account(ACCOUNT)
        with pytest.raises(DatabaseHeld, match=r"process 2 at 127\.0\.0\.1:2"):
            await opened(database)
        await store.close()


async def test_a_closed_store_holds_nothing(database: Path, state_directory: Path) -> None:
    for _ in range(2):
        store = await opened(database)
        await store.open_account(ACCOUNT)
        await store.close()
    assert list(state_directory.rglob("*.holder")) == []


async def test_a_link_to_a_database_is_the_same_database(database: Path, tmp_path: Path) -> None:
    store = await opened(database)
    link = tmp_path / "link.db"
    try:
        link.symlink_to(database)
    except OSError:
        pytest.skip("no right to make links here")
    with pytest.raises(DatabaseHeld):
        await opened(link)
    await store.close()


async def test_accounts_of_any_spelling_have_locks_of_their_own(database: Path) -> None:
    store = await opened(database)
    for account in ("1@a/b", "1@a\\b", "1@a:b", "1@" + "x" * 300, "1@é"):
        await store.open_account(account)
    await store.close()


async def test_a_failed_opening_holds_nothing(database: Path) -> None:
    database.write_bytes(b"not a database" * 100)
    for _ in range(2):
        with pytest.raises(DatabaseUnusable):
            await opened(database)


async def test_a_state_directory_that_cannot_be_used_is_named_with_the_remedy(
    database: Path, state_directory: Path
) -> None:
    state_directory.write_text("a file")
    store = await opened(database)
    with pytest.raises(ConfigurationInvalid, match="set DTMS_STATE_DIR"):
        await store.open_account(ACCOUNT)
    await store.close()
