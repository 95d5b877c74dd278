"""Whether DTMS is ready, and if not, why: the one place that every part asks."""

import asyncio
import time
from contextlib import suppress
from enum import StrEnum

from dtms_server.domain.errors import Draining, NotReady, TerminalLost


class Phase(StrEnum):
    """What the service is about."""

    STARTING = "STARTING"
    READY = "READY"
    TERMINAL_LOST = "TERMINAL_LOST"
    DRAINING = "DRAINING"


class Readiness:
    """The phase, the reason for not being ready, and a wake-up at each change."""

    def __init__(self, lost_grace_seconds: float) -> None:
        self.phase = Phase.STARTING
        self.reason = "starting"
        self.initialised = False
        self.draining = asyncio.Event()
        self._lost_grace_seconds = lost_grace_seconds
        self._lost_since = 0.0
        self._change = asyncio.Event()

    def starting(self, step: str) -> None:
        """Name the step that is under way; after the first recovery only the loss counts."""
        if self.phase is Phase.STARTING:
            self._enter(Phase.STARTING, step)

    def ready(self) -> None:
        """Recovery is done: guarding."""
        self.initialised = True
        self._enter(Phase.READY, "")

    def lost(self, reason: str) -> None:
        """The terminal is lost; a second call only renews the reason."""
        if self.phase is not Phase.TERMINAL_LOST:
            self._lost_since = time.monotonic()
        self._enter(Phase.TERMINAL_LOST, reason)

    def drain(self) -> None:
        """The service stops; nothing leads back."""
        self._enter(Phase.DRAINING, "stopping")
        self.draining.set()

    @property
    def is_serving(self) -> bool:
        """Is it ready, or lost for less than the grace?"""
        return self.phase is Phase.READY or self._grace_left_seconds() > 0

    @property
    def lost_seconds(self) -> float:
        """How long the terminal has been lost, in wall time; 0 where it is not."""
        return time.monotonic() - self._lost_since if self.phase is Phase.TERMINAL_LOST else 0.0

    def require_started(self) -> None:
        """Raise NotReady before the first recovery, Draining while stopping."""
        match self.phase:
            case Phase.STARTING:
                raise NotReady(reason=self.reason)
            case Phase.DRAINING:
                raise Draining

    def require_terminal(self) -> None:
        """Raise TerminalLost while the terminal is lost or recovery after it is not done."""
        self.require_started()
        if self.phase is Phase.TERMINAL_LOST:
            raise TerminalLost(reason=self.reason)

    async def changed(self) -> None:
        """Return at the next change of phase, reason or `is_serving`."""
        left = self._grace_left_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(left if left > 0 else None):
                await self._change.wait()

    def _grace_left_seconds(self) -> float:
        if self.phase is not Phase.TERMINAL_LOST:
            return 0.0
        return max(0.0, self._lost_grace_seconds - self.lost_seconds)

    def _enter(self, phase: Phase, reason: str) -> None:
        if self.phase is Phase.DRAINING:
            return
        self.phase, self.reason = phase, reason
        self._change.set()
        self._change = asyncio.Event()
