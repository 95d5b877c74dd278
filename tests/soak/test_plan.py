"""What befalls a soak: all that can, again by the same seed."""

from itertools import islice

from dtms_server.terminal.simulator import faults
from soak.deck import FAULTS, HARSH, MILD
from soak.plan import BUSY_SECONDS, ENDS_THE_SERVER, Plan


def test_every_kind_of_fault_is_in_the_deck_and_can_strike() -> None:
    cards = [card for card in (*FAULTS, *HARSH) if card.deed == "fault"]
    struck = {type(faults.read(card.name, card.parameters, now=0)) for card in cards}
    assert struck == set(faults.KINDS)


def test_every_card_comes_up() -> None:
    plan = Plan(1)
    hours = [plan.hour(spares_server=False) for _ in range(30)]
    befell = [event.card for hour in hours for event in hour]
    assert all(card in befell for card in (*FAULTS, *HARSH, *MILD))


def test_the_same_seed_gives_the_same_plan_and_another_one_does_not() -> None:
    first, again, other = Plan(1), Plan(1), Plan(2)
    hours = [[p.hour(spares_server=False) for _ in range(5)] for p in (first, again, other)]
    assert hours[0] == hours[1] != hours[2]


def test_things_happen_in_order_and_leave_time_to_rest() -> None:
    for hour in islice(iter(lambda: Plan(3).hour(spares_server=False), None), 5):
        moments = [event.at for event in hour]
        assert moments == sorted(moments)
        assert moments[-1] <= BUSY_SECONDS


def test_a_server_that_is_spared_is_not_ended() -> None:
    plan = Plan(4)
    deeds = {event.card.deed for _ in HARSH for event in plan.hour(spares_server=True)}
    assert not deeds & ENDS_THE_SERVER
    assert {"kill host", "kill terminal"} <= deeds
