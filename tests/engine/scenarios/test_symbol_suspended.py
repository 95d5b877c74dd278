"""Symbol suspended."""

from pathlib import Path

from drills import drill, market
from scripts import crash, flat
from stages import guard, lots_of


async def test_x(place: Path) -> None:
    settings = market(place, flat(4), crash())
    async with drill(place, "symbol-suspended", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("03:25:00")
        print("\n".join(await shown.told()))
        print(shown.answered(), lots_of(ticket))
        assert 0
