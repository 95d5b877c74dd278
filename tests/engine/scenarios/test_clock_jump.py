"""Clock jump: a clock that is wrong costs time and no trade, and what it held up comes after it."""

from datetime import timedelta
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import CloseReason, State
from scripts import crash, drift, flat
from stages import guard, ours


async def test_a_clock_that_is_ahead_makes_quotes_look_old_and_holds_orders_back(
    place: Path,
) -> None:
    async with drill(place, "clock-jump", market(place, flat(4), crash())) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("00:49:30")
        assert (await shown.trade(ticket)).state is State.WARNING_L2
        blocked = await shown.told("ACTION_BLOCKED")
        assert {line.split()[-1] for line in blocked} == {"MARKET_CLOSED"}
        assert shown.sent == []
        await shown.until("00:50:00")
        assert (await shown.trade(ticket)).state is State.HEDGED
        assert [hedge.volume for hedge in ours()] == [0.2]


async def test_a_clock_that_is_behind_shows_bars_late(place: Path) -> None:
    async with drill(place, "clock-jump", market(place, flat(16), crash())) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("01:49:30")  # the fall ended a quarter of an hour ago
        assert (await shown.trade(ticket)).state is State.HEALTHY
        assert shown.sent == []
        await shown.until("01:50:00")
        assert (await shown.trade(ticket)).state is State.HEDGED


async def test_after_a_sleep_stops_are_found_and_timers_over(place: Path) -> None:
    settings = market(place, flat(21), crash(), flat(10), drift(-0.6, bars=6))
    async with drill(place, "clock-jump", settings) as shown:
        stopped = await shown.guard(guard(shown.house, stop=540))
        hedged = await shown.guard(guard(shown.house, stop=1500))
        await shown.until("02:19:30")
        for ticket in (stopped, hedged):
            assert (await shown.trade(ticket)).state is State.HEDGED
        await shown.until("02:20:00")
        closing = (await shown.trade(stopped)).closing
        assert closing is not None
        assert closing.reason is CloseReason.SL
        assert closing.at - shown.begun < timedelta(minutes=200), "in its sleep"
        await shown.until("03:30:00")
        assert await shown.told("TRADE_CLOSED") == ["TRADE_CLOSED SL", "TRADE_CLOSED DTMS"]
        assert ours() == []
        await shown.is_told_by_the_manual()
