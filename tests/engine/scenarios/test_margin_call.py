"""Margin call."""

from pathlib import Path

from drills import drill, market
from scripts import crash, flat
from stages import guard, lots_of


async def test_x(place: Path) -> None:
    settings = market(place, flat(3), crash())
    async with drill(place, "margin-call", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=1500))
        await shown.until("02:25:00")
        print("\n".join(await shown.told()))
        print(shown.answered(), lots_of(ticket))
        assert 0
