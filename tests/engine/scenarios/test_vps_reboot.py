"""VPS reboot: an empty terminal closes no trade, and what was closed meanwhile is found."""

from datetime import timedelta
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import CloseReason, State
from dtms_server.engine.readiness import Phase
from scripts import crash, flat
from stages import guard, terms


async def test_an_empty_terminal_is_doubted_and_not_believed(place: Path) -> None:
    async with drill(place, "vps-reboot", market(place)) as shown:
        ticket = await shown.guard(guard(shown.house, stop=500, target=900))
        before = terms(ticket)
        await shown.until("00:10:30")
        assert shown.is_(Phase.TERMINAL_LOST)
        await shown.until("00:12:30")
        assert shown.is_(Phase.READY)  # connected, and it still lists nothing
        trade = await shown.trade(ticket)
        assert (trade.state, trade.terms.closing_unconfirmed) == (State.HEALTHY, True)
        await shown.until("00:13:00")
        trade = await shown.trade(ticket)
        assert (trade.state, trade.terms.closing_unconfirmed) == (State.HEALTHY, False)
        assert terms(ticket) == before
        assert await shown.told("TERMINAL_LOST", "TRADE_CHANGED PRESENCE", "TRADE_CLOSED") == [
            "TERMINAL_LOST",
            "TRADE_CHANGED PRESENCE closing_unconfirmed",
            "TRADE_CHANGED PRESENCE closing_unconfirmed",
        ]


async def test_what_a_stop_closed_meanwhile_is_told_once_with_its_reason(place: Path) -> None:
    async with drill(place, "vps-reboot", market(place, flat(1), crash())) as shown:
        stopped = await shown.guard(guard(shown.house, stop=280))
        kept = await shown.guard(guard(shown.house, stop=900))
        await shown.until("00:20:00")
        trade = await shown.trade(stopped)
        assert trade.closing is not None
        assert trade.closing.reason is CloseReason.SL
        assert timedelta(minutes=10) < trade.closing.at - shown.begun <= timedelta(minutes=13)
        assert len(await shown.told("TRADE_CLOSED")) == 1
        assert (await shown.trade(kept)).state is not State.CLOSED
        await shown.is_told_by_the_manual()
