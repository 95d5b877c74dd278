"""DST change: the broker's clock leaps at the weekend, and no time that DTMS goes by does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from drills import Drill, drill
from dtms_server.domain.charts import Charts
from dtms_server.domain.rails import Rail
from dtms_server.domain.trade import Protection
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings
from stages import guard

CLOSES = datetime(2025, 3, 28, 22, tzinfo=UTC)
"""Saturday 00:00 by the broker's winter time."""
OPENS = datetime(2025, 3, 30, 21, tzinfo=UTC)
"""Monday 00:00 by its summer time."""
MARKET = Settings(seed=3, symbol="EURUSD", speed=0.0)


async def charts(shown: Drill) -> Charts:
    now, _ = control.clock()
    return await shown.witness.charts("EURUSD", now, shown.policy.analysis)


def lose(share: float) -> None:
    """Have somebody lose about this share of the account."""
    book = current().broker.book
    floor = book.balance * (1 - share)
    while book.balance > floor:
        position = control.open_position("EURUSD", "BUY", 2.0)
        assert position is not None
        control.close_position(position.ticket)


async def test_bars_and_trades_keep_their_times(place: Path) -> None:
    async with drill(place, "dst-change", MARKET) as shown:
        ticket = await shown.guard(guard(shown.house, stop=2000, protection=Protection.OBSERVE))
        await shown.until("03:00:00")
        assert (await charts(shown)).facts.server_offset_seconds == 2 * 3600
        (position,) = (await shown.witness.snapshot()).positions
        opened_at = position.opened_at
        terms = (await shown.trade(ticket)).terms
        await shown.until("49:30:00", step_seconds=3600)
        await shown.until("51:00:00")
        after = await charts(shown)
        assert after.facts.server_offset_seconds == 3 * 3600
        begins = after.m5.time[-14:]
        gap = int(np.argmax(np.diff(begins)))
        assert begins[gap] + 300 == CLOSES.timestamp()
        assert begins[gap + 1] == OPENS.timestamp()
        assert (await shown.trade(ticket)).terms == terms
        (position,) = (await shown.witness.snapshot()).positions
        assert position.opened_at == opened_at


async def test_the_server_s_day_begins_an_hour_earlier(place: Path) -> None:
    async with drill(place, "dst-change", MARKET) as shown:
        await shown.guard(guard(shown.house, stop=2000, protection=Protection.OBSERVE))
        await shown.until("49:55:00", step_seconds=3600)
        await shown.until("50:10:00")
        lose(0.03)
        for hours in ("50:15:00", "51:15:00", "73:55:00"):
            await shown.until(hours, step_seconds=3600)
            assert Rail.EQUITY_DAY in await latched(shown), hours
        await shown.until("74:05:00")
        assert control.clock()[0] - OPENS == timedelta(hours=24, minutes=5)
        assert await latched(shown) == []
        await shown.is_told_by_the_manual()


async def latched(shown: Drill) -> list[Rail]:
    return [latch.rail for latch in (await shown.house.guard.status()).rails]
