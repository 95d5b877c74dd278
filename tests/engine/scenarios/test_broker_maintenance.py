"""Broker maintenance: no hedge at a wide spread, no loss of a trade, and the rest when it opens."""

from dataclasses import replace
from pathlib import Path

from drills import drill, market
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
        await shown.until("00:54:30")
        assert shown.is_(Phase.TERMINAL_LOST)
        assert lots_of(late) == 0.4  # the market was closed to it
        await shown.until("01:05:00")
        assert shown.is_(Phase.READY)
        assert ours() == []
        refused = [code for _, code in shown.answered() if code == 10018]
        assert 2 < len(refused) < 8  # once a bar, not at each of 30 cycles, though quotes go on
        await shown.until("01:20:00")
        assert await shown.told("ACTION_DONE") == [
            "ACTION_DONE CLOSE_HALF",
            "ACTION_DONE OPEN_HEDGE",
            "ACTION_DONE OPEN_HEDGE",
        ]
        assert lots_of(early) == 0.2
        assert lots_of(late) == 0.4  # a hedge was what it was owed
        assert await shown.told("TRADE_CLOSED") == []
        await shown.is_told_by_the_manual()
