"""Broker maintenance: no hedge at a wide spread, no loss of a trade, and the rest when it opens."""

from dataclasses import replace
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import State
from dtms_server.engine.readiness import Phase
from scripts import crash, flat
from stages import guard, lots_of, ours
from stepping import NOW

RAILS = replace(NOW.defence.rails, spread_least_bars=48)
KNOWS_SPREADS = replace(NOW, defence=replace(NOW.defence, rails=RAILS))
"""The scripted past is not a whole day long."""


async def test_dtms_waits_for_the_broker(place: Path) -> None:
    settings = market(place, flat(4), crash())
    async with drill(place, "broker-maintenance", settings, KNOWS_SPREADS) as shown:
        early = await shown.guard(guard(shown.house, stop=900))
        await shown.until("00:30:00")
        assert await shown.told("ACTION_BLOCKED") == ["ACTION_BLOCKED OPEN_HEDGE SPREAD"]
        assert lots_of(early) == 0.2  # what a wide spread holds back is opening alone
        await shown.until("00:36:00")
        late = await shown.guard(guard(shown.house, stop=900))
        await shown.until("00:39:30")
        failed = await shown.told("ACTION_FAILED")
        assert set(failed) == {"ACTION_FAILED CLOSE_HALF"}
        assert {code for _, code in shown.answered()} == {10009, 10018}
        await shown.until("00:54:30")
        assert shown.phase is Phase.TERMINAL_LOST
        await shown.until("02:00:00")
        assert shown.phase is Phase.READY
        for ticket in (early, late):
            assert (await shown.trade(ticket)).state is State.WARNING_L2
            assert lots_of(ticket) == 0.2
        assert ours() == []
