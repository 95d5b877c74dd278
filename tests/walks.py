"""A trade's way through both tables, held against them at each step."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import Any

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.events import (
    ActionStarted,
    StateChanged,
    TradeClosed,
    TradeEvent,
    TradeRegistered,
    TradeReleased,
)
from dtms_server.domain.scoring import Score
from dtms_server.domain.situation import band_of
from dtms_server.domain.state import BANDS, ON_FACT, ON_SCORE, WANT_HEDGE, Fact, on_fact, on_score
from dtms_server.domain.trade import Direction, State
from stages import Stage, guard
from stepping import Steps

ALL = {f"{state} {band}" for state in ON_SCORE for band in BANDS} | {
    f"{state} {fact}" for state, fact in ON_FACT
}
"""Every cell of the first table and every line of the second, named by state and cause."""
TAKEN: set[str] = set()
Story = Callable[[Stage, Direction], Awaitable[set[str]]]


def takes(*arrows: str) -> Callable[[Story], Callable[[Stage, Direction], Awaitable[None]]]:
    """The trade of the story goes these ways, and no other, on either side."""
    TAKEN.update(arrows)

    def checked(story: Story) -> Callable[[Stage, Direction], Awaitable[None]]:
        @pytest.mark.parametrize("side", list(Direction))
        @wraps(story)
        async def test(stage: Stage, side: Direction) -> None:
            assert await story(stage, side) == set(arrows)

        return test

    return checked


class Walk:
    """One trade's way through the tables; each of its steps is held against them."""

    def __init__(self, house: Steps, ticket: int) -> None:
        self.house = house
        self.ticket = ticket
        self.state = State.HEALTHY
        self.arrows = set[str]()
        self._told = 1  # its registration
        self._bar: datetime | None = None

    def at(self, state: State) -> bool:
        """Has it come to that state, and not gone on?"""
        return self.state is state

    async def bars(self, more: int) -> None:
        """Let bars close, and note what the trade does on each."""
        for _ in range(more):
            await self.house.bars()
            await self.look()

    async def look(self) -> None:
        """Note what was told since the last look."""
        told = await self.house.told(self.ticket)
        events, self._told = told[self._told :], len(told)
        moved = any(isinstance(event, StateChanged) and event.score for event in events)
        if not moved:
            await self._note_the_cell(events)
        for event in events:
            self._follow(event)

    def _follow(self, event: TradeEvent) -> None:
        match event:
            case StateChanged(before=State.RECOVERING):
                self._take(Fact.RECOVERED, event.after)
            case StateChanged(score=None):
                facts = (fact for fact in Fact if on_fact(self.state, fact) is event.after)
                self._take(next(facts), event.after)
            case StateChanged(score=Score() as score):
                band = band_of(self.state, score, self.house.policy)
                judged = on_score(self.state, band)
                assert event.after is (State.WARNING_L2 if judged == WANT_HEDGE else judged)
                self.arrows.add(f"{self.state} {band}")
                self.state = event.after
            case TradeClosed():
                self._take(Fact.POSITION_GONE, State.CLOSED)
            case TradeReleased():
                self._take(Fact.RELEASED, State.RELEASED)
            case TradeRegistered(rearmed=True):
                self._take(Fact.REARMED, event.trade.state)

    def _take(self, fact: Fact, after: State) -> None:
        assert on_fact(self.state, fact) is after
        self.arrows.add(f"{self.state} {fact}")
        self.state = after

    async def _note_the_cell(self, events: list[TradeEvent]) -> None:
        """Note the cell of a score that leaves a trade in its state, or hedges it there."""
        score = self.house.guard.scores.of(await self.house.trade(self.ticket))
        if self.state not in ON_SCORE or not isinstance(score, Score):
            return
        if score.bar_closed_at == self._bar:
            return
        self._bar = score.bar_closed_at
        band = band_of(self.state, score, self.house.policy)
        hedged = any(
            isinstance(event, ActionStarted) and event.action.kind is ActionKind.OPEN_HEDGE
            for event in events
        )
        if hedged or on_score(self.state, band) is self.state:
            self.arrows.add(f"{self.state} {band}")


async def walk(house: Steps, side: Direction, **how: Any) -> Walk:
    """Guard a new trade, and follow it from its first cycle on."""
    begun = Walk(house, await guard(house, side, **how))
    await house.step(1.0)
    await begun.look()
    return begun
