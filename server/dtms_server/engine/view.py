"""What the terminal shows, read with suspicion: only the right account, connected, counts."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog

from dtms_server.domain.actions import Answer, Order, Verdict
from dtms_server.domain.charts import Charts
from dtms_server.domain.errors import (
    TerminalFailed,
    TerminalLost,
    TerminalSilent,
    TerminalUnreachable,
    WrongAccount,
)
from dtms_server.domain.market import Deal, History, Quote, Snapshot
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.reconcile import Picture
from dtms_server.engine.clock import TerminalClock
from dtms_server.ports import Terminal

log = structlog.get_logger()

MUTE_FIRST: Final = timedelta(minutes=5)
MUTE_LONGEST: Final = timedelta(hours=1)
"""Terminal time for which a question that was not answered is not asked again: an M5 bar, then
twice as long each time."""
ALL_POSITIONS: Final = 0


class TerminalView:
    """Reads the terminal for all parts of the engine, and sets the clock by what it reads."""

    def __init__(self, terminal: Terminal, clock: TerminalClock, policy: Policy) -> None:
        self._terminal = terminal
        self._clock = clock
        self._policy = policy
        self.account: str | None = None
        self.answered_at = time.monotonic()
        self.doubt = asyncio.Event()
        """Set while the last answer was a loss: the monitor then looks at once."""
        self.last: Snapshot | None = None
        self.server_offset_seconds: int | None = None
        """By how much the server's clock is ahead of UTC, as charts told last."""
        self._picture: Picture | None = None
        self._mute: dict[int, tuple[datetime, timedelta]] = {}

    @property
    def is_up(self) -> bool:
        """Was the last answer a snapshot, or news, of the right account on a connected terminal?"""
        return self.last is not None and not self.doubt.is_set()

    @property
    def newest(self) -> Snapshot:
        """The last snapshot; there must have been one."""
        assert self.last is not None, "nothing was read yet"
        return self.last

    @property
    def picture(self) -> Picture:
        """The positions of the last snapshot."""
        if self._picture is None:
            self._picture = Picture.of(self.newest)
        return self._picture

    async def read(self) -> Snapshot:
        """Return a snapshot of the right account on a connected terminal.

        An error that the terminal answers is asked again until the deadline is over, since one
        bad read is no loss. Raises TerminalLost where there is no such snapshot by then.
        """
        deadline = time.monotonic() + self._policy.snapshot_deadline_seconds
        while True:
            try:
                return self._checked(await self._terminal.snapshot())
            except (TerminalSilent, TerminalUnreachable) as fault:
                raise self._loss(fault.message) from fault
            except TerminalFailed as fault:
                if time.monotonic() >= deadline:
                    raise self._loss(fault.message) from fault
                await asyncio.sleep(self._policy.failed_read_pause_seconds)
            finally:
                self.answered_at = time.monotonic()

    async def read_again(self) -> Snapshot:
        """Return a snapshot that is far enough from the one before to confirm an absence."""
        policy = self._policy
        apart = self._clock.wall_seconds(policy.absence_apart_seconds)
        longest = policy.absence_apart_longest_seconds
        await asyncio.sleep(min(max(apart, policy.cycle_floor_seconds), longest))
        return await self.read()

    async def read_clock(self) -> None:
        """Set the clock by the terminal's; raises TerminalLost where it does not answer."""
        with self._listening():
            try:
                self._clock.observe(*await self._terminal.clock())
            except TerminalFailed as fault:
                raise self._loss(fault.message) from fault

    async def deals(self, position_id: int) -> tuple[Deal, ...]:
        """Return a position's deals; () where the terminal has none, or answers an error.

        That is safe only because deals are asked for as a proof: what is not shown proves nothing.
        Raises TerminalLost where the terminal does not answer at all; it is then left alone with
        this position for a while, lest one position takes the guard from all.
        """
        if self._is_mute(position_id):
            return ()
        with self._listening():
            try:
                return await self._terminal.deals(position_id)
            except TerminalFailed as fault:
                log.warning("deals not read", position_id=position_id, error=fault.message)
                return ()
            except TerminalSilent:
                self._silence(position_id)
                raise

    async def quote(self, symbol: str) -> Quote:
        """Return a symbol's newest tick with its facts; raises as `charts` does."""
        with self._listening():
            return await self._terminal.quote(symbol)

    async def history(self, since: datetime) -> History:
        """Return what happened on the account since then; raises as `charts` does. A terminal that
        did not answer is left alone with it for a while, which is TerminalFailed."""
        if self._is_mute(ALL_POSITIONS):
            raise TerminalFailed(call="history", code=0, text="it gave no answer lately")
        with self._listening():
            try:
                return await self._terminal.history(since)
            except TerminalSilent:
                self._silence(ALL_POSITIONS)
                raise

    async def send(self, order: Order, comment: str) -> Answer:
        """Send an order, once. After TerminalLost it is unknown whether it was carried out; one
        that no request can be made of is a fault of ours, and the guard of the others goes on."""
        magic, deviation = self._policy.magic, self._policy.defence.sending.deviation_points
        with self._listening():
            try:
                return await self._terminal.send(order, comment, magic, deviation)
            except ValueError as fault:
                return Answer(Verdict.FAULT, None, f"not sent: {fault}")

    async def charts(self, symbol: str, at: datetime, policy: AnalysisPolicy) -> Charts:
        """Return a symbol's charts as they were at `at`.

        Raises TerminalFailed for an error of this symbol only, TerminalLost where the terminal
        does not answer at all.
        """
        with self._listening():
            charts = await self._terminal.charts(symbol, at, policy)
        self.server_offset_seconds = charts.facts.server_offset_seconds
        return charts

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take any answer, errors too, as a sign of life; none at all is a loss."""
        try:
            yield
        except (TerminalSilent, TerminalUnreachable) as fault:
            raise self._loss(fault.message) from fault
        finally:
            self.answered_at = time.monotonic()

    def _is_mute(self, position_id: int) -> bool:
        """Has the terminal given no answer about it, a short while ago?"""
        until, span = self._mute.get(position_id, (self._clock.now(), MUTE_FIRST))
        return timedelta(0) < until - self._clock.now() <= span

    def _silence(self, position_id: int) -> None:
        _, before = self._mute.get(position_id, (None, MUTE_FIRST / 2))
        span = min(2 * before, MUTE_LONGEST)
        self._mute[position_id] = self._clock.now() + span, span

    def _loss(self, reason: str) -> TerminalLost:
        self.doubt.set()
        return TerminalLost(reason=reason)

    def _checked(self, snapshot: Snapshot) -> Snapshot:
        if not snapshot.connected:
            raise self._loss(f"{snapshot.terminal} has no connection to its broker")
        found = snapshot.account.name
        if self.account is not None and found != self.account:
            wrong = WrongAccount(found=found, expected=self.account)
            raise self._loss(f"WRONG_ACCOUNT: {wrong.message}")
        self._clock.observe(snapshot.at, snapshot.speed)
        self.last = snapshot
        self._picture = None
        self.doubt.clear()
        return snapshot
