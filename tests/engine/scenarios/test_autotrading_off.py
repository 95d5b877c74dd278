"""AutoTrading switched off: what DTMS wants waits, is told once, and is done when it may be."""

from datetime import timedelta
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import State
from scripts import crash, flat
from stages import guard, lots_of, ours


async def test_what_is_wanted_waits_until_dtms_may_trade_again(place: Path) -> None:
    settings = market(place, flat(4), crash())
    async with drill(place, "autotrading-off", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("00:30:00")
        assert (await shown.trade(ticket)).state is State.WARNING_L2  # CRITICAL: it wants a hedge
        await shown.until("01:09:30")
        assert await shown.told("ACTION") == [
            "ACTION_BLOCKED OPEN_HEDGE NOT_ALLOWED",
            "ACTION_BLOCKED CLOSE_HALF NOT_ALLOWED",
            "ACTION_BLOCKED BREAK_EVEN NOT_ALLOWED",
        ]  # once each, not at each of the 80 cycles
        assert shown.sent == []
        await shown.until("01:10:00")
        assert (await shown.trade(ticket)).state is State.HEDGED
        assert [hedge.volume for hedge in ours()] == [0.2]
        assert await shown.told("TERMINAL_LOST") == []
        await shown.is_told_by_the_manual()


async def test_what_is_due_while_the_broker_forbids_it_is_done_afterwards(place: Path) -> None:
    settings = market(place, flat(7), crash())
    async with drill(place, "autotrading-off", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("02:00:00")
        assert (await shown.trade(ticket)).state is State.HEDGED
        flat_from = (await shown.told_at("STATE_CHANGED WARNING_L2>HEDGED"))[0]
        assert flat_from == timedelta(minutes=70)  # so its 75 minutes are over at 2:25
        await shown.until("03:00:00")
        assert (await shown.trade(ticket)).state is State.CLOSED
        assert lots_of(ticket) == 0.0
        assert ours() == []
