"""DTMS under a scenario of the library: in steps, before a witness, its invariants kept at each."""

import dataclasses
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

from dtms_server.cli import event_words
from dtms_server.domain.errors import TerminalLost
from dtms_server.domain.events import (
    TYPE_OF,
    ActionAdvised,
    ActionBlocked,
    ActionDone,
    ActionFailed,
    ActionStarted,
    Recorded,
    StateChanged,
    TradeChanged,
    TradeClosed,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import State, Trade
from dtms_server.engine.readiness import Phase
from dtms_server.rpc.translate.events import event
from dtms_server.terminal.simulator import control, library
from dtms_server.terminal.simulator.settings import Settings
from invariants import check_order
from scripts import Leg, Script, flat
from stages import held
from stepping import NOW
from trial import Trial
from witness import Sent

OUT_OF_REACH = frozenset({"disconnect", "login"})
"""The faults under which no recovery succeeds."""
STEP_SECONDS = 30.0
MANUAL = Path(__file__).parents[1] / "docs" / "faults"


def market(folder: Path, *legs: Leg) -> Settings:
    """A scripted market that begins calm, goes through these legs, and then nowhere for hours."""
    return Script((), (*chain(*legs), *flat(300))).settings(folder)


@dataclass
class Drill(Trial):
    """DTMS while a scenario is played; trades are looked at every 30 s."""

    name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.begun, _ = control.clock()
        self.guarded = set[int]()
        self._checked = 0

    @property
    def sent(self) -> list[Sent]:
        """Every order that the broker got, in turn."""
        return self.witness.sent

    def is_(self, phase: Phase) -> bool:
        """Is this what the service is about?"""
        return self.house.guard.readiness.phase is phase

    async def guard(self, guarding: Awaitable[int]) -> int:
        """Await what puts a trade under guard, and remember that it was acknowledged."""
        ticket = await guarding
        self.guarded.add(ticket)
        return ticket

    async def until(self, after: str, step_seconds: float = STEP_SECONDS) -> None:
        """Guard until so long after the scenario began, step by step."""
        hours, minutes, seconds = map(int, after.split(":"))
        end = self.begun + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        while (left := (end - control.clock()[0]).total_seconds()) > 0:
            await self.cycle(min(left, step_seconds))

    async def cycle(self, seconds: float) -> None:
        """Let time pass and run a cycle; what must always hold is looked at."""
        await self._one_cycle(seconds)
        await self.check()

    async def check(self) -> None:
        """Whatever has happened, this holds now."""
        await super().check()
        for order in self.sent[self._checked :]:
            check_order(order)
        self._checked = len(self.sent)
        trades = {trade.ticket: trade for trade in await self.house.trades()}
        assert self.guarded <= set(trades), "an acknowledged trade is lost"
        for trade in trades.values():
            if trade.state is State.CLOSED:
                assert held(trade.terms.position_ticket) is None, f"called closed: {trade}"

    async def come_to_rest(self) -> None:
        """Some bars after the end all is settled, in order, and each trade is what it is said to
        be."""
        await super().come_to_rest()
        assert self.is_(Phase.READY)
        for trade in await self.house.trades():
            assert not trade.terms.closing_unconfirmed, f"still doubted: {trade}"
            there = held(trade.terms.position_ticket)
            assert (there is None) is (trade.state is State.CLOSED), f"{trade} is {there}"

    async def trade(self, ticket: int) -> Trade:
        """The trade's row."""
        return await self.house.trade(ticket)

    async def told(self, *words: str) -> list[str]:
        """What the stream tells, or what of it begins with one of these words."""
        journal = await self.house.journal()
        told = [_words(one) for one in journal]
        return [line for line in told if not words or line.startswith(words)]

    async def told_at(self, words: str) -> list[timedelta]:
        """How long after the scenario began something was told."""
        journal = await self.house.journal()
        return [one.at - self.begun for one in journal if _words(one).startswith(words)]

    async def lines(self) -> list[str]:
        """What `dtms watch` would tell, with the time of day, but for how long a loss lasted: that
        is told by our clock, and a drill has no time to lose."""
        told = [event_words.brief_line(event(one)) for one in await self.house.journal()]
        return [re.sub(r" after [\d.]+ s$", "", line) for line in told]

    async def is_told_by_the_manual(self) -> None:
        """What the manual's page shows of the stream was told, in this order."""
        page = (MANUAL / f"{self.name}.md").read_text("utf-8")
        shown = re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S)
        told = iter(await self.lines())
        for line in shown[0].splitlines():
            assert line == "..." or line in told, f"not told, or not then: {line}"

    def answered(self) -> list[tuple[str, int | None]]:
        """Each order's verb, and what it was answered."""
        return [(str(s.order.verb), s.answer.retcode if s.answer else None) for s in self.sent]

    async def _one_cycle(self, seconds: float) -> None:
        control.advance(seconds)
        readiness = self.house.guard.readiness
        if readiness.phase is Phase.TERMINAL_LOST:
            if any(fault["type"] in OUT_OF_REACH for fault in control.faults()):
                return
            await self.house.until(lambda: readiness.phase is Phase.READY)
        try:
            await self.house.guard.monitor.cycle()
        except TerminalLost:
            await self.house.until(lambda: readiness.phase is Phase.TERMINAL_LOST)


def _words(one: Recorded) -> str:
    event, name = one.event, str(TYPE_OF[type(one.event)])
    match event:
        case TradeChanged(cause=cause, before=before, after=after):
            fields = (field.name for field in dataclasses.fields(after))
            changed = [n for n in fields if getattr(before, n) != getattr(after, n)]
            return f"{name} {cause} {' '.join(changed)}"
        case StateChanged(before=was, after=now):
            return f"{name} {was}>{now}"
        case ActionBlocked(action=action, rail=rail):
            return f"{name} {action.kind} {rail}"
        case ActionStarted() | ActionDone() | ActionFailed() | ActionAdvised():
            return f"{name} {event.action.kind}"
        case TradeClosed(closing=closing):
            return f"{name} {closing.reason}"
    return name


@asynccontextmanager
async def drill(
    folder: Path, scenario: str, settings: Settings, policy: Policy = NOW
) -> AsyncIterator[Drill]:
    """Play a scenario of the library to DTMS until the block ends; then all must come to rest."""
    playing = replace(settings, scenario=library.load(scenario))
    trial = Drill(folder, playing, policy, name=scenario)
    await trial.start()
    try:
        yield trial
        await trial.come_to_rest()
    finally:
        await trial.close()
