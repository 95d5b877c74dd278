"""DTMS in steps: time passes, and cycles run, only when a test says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action
from dtms_server.domain.errors import TerminalLost
from dtms_server.domain.events import (
    ActionAdvised,
    ActionBlocked,
    ActionDone,
    ActionFailed,
    ActionStarted,
    StateChanged,
    TradeEvent,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import State
from dtms_server.engine.readiness import Phase
from dtms_server.ports import ActionFilter, Terminal
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from house import QUICK, House, running

STILL = replace(
    QUICK,
    cycle_seconds=1e9,
    look_seconds=1e9,
    defence=replace(
        QUICK.defence,
        sending=replace(QUICK.defence.sending, read_back_seconds=0.05, read_back_poll_seconds=0.01),
    ),
)
"""The usual policy, whose cycles come only when they are asked for."""
NOW = replace(
    STILL,
    defence=replace(STILL.defence, states=replace(STILL.defence.states, grace_minutes=0.0)),
)
"""The same without any grace: the first score counts."""


class Steps(House):
    """A house that goes on step by step."""

    async def step(self, seconds: float = 30.0) -> None:
        """Let time pass, then run one cycle; a loss of the terminal is waited out."""
        control.advance(seconds)
        try:
            await self.guard.monitor.cycle()
        except TerminalLost:
            await self.until(lambda: self.guard.readiness.phase is Phase.TERMINAL_LOST)
            await self.until(lambda: self.guard.readiness.phase is Phase.READY)

    async def bars(self, more: int = 1) -> None:
        """Let so many M5 bars close, with a cycle right after each."""
        for _ in range(more):
            now, _speed = control.clock()
            await self.step(300.0 - now.timestamp() % 300.0 + 1.0)

    async def actions(self, ticket: int | None = None) -> list[Action]:
        """All actions so far, oldest first."""
        page = await self.guard.ledger.actions.page(ActionFilter(ticket), None, 1000)
        return list(reversed(page.actions))

    async def outcomes(self, ticket: int) -> list[str]:
        """What was tried for a trade so far, in turn, and how each attempt stands."""
        tried: dict[str, str] = {}
        for event in await self.told(ticket):
            if isinstance(event, ActionStarted | ActionDone | ActionFailed):
                tried[event.action.id] = f"{event.action.kind} {event.action.state}"
        return list(tried.values())

    async def held_back(self, ticket: int) -> list[str]:
        """Which actions were held back, in turn, and by which rail."""
        told = await self.told(ticket)
        return [f"{e.action.kind} {e.rail}" for e in told if isinstance(e, ActionBlocked)]

    async def advice(self, ticket: int) -> list[ActionKind]:
        """What was advised for a trade, in turn."""
        told = await self.told(ticket)
        return [event.action.kind for event in told if isinstance(event, ActionAdvised)]

    async def moves(self, ticket: int) -> list[State]:
        """The states that a trade came to, in turn."""
        told = await self.told(ticket)
        return [event.after for event in told if isinstance(event, StateChanged)]

    async def told(self, ticket: int) -> list[TradeEvent]:
        """All that was told of a trade."""
        events = [one.event for one in await self.journal() if one.ticket == ticket]
        return [event for event in events if isinstance(event, TradeEvent)]


@asynccontextmanager
async def stepping(
    folder: Path, settings: Settings, policy: Policy = STILL, terminal: Terminal | None = None
) -> AsyncIterator[Steps]:
    """Run the engine until the block ends, in steps."""
    async with running(folder, replace(settings, speed=0.0), policy, terminal=terminal) as house:
        yield Steps(house.guard, house.store, house.policy)
