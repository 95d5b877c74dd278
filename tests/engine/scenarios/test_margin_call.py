"""Margin call: a hedge that there is no margin for holds nothing up; a stop-out is told as such."""

from dataclasses import replace
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import CloseReason, State
from scripts import crash, flat
from stages import guard, lots_of, ours


async def test_a_hedge_without_margin_gives_way_to_closing_half(place: Path) -> None:
    binding = {"EURUSD": {"margin_hedged": 200_000}}  # each leg of a hedge binds its margin
    settings = replace(market(place, flat(3), crash()), conditions=binding)
    async with drill(place, "margin-call", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=1500))
        await shown.until("00:31:00")
        assert shown.answered() == [("OPEN", 10019), ("CLOSE", 10009)]
        assert await shown.told("ACTION_FAILED", "ACTION_DONE") == [
            "ACTION_FAILED OPEN_HEDGE",
            "ACTION_DONE CLOSE_HALF",
        ]
        assert lots_of(ticket) == 0.2
        await shown.until("00:51:00")
        closing = (await shown.trade(ticket)).closing
        assert closing is not None
        assert closing.reason is CloseReason.STOP_OUT
        assert closing.profit < 0
        await shown.is_told_by_the_manual()


async def test_a_stop_out_takes_trade_and_hedge(place: Path) -> None:
    async with drill(place, "margin-call", market(place, crash())) as shown:
        ticket = await shown.guard(guard(shown.house, stop=1500))
        await shown.until("00:49:30")
        assert (await shown.trade(ticket)).state is State.HEDGED
        sent = len(shown.sent)
        await shown.until("01:35:00")
        assert await shown.told("TRADE_CLOSED") == ["TRADE_CLOSED STOP_OUT"]
        assert (await shown.trade(ticket)).terms.hedge is None
        assert ours() == []
        assert len(shown.sent) == sent  # there was nothing left to do
