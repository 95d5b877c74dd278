"""The replay and the engine on the simulated terminal, with one history and one trade: the same
states in the same order, and the same actions with the same lots.

What may differ, and why: the engine looks every 30 s, so that a price which lets the stop go to
break-even, or ends a grace, for some seconds only may pass between two looks, where a replay sees
every quote; and what it does within a bar it does up to 30 s later, at another price. The engine
reads ticks, which exports hold none of, so that delta pressure is left out here; and its rails are
on, so that the account is made large. Bars open where the last one closed, so that both have one
price when a bar closes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import markets
import numpy as np
import pytest
from dtms_server.domain.bars import Bars
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction
from dtms_server.replay.entries import Entry
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from lives import BUY, COMMISSION, EAGER, LONG, PLAIN, SELL, Stage, step_of
from replays import export, history
from stepping import STILL, Steps, stepping

RICH = 1_000_000.0
INSTANT = timedelta(milliseconds=1)


def still(policy: Policy) -> Policy:
    """The policy without delta pressure, for an engine whose cycles come when asked for."""
    return replace(
        STILL,
        defence=replace(policy.defence, sending=STILL.defence.sending),
        scoring=replace(policy.scoring, delta_deviations=100.0),
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A trade opened at the end of an M5 bar of a seeded walk, which may have a hole in it; and how
    often the engine looks."""

    policy: Policy
    seed: int
    bar: int
    direction: Direction
    seconds: float = 30.0
    hole: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        """Name it in a report of tests."""
        name = "eager" if self.policy is EAGER else "plain"
        return f"{name}-{self.seed}-{self.bar}-{self.direction}-{self.seconds:g}s"

    @property
    def bars(self) -> Bars:
        """Its history."""
        bars, (begin, end) = markets.walk(self.seed, 600), self.hole
        return bars.pick(np.r_[:begin, end : len(bars)])


HOLE = (400, 440)
CASES = [
    Case(PLAIN, 12, 407, BUY),
    Case(PLAIN, 14, 335, BUY, hole=HOLE),
    Case(PLAIN, 11, 359, SELL, hole=HOLE),
    Case(EAGER, 11, 239, BUY),
    Case(EAGER, 1, 383, BUY, hole=HOLE),
    Case(EAGER, 4, 335, BUY, hole=HOLE),
    Case(EAGER, 10, 239, BUY, seconds=3.0),  # every 30 s a price would be missed
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_trade_has_the_same_story_in_a_replay_and_in_the_engine(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path))
    stage = Stage(history(case.bars), still(case.policy))
    [entry] = [
        entry
        for entry in stage.entries(LONG)
        if (entry.bar, entry.direction) == (case.bar, case.direction)
    ]
    replayed = stage.lived(entry, COMMISSION).stories()
    assert len(replayed[0]) > 2, "a story worth telling"
    assert await lived(case, entry, stage, tmp_path) == replayed


async def lived(case: Case, entry: Entry, stage: Stage, folder: Path) -> list[list[str]]:
    """The stories of the same trade, and of those added to it again, in the engine."""
    price_of = stage.history.symbol.from_points
    async with engine(case, entry, folder) as house:
        ticket = house.open(entry.direction, lots=1.0, stop=price_of(entry.stop))
        trade, _ = await house.register(ticket, entry.direction)
        assert trade.terms.entry_price == price_of(entry.price)
        await house.step(INSTANT.total_seconds())
        while any(trade.is_active for trade in await house.trades()):
            await house.step(case.seconds)
            assert control.clock()[0].timestamp() < entry.ends_at, "it is left by time"
        return await stories(house)


@asynccontextmanager
async def engine(case: Case, entry: Entry, folder: Path) -> AsyncIterator[Steps]:
    """The engine an instant before the entry, when the last quote is that of the entry."""
    settings = Settings(
        replay=str(export(case.bars, folder / "bars.csv")),
        symbol="EURUSD",
        server_offset="+00:00",
        balance=RICH,
        start=datetime.fromtimestamp(entry.at, UTC) - INSTANT,
    )
    async with stepping(folder, settings, still(case.policy)) as house:
        yield house


async def stories(house: Steps) -> list[list[str]]:
    found: dict[int, list[str]] = {}
    for recorded in await house.journal():
        step = step_of(recorded.event)
        if recorded.ticket is not None and step is not None:
            found.setdefault(recorded.ticket, []).append(step)
    return list(found.values())
