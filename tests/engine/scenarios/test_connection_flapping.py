"""Connection flapping: each loss is told, none costs a trade, and orders go out in between."""

from pathlib import Path

import pytest
from drills import drill, market
from dtms_server.domain.errors import TerminalLost
from dtms_server.domain.trade import Direction, State
from dtms_server.engine.readiness import Phase
from scripts import crash, flat
from stages import guard, ours


async def test_a_trade_is_defended_between_the_losses(place: Path) -> None:
    async with drill(place, "connection-flapping", market(place, flat(1), crash())) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("00:36:00")
        assert (await shown.trade(ticket)).state is State.HEDGED
        assert [hedge.volume for hedge in ours()] == [0.2]
        lost, back = await shown.told("TERMINAL_LOST"), await shown.told("TERMINAL_CONNECTED")
        assert len(lost) == 30
        assert len(back) == 31  # the first of them at the start
        assert await shown.told("TRADE_CLOSED") == []
        await shown.is_told_by_the_manual()


async def test_a_call_that_needs_the_terminal_says_that_it_is_lost(place: Path) -> None:
    async with drill(place, "connection-flapping", market(place)) as shown:
        ticket = shown.house.open(lots=0.1)
        await shown.until("00:05:00")
        assert shown.is_(Phase.TERMINAL_LOST)
        with pytest.raises(TerminalLost, match="no connection to its broker"):
            await shown.house.register(ticket, Direction.BUY)
        assert shown.house.guard.readiness.is_serving  # for so short a loss health does not change
        await shown.until("00:05:30")
        assert shown.is_(Phase.READY)
        await shown.house.register(ticket, Direction.BUY)
