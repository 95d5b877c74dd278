"""Liveness: whether the process turns, whatever the terminal does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from dtms_server.domain.events import EventType
from dtms_server.engine.watchdog import Watchdog
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from house import PATIENCE_SECONDS, QUICK, House, running


@asynccontextmanager
async def watched(house: House, **limits: float) -> AsyncIterator[Watchdog]:
    watchdog = Watchdog(house.store.ping, house.guard.monitor, interval_seconds=0.01, **limits)
    watching = asyncio.create_task(watchdog.run())
    try:
        yield watchdog
    finally:
        watching.cancel()


async def until(watchdog: Watchdog, *, alive: bool) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while watchdog.is_alive is not alive:
            await watchdog.changed()


async def test_a_monitor_that_stands_still_is_noticed(tmp_path: Path, settings: Settings) -> None:
    policy = replace(QUICK, cycle_seconds=3600.0)
    async with (
        running(tmp_path, settings, policy) as house,
        watched(house, monitor_deadline_seconds=0.05) as watchdog,
    ):
        await until(watchdog, alive=False)
        await until(watchdog, alive=True)


async def test_a_writer_that_cannot_write_is_noticed_and_the_guard_goes_on(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings) as house:
        ticket = await house.guarded()
        stranger = sqlite3.connect(tmp_path / "dtms.db", isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        async with watched(house, writer_deadline_seconds=0.05) as watchdog:
            control.close_position(ticket)
            await until(watchdog, alive=False)
            stranger.execute("ROLLBACK")
            stranger.close()
            await until(watchdog, alive=True)
            await house.sees(EventType.TRADE_CLOSED)


async def test_a_lost_terminal_is_no_reason_to_restart(house: House) -> None:
    async with watched(house, monitor_deadline_seconds=PATIENCE_SECONDS) as watchdog:
        control.inject("disconnect")
        await house.sees(EventType.TERMINAL_LOST)
        assert watchdog.is_alive
