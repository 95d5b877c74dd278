"""Symbol suspended: nothing is sent; then half is closed as soon as it may be, nothing opened."""

from datetime import timedelta
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import State
from scripts import crash, drift, flat
from stages import guard, lots_of, ours


async def test_a_suspended_symbol_gets_no_order(place: Path) -> None:
    async with drill(place, "symbol-suspended", market(place, flat(4), crash())) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("01:39:30")
        assert (await shown.trade(ticket)).state is State.WARNING_L2
        assert await shown.told("ACTION") == [
            "ACTION_BLOCKED OPEN_HEDGE MARKET_CLOSED",
            "ACTION_BLOCKED CLOSE_HALF MARKET_CLOSED",
            "ACTION_BLOCKED BREAK_EVEN MARKET_CLOSED",
        ]
        assert shown.sent == []


async def test_where_positions_may_only_be_closed_half_is_closed_and_nothing_opened(
    place: Path,
) -> None:
    settings = market(place, flat(10), crash(), drift(-1, bars=12))
    async with drill(place, "symbol-suspended", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=1500))
        await shown.until("02:39:30")
        assert await shown.told_at("ACTION_DONE CLOSE_HALF") == [timedelta(minutes=100)]
        assert lots_of(ticket) == 0.2
        assert ours() == []
        assert [verb for verb, _ in shown.answered()] == ["CLOSE"]
        await shown.is_told_by_the_manual()
