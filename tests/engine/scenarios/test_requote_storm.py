"""Requote storm: an order is tried with fresh prices, a few times a cycle, and done once."""

from itertools import groupby
from pathlib import Path

from drills import drill, market
from scripts import crash, flat
from stages import guard, lots_of

DONE, REQUOTE, CHANGED, TOO_MANY = 10009, 10004, 10020, 10024


async def test_an_order_is_tried_again_until_one_is_done(place: Path) -> None:
    settings = market(place, flat(1), crash(2.5, bars=2))
    async with drill(place, "requote-storm", settings) as shown:
        ticket = await shown.guard(guard(shown.house, stop=900))
        await shown.until("01:00:00")
        answers = [code for verb, code in shown.answered() if verb == "CLOSE"]
        assert answers[-1] == DONE
        assert set(answers[:-1]) == {REQUOTE, CHANGED, TOO_MANY}
        assert lots_of(ticket) == 0.2  # half of it, and that once
        await shown.is_told_by_the_manual()


async def test_no_cycle_sends_more_than_three_times_for_an_action(place: Path) -> None:
    settings = market(place, flat(1), crash(2.5, bars=2))
    async with drill(place, "requote-storm", settings) as shown:
        await shown.guard(guard(shown.house, stop=900))
        await shown.until("01:00:00")
        journal = await shown.house.journal()
        started = [one.at for one in journal if str(one.event).startswith("ActionStarted")]
        assert max(len(list(same)) for _, same in groupby(started)) == 3
