"""Someone else's hands: what others do is told and taken as it is, and never undone."""

from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import CloseReason
from scripts import crash, flat
from stages import guard, held, lots_of


async def test_what_others_do_is_told_and_left(place: Path) -> None:
    async with drill(place, "someone-elses-hands", market(place)) as shown:
        first = await shown.guard(guard(shown.house, stop=500, target=900))
        second = await shown.guard(guard(shown.house, stop=500, target=900))
        await shown.until("00:35:00")
        assert (lots_of(first), lots_of(second)) == (0.2, 0.4)
        one, other = held(first), held(second)
        assert one is not None
        assert other is not None
        assert one.sl
        assert one.tp
        assert (other.sl, other.tp) == (0.0, 0.0)
        await shown.until("02:10:00")
        for ticket in (first, second):
            closing = (await shown.trade(ticket)).closing
            assert closing is not None
            assert closing.reason is CloseReason.MANUAL
        assert shown.sent == []
        assert await shown.told("TRADE_CHANGED OUTSIDE", "TRADE_CLOSED") == [
            "TRADE_CHANGED OUTSIDE volume_lots",
            "TRADE_CHANGED OUTSIDE stop_loss take_profit",
            "TRADE_CHANGED OUTSIDE stop_loss take_profit",
            "TRADE_CHANGED OUTSIDE stop_loss take_profit",
            "TRADE_CLOSED MANUAL",
            "TRADE_CLOSED MANUAL",
        ]


async def test_an_order_on_its_way_cannot_be_called_back(place: Path) -> None:
    settings = market(place, flat(7), crash(2.5, bars=2))
    async with drill(place, "someone-elses-hands", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("01:25:00")
        (order,) = [sent.order for sent in shown.sent if sent.order.position_ticket == ticket]
        assert order.volume_lots == 0.1  # half of the 0.2 lots that others had left
        assert lots_of(ticket) == 0.0  # and in that instant others halved it once more
        closing = (await shown.trade(ticket)).closing
        assert closing is not None
        assert closing.reason is CloseReason.DTMS
        assert await shown.told("ACTION_DONE", "TRADE_CLOSED") == [
            "ACTION_DONE CLOSE_HALF",
            "TRADE_CLOSED DTMS",
        ]
        await shown.is_told_by_the_manual()
