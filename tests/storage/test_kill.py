"""A process killed at any instant: what it was told is on disk is on disk."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from dtms_server.domain.policy import Policy
from dtms_server.ports import TradeFilter
from dtms_server.storage.store import SqliteStore
from ledgers import ACCOUNT, everything

APPENDING = Path(__file__).with_name("appending.py")


def append_until_killed(database: Path, lines: int) -> int:
    """Return the last sequence acknowledged to a process that is killed after that many lines."""
    process = subprocess.Popen(
        [sys.executable, APPENDING, database, "the one to be killed"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    whole = [int(line) for line in told if line.endswith("\n") and line != "open\n"]
    return max(whole, default=0)


async def nothing_is_lost(database: Path, kills: int) -> None:
    dice = random.Random(7)
    for _ in range(kills):
        acknowledged = append_until_killed(database, lines=dice.randint(1, 120))
        store = await SqliteStore.open(database, Policy(), holder="the test")
        ledger = await store.open_account(ACCOUNT)
        assert ledger.journal.head >= acknowledged
        events = await everything(ledger.journal)
        assert [event.sequence for event in events] == list(range(1, ledger.journal.head + 1))
        listed = await ledger.trades.page(TradeFilter(), 0, 10_000)
        volumes = {trade.ticket: trade.terms.volume_lots for trade in listed.trades}
        assert volumes == Counter(event.ticket for event in events)  # row and event are one
        await store.close()


async def test_a_killed_process_loses_nothing_that_was_acknowledged(database: Path) -> None:
    await nothing_is_lost(database, kills=4)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_fifty_killed_processes_lose_nothing_that_was_acknowledged(database: Path) -> None:
    await nothing_is_lost(database, kills=50)
