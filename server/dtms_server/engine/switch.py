"""The operator's stop switch: while it is off, no order leaves."""

import asyncio

from dtms_server.domain.actions import Action
from dtms_server.domain.events import ActionsPaused, ActionsResumed, Change
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.roster import Roster
from dtms_server.ports import Store


class Switch:
    """Paused or not, on disk first; and the gate through which each order goes alone."""

    def __init__(self, roster: Roster, store: Store, clock: TerminalClock) -> None:
        self._roster = roster
        self._store = store
        self._clock = clock
        self._untold: list[ActionsPaused | ActionsResumed] = []
        self.paused = False
        self.gate = asyncio.Lock()
        """Held from the last look at `paused` until an order's answer or deadline."""

    async def load(self) -> None:
        """Take up what the database says; before the first order."""
        self.paused = await self._store.paused()

    async def pause(self, reason: str) -> tuple[Action, ...]:
        """Let no order leave from now on; one in flight is awaited. Return the actions whose
        outcome is not known: their settlement goes on. Raises StoreFailed."""
        if not self.paused:
            await self._set(ActionsPaused(reason))
        async with self.gate:
            return self._roster.all_unsettled

    async def resume(self, reason: str) -> None:
        """Let orders leave again. Raises StoreFailed."""
        if self.paused:
            await self._set(ActionsResumed(reason))

    async def tell(self) -> None:
        """Write to the journal, now that it is open, what was switched before."""
        for event in self._untold:
            await self._roster.record(Change(self._clock.now(), event))
        self._untold.clear()

    async def _set(self, event: ActionsPaused | ActionsResumed) -> None:
        paused = isinstance(event, ActionsPaused)
        if self._roster.is_open:
            await self._roster.record(Change(self._clock.now(), event))
        else:
            await self._store.pause(paused)
            self._untold.append(event)
        self.paused = paused
