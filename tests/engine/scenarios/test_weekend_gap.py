"""Weekend gap: no order while closed, timers that stand still, stops filled where it opens."""

from datetime import timedelta
from pathlib import Path

from drills import drill, market
from dtms_server.domain.trade import CloseReason, Direction, State
from scripts import closed, crash, flat
from stages import guard, ours, points

WEEKEND_MINUTES = 48 * 60


async def test_a_weekend_and_its_gap(place: Path) -> None:
    """The market falls on Friday afternoon, closes at 2:00 and opens at 50:00, 300 points lower."""
    settings = market(place, flat(15), crash(), flat(6), closed(WEEKEND_MINUTES, flat(30)))
    async with drill(place, "weekend-gap", settings) as shown:
        held = await shown.guard(guard(shown.house, stop=1500))
        gapped = await shown.guard(guard(shown.house, stop=600))
        await shown.until("02:00:00")
        for ticket in (held, gapped):
            assert (await shown.trade(ticket)).state is State.HEDGED
        sent = len(shown.sent)
        await shown.until("49:30:00", step_seconds=3600)
        assert len(shown.sent) == sent
        assert (await shown.trade(held)).state is State.HEDGED
        await shown.until("50:05:00")
        trade = await shown.trade(gapped)
        assert trade.closing is not None
        assert trade.closing.reason is CloseReason.SL
        assert trade.terms.stop_loss is not None
        slipped = points(Direction.BUY, trade.terms.stop_loss, trade.closing.price)
        assert slipped > 150
        assert len(ours()) == 1  # the hedge that it left alone is closed
        assert (await shown.trade(held)).state is State.HEDGED
        await shown.until("51:00:00")
        (hedged_at, _) = await shown.told_at("STATE_CHANGED WARNING_L2>HEDGED")
        (_, closed_at) = await shown.told_at("TRADE_CLOSED")
        assert closed_at - hedged_at == timedelta(minutes=75 + WEEKEND_MINUTES)
        await shown.is_told_by_the_manual()
