"""DTMS without its gRPC edge: the engine on a real database and the simulated terminal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dtms_server.domain import events
from dtms_server.domain.claims import Claim
from dtms_server.domain.events import ChangeCause, EventType, Recorded
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection, Trade
from dtms_server.engine.guard import Guard
from dtms_server.ports import EventFilter, Terminal, TradeFilter
from dtms_server.storage.store import SqliteStore
from dtms_server.terminal.local import LocalTerminal
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings

PATIENCE_SECONDS = 30.0
"""How long a test waits for what must come; only a defect lasts so long."""
QUICK = replace(
    Policy(),
    cycle_seconds=0.02,
    cycle_floor_seconds=0.01,
    fill_lag_seconds=0.1,
    fill_poll_seconds=0.02,
    snapshot_deadline_seconds=0.1,
    failed_read_pause_seconds=0.01,
    absence_apart_seconds=0.02,
    reconnect_first_seconds=0.02,
    reconnect_longest_seconds=0.05,
)
"""The usual policy in a hurry: only waits are shorter."""


@dataclass
class House:
    """One run of DTMS; its monitor cycles all the time."""

    guard: Guard
    store: SqliteStore
    policy: Policy

    def open(
        self,
        direction: Direction = Direction.BUY,
        *,
        lots: float = 0.1,
        stop: float | None = None,
        target: float | None = None,
        symbol: str = "EURUSD",
        comment: str = "",
        magic: int = 0,
    ) -> int:
        """Open a position by somebody's hand; return its ticket."""
        position = control.open_position(
            symbol, direction.value, lots, stop, target, magic=magic, comment=comment
        )
        assert position is not None
        return position.ticket

    async def register(
        self, ticket: int, direction: Direction = Direction.BUY, symbol: str = "EURUSD"
    ) -> tuple[Trade, bool]:
        """Register a position as its bot would."""
        return await self.guard.registration.register(Claim(ticket, symbol, direction))

    async def guarded(
        self,
        direction: Direction = Direction.BUY,
        protection: Protection = Protection.PROTECT,
        **how: Any,
    ) -> int:
        """Open a position and put it under guard; return its ticket."""
        ticket = self.open(direction, **how)
        claim = Claim(ticket, "EURUSD", direction, protection=protection)
        await self.guard.registration.register(claim)
        return ticket

    async def trade(self, ticket: int) -> Trade:
        """The trade's row."""
        trade = await self.guard.ledger.trades.find(ticket)
        assert trade is not None
        return trade

    async def trades(self) -> tuple[Trade, ...]:
        """All rows, closed ones too."""
        page = await self.guard.ledger.trades.page(TradeFilter(include_closed=True), 0, 1000)
        return page.trades

    async def journal(self) -> list[Recorded]:
        """All events so far."""
        told, after, journal = list[Recorded](), 0, self.guard.ledger.journal
        while after < journal.head:
            page = await journal.page(after, EventFilter())
            told.extend(page.events)
            after = page.scanned
        return told

    async def sees(self, kind: EventType, after: int = 0) -> Recorded:
        """Wait for the first event of that type past a sequence."""
        journal, wanted = self.guard.ledger.journal, EventFilter(types=frozenset({kind}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                page = await journal.page(after, wanted)
                if page.events:
                    return page.events[0]
                after = page.scanned
                await journal.grown(after)

    async def change(self, ticket: int, cause: ChangeCause, after: int = 0) -> Recorded:
        """Wait for the first change of a trade, by that cause, past a sequence."""
        while True:
            told = await self.sees(EventType.TRADE_CHANGED, after)
            assert isinstance(told.event, events.TradeChanged)
            if told.ticket == ticket and told.event.cause is cause:
                return told
            after = told.sequence

    async def measured(self, *tickets: int) -> None:
        """Wait until the R of these trades is known; on a calm market nothing more is told then."""
        for ticket in tickets:
            await self.change(ticket, ChangeCause.DTMS)
            assert (await self.trade(ticket)).terms.r_distance is not None

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that readiness tells of."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await self.guard.readiness.changed()

    async def cycles(self, more: int = 3) -> None:
        """Let some whole cycles go by."""
        goal = self.guard.monitor.cycles + more
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.guard.monitor.cycles < goal:  # noqa: ASYNC110 - a cycle tells nobody
                await asyncio.sleep(0)

    async def folded(self) -> dict[int, Trade]:
        """What the journal alone makes of the trades."""
        trades: dict[int, Trade] = {}
        for recorded in await self.journal():
            if isinstance(recorded.event, events.TradeEvent):
                assert recorded.ticket is not None
                before = trades.get(recorded.ticket)
                trades[recorded.ticket] = events.apply(before, recorded.event, recorded.at)
        return trades


async def ready(house: House, monitoring: asyncio.Task[None]) -> None:
    """Wait until it is ready; what ended the monitor instead is raised."""
    waiting = asyncio.create_task(house.until(lambda: house.guard.readiness.initialised))
    await asyncio.wait((waiting, monitoring), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if monitoring.done():
        monitoring.result()


@asynccontextmanager
async def running(
    folder: Path,
    settings: Settings,
    policy: Policy = QUICK,
    *,
    database: str = "dtms.db",
    account: str | None = None,
    wait: bool = True,
    terminal: Terminal | None = None,
) -> AsyncIterator[House]:
    """Run the engine until the block ends; its database stays in the folder for the next run. The
    terminal is that of the settings, begun or taken up again, or one that runs already."""
    store = await SqliteStore.open(folder / database, policy, holder="a test")
    terminal = terminal or LocalTerminal(settings)
    guard = Guard(terminal, store, policy, source="simulator", account=account)
    await guard.switch.load()
    house = House(guard, store, policy)
    monitoring = asyncio.create_task(guard.monitor.run())
    try:
        if wait:
            await ready(house, monitoring)
        yield house
    finally:
        guard.readiness.drain()
        guard.monitor.stop("the test is over")
        await asyncio.gather(monitoring, return_exceptions=True)
        await store.close()
    monitoring.result()
