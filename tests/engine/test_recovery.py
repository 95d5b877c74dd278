"""Recovery: who is waited for and how long, what is told, and in which order."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dtms_server import __version__
from dtms_server.domain.events import (
    ActionsPaused,
    ChangeCause,
    EventType,
    MonitoringStarted,
    Recorded,
    TerminalConnected,
)
from dtms_server.domain.market import Snapshot
from dtms_server.engine.guard import Guard
from dtms_server.storage.store import SqliteStore
from dtms_server.terminal.local import LocalTerminal
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from house import QUICK, House, ready, running
from structlog.testing import capture_logs


class Listening(LocalTerminal):
    """A terminal that notes for how long it was to be waited for, and what DTMS said of itself
    whenever it was asked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.waits: list[float] = []
        self.said: list[str] = []
        self.guard: Guard | None = None

    async def connect(self, timeout_seconds: float) -> None:
        self.waits.append(timeout_seconds)
        self._note()
        await super().connect(timeout_seconds)

    async def snapshot(self) -> Snapshot:
        self._note()
        return await super().snapshot()

    def _note(self) -> None:
        if self.guard is not None:
            self.said.append(self.guard.readiness.reason)


@dataclass
class Start:
    """One start of DTMS up to its readiness, and a loss of the terminal after it."""

    house: House
    terminal: Listening
    logs: list[MutableMapping[str, Any]]

    async def lose(self) -> None:
        """Lose the terminal and have it back."""
        after = self.house.guard.ledger.journal.head
        control.inject("pipe")
        await self.house.sees(EventType.TERMINAL_CONNECTED, after)


@asynccontextmanager
async def started(
    folder: Path,
    settings: Settings,
    *,
    account: str | None = None,
    startup_seconds: float = 0.0,
) -> AsyncIterator[Start]:
    """Start DTMS and listen to it."""
    store = await SqliteStore.open(folder / "dtms.db", QUICK, holder="a test")
    terminal = Listening(settings)
    guard = Guard(
        terminal,
        store,
        QUICK,
        source="simulator",
        account=account,
        startup_seconds=startup_seconds,
    )
    terminal.guard = guard
    await guard.switch.load()
    house = House(guard, store, QUICK)
    with capture_logs() as logs:
        monitoring = asyncio.create_task(guard.monitor.run())
        try:
            await ready(house, monitoring)
            yield Start(house, terminal, list(logs))
        finally:
            guard.readiness.drain()
            guard.monitor.stop("the test is over")
            await asyncio.gather(monitoring, return_exceptions=True)
            await store.close()


def told(events: list[Recorded], kind: EventType) -> list[Recorded]:
    return [each for each in events if each.type is kind]


async def test_a_start_is_told_once_and_each_connection_again(
    tmp_path: Path, settings: Settings
) -> None:
    async with started(tmp_path, settings) as start:
        await start.lose()
        journal = await start.house.journal()
    connected = [each.event for each in told(journal, EventType.TERMINAL_CONNECTED)]
    (begun,) = told(journal, EventType.MONITORING_STARTED)
    assert begun.event == MonitoringStarted(0, __version__)
    assert [each.type for each in journal[:2]] == [
        EventType.TERMINAL_CONNECTED,
        EventType.MONITORING_STARTED,
    ]
    first, second = connected
    assert isinstance(first, TerminalConnected)
    assert isinstance(second, TerminalConnected)
    assert first.lost_seconds == 0.0
    assert second.lost_seconds > 0.0
    assert "Simulated terminal" in first.terminal


async def test_the_trades_that_are_found_again_are_counted_and_told_once(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings) as house:
        still_open, closed = await house.guarded(), await house.guarded()
        await house.measured(still_open, closed)
        head = house.guard.ledger.journal.head
    control.close_position(closed)
    async with started(tmp_path, settings) as start:
        await start.lose()
        since = [each for each in await start.house.journal() if each.sequence > head]
    assert "recovering 2 trades" in start.terminal.said  # at the second look, before its proof
    (begun,) = told(since, EventType.MONITORING_STARTED)
    assert begun.event == MonitoringStarted(1, __version__)
    assert [each.ticket for each in told(since, EventType.TRADE_RECOVERED)] == [still_open]


async def test_what_it_guards_is_logged_once_it_is_ready(
    tmp_path: Path, settings: Settings
) -> None:
    async with started(tmp_path, settings) as start:
        account = start.house.guard.ledger.journal.account
        said = [each for each in start.logs if each["event"] == "guarding"]
    assert [(each["account"], each["trades"]) for each in said] == [(account, 0)]
    assert start.terminal.said[:2] == ["connecting to the terminal"] * 2


async def test_the_account_that_was_asked_for_is_named_while_it_is_waited_for(
    tmp_path: Path, settings: Settings
) -> None:
    async with started(tmp_path, settings) as start:
        account = start.house.guard.ledger.journal.account
    async with started(tmp_path, settings, account=account) as start:
        assert start.house.guard.ledger.journal.account == account
    assert start.terminal.said[0] == f"connecting to the terminal as {account}"


async def test_an_account_that_was_asked_for_is_the_one_whatever_the_store_holds(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings):
        pass
    async with running(tmp_path, settings, account="1@Elsewhere", wait=False) as house:
        await house.until(lambda: "WRONG_ACCOUNT" in house.guard.readiness.reason)
        assert "1@Elsewhere" in house.guard.readiness.reason
        assert not house.guard.readiness.initialised


@pytest.mark.parametrize(
    ("startup_seconds", "waits"),
    [(0.0, QUICK.connect_seconds), (1000.0, QUICK.connect_seconds), (0.5, 1.0)],
)
async def test_the_first_connection_waits_no_longer_than_the_start_may_take(
    tmp_path: Path, settings: Settings, startup_seconds: float, waits: float
) -> None:
    async with started(tmp_path, settings, startup_seconds=startup_seconds) as start:
        await start.lose()
    assert start.terminal.waits[:2] == [waits, QUICK.connect_seconds]


async def test_the_first_connection_leaves_time_to_tell_of_its_error(
    tmp_path: Path, settings: Settings
) -> None:
    startup_seconds = 70.0
    async with started(tmp_path, settings, startup_seconds=startup_seconds) as start:
        pass
    assert 1.0 < start.terminal.waits[0] <= 0.8 * startup_seconds < QUICK.connect_seconds


async def test_what_was_paused_before_the_account_was_known_is_told_once_it_is(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings, wait=False) as house:
        control.inject("disconnect")
        await house.guard.pause("a look at it first")
        control.clear_faults()
        await house.until(lambda: house.guard.readiness.initialised)
        journal = await house.journal()
    (paused,) = told(journal, EventType.ACTIONS_PAUSED)
    assert paused.event == ActionsPaused("a look at it first")
    assert paused.sequence < told(journal, EventType.MONITORING_STARTED)[0].sequence


async def test_a_lost_terminal_leads_back_to_the_same_trades(
    tmp_path: Path, settings: Settings
) -> None:
    async with started(tmp_path, settings) as start:
        ticket = await start.house.guarded()
        await start.house.measured(ticket)
        await start.lose()
        control.close_position(ticket, 0.05)
        change = await start.house.change(ticket, ChangeCause.OUTSIDE)
        assert change.ticket == ticket
        assert told(await start.house.journal(), EventType.TRADE_RECOVERED) == []
