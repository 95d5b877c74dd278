"""An order of which nothing is known: what closes a position, or moves its stop, is found again."""

from dataclasses import replace
from typing import Any

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Became
from dtms_server.domain.market import DealReason
from dtms_server.domain.settlement import Absent, Executed, Underway
from situations import AT, an_action
from sizes import BUY, SELL, a_position
from traces import (
    ANOTHERS,
    BY,
    CLOSES,
    IN,
    INOUT,
    MAGIC,
    OURS,
    OUT,
    OUT_BY,
    PROTECTS,
    SECOND,
    a_deal,
    found,
    half_left,
)


@pytest.mark.parametrize("comment", [OURS, "", "broker"])
def test_a_close_is_found_by_its_comment_or_by_magic_position_side_and_volume(
    comment: str,
) -> None:
    executed = found(CLOSES, half_left(), deals=(a_deal(OUT, comment=comment),))
    assert executed == Executed(Became(0.25, 1.1001), position=half_left())


@pytest.mark.parametrize("comment", [OURS, ""])
def test_a_close_of_all_leaves_no_position(comment: str) -> None:
    action = an_action(ActionKind.CLOSE_TRADE, volume_lots=0.5)
    deal = a_deal(OUT, volume_lots=0.5, comment=comment)
    assert found(action, deals=(deal,)) == Executed(Became(0.5, 1.1001))


NOT_OUR_CLOSE = [
    {"comment": ANOTHERS},
    {"comment": "", "magic": 0},
    {"comment": "", "reason": DealReason.CLIENT},
    {"comment": "[sl 1.09]", "reason": DealReason.SL},
    {"comment": "[tp 1.12]", "reason": DealReason.TP},
    {"comment": "[so 40%]", "reason": DealReason.STOP_OUT},
]


@pytest.mark.parametrize("facts", NOT_OUR_CLOSE)
def test_a_close_by_somebody_else_is_not_ours_and_holds_nothing_up(facts: dict[str, Any]) -> None:
    assert found(CLOSES, half_left(), deals=(a_deal(OUT, **facts),)) == Absent()


@pytest.mark.parametrize("reason", [DealReason.SL, DealReason.CLIENT])
def test_the_stop_of_a_hedge_is_not_our_close_of_it_though_it_bears_our_magic(
    reason: DealReason,
) -> None:
    """A deal of a stop, or of a hand, may bear the magic number of its position."""
    action = an_action(
        ActionKind.CLOSE_HEDGE,
        direction=BUY,
        position_ticket=91,
        position_id=90,
        position_lots=0.25,
    )
    deal = a_deal(OUT, position_id=90, direction=BUY, reason=reason, comment="")
    assert found(action, deals=(deal,)) == Absent()


def test_a_position_that_is_smaller_than_its_deals_tell_is_underway() -> None:
    assert isinstance(found(CLOSES, half_left()), Underway)
    assert isinstance(found(CLOSES), Underway)


def test_a_deal_that_the_position_does_not_show_yet_is_underway() -> None:
    assert isinstance(found(CLOSES, a_position(), deals=(a_deal(OUT),)), Underway)


def test_a_close_beside_one_by_hand_is_found_once_both_are_told() -> None:
    by_hand = a_deal(OUT, ticket=499, volume_lots=0.1, magic=0, comment="")
    left = half_left(volume_lots=0.15)
    assert isinstance(found(CLOSES, left, deals=(by_hand,)), Underway)
    executed = found(CLOSES, left, deals=(by_hand, a_deal(OUT)))
    assert isinstance(executed, Executed)
    assert executed.became.volume_lots == 0.25


def test_an_earlier_close_of_ours_is_not_taken_for_this_one() -> None:
    """The comment of both was changed; the position had those 0.5 lots after the first of them."""
    earlier = a_deal(OUT, ticket=480, comment="", at=AT - 30 * SECOND)
    assert found(CLOSES, a_position(), deals=(earlier,)) == Absent()
    later = a_deal(OUT, comment="", price=1.1009)
    executed = found(CLOSES, half_left(), deals=(earlier, later))
    assert executed == Executed(Became(0.25, 1.1009), position=half_left())


def test_an_earlier_close_of_ours_that_others_have_made_up_for_is_not_taken_for_this_one() -> None:
    earlier = a_deal(OUT, ticket=480, comment="", at=AT - 40 * SECOND)
    added = a_deal(IN, position_id=70, direction=BUY, magic=0, comment="", at=AT - 30 * SECOND)
    assert found(CLOSES, a_position(), deals=(earlier, added)) == Absent()


def test_a_close_in_several_fills_counts_all_of_them() -> None:
    fills = tuple(a_deal(OUT, ticket=500 + n, volume_lots=0.05) for n in range(5))
    assert isinstance(found(CLOSES, half_left(), deals=fills[:4]), Underway)
    executed = found(CLOSES, half_left(), deals=fills)
    assert isinstance(executed, Executed)
    assert executed.became.volume_lots == 0.25


def test_a_close_of_a_part_is_carried_out_as_far_as_that() -> None:
    part = a_deal(OUT, volume_lots=0.1)
    executed = found(CLOSES, half_left(volume_lots=0.4), deals=(part,))
    assert isinstance(executed, Executed)
    assert executed.became.volume_lots == 0.1


def test_a_position_that_others_add_to_does_not_hide_the_close() -> None:
    added = a_deal(IN, position_id=70, direction=BUY, magic=0, comment="", volume_lots=0.3)
    larger = half_left(volume_lots=0.55)
    assert isinstance(found(CLOSES, larger), Underway)
    assert isinstance(found(CLOSES, larger, deals=(a_deal(OUT), added)), Executed)
    assert found(CLOSES, half_left(volume_lots=0.8), deals=(added,)) == Absent()


def test_a_position_that_turned_was_not_closed_by_us() -> None:
    turned = a_deal(INOUT, volume_lots=0.8, magic=0, comment="")
    after = a_position(SELL, volume_lots=0.3)
    assert found(CLOSES, after, deals=(turned,)) == Absent()
    assert isinstance(found(CLOSES, after), Underway)


def test_deals_of_other_positions_tell_nothing_of_a_close() -> None:
    other = a_deal(OUT, position_id=80, comment="")
    assert found(CLOSES, a_position(), deals=(other,)) == Absent()
    assert isinstance(found(CLOSES, half_left(), deals=(other,)), Underway)


BY_DEALS = (
    a_deal(OUT_BY, comment="close #71 by #91", magic=0),
    a_deal(OUT_BY, ticket=501, position_id=90, direction=BUY, comment="close #91 by #71", magic=0),
)


def test_a_close_by_is_found_though_the_broker_writes_its_comments() -> None:
    assert found(BY, half_left(), deals=BY_DEALS) == Executed(
        Became(0.25, 1.1001), position=half_left()
    )
    named = tuple(replace(deal, comment=OURS, magic=MAGIC) for deal in BY_DEALS)
    assert isinstance(found(BY, half_left(), deals=named), Executed)


def test_a_close_by_whose_deals_are_late_is_underway() -> None:
    assert isinstance(found(BY, half_left()), Underway)
    assert isinstance(found(BY, half_left(), deals=BY_DEALS[1:]), Underway)


@pytest.mark.parametrize(
    "facts",
    [
        {"entry": OUT, "comment": "", "magic": 0},
        {"comment": ANOTHERS},
        {"reason": DealReason.CLIENT},
        {"entry": OUT, "comment": "[sl 1.09]", "reason": DealReason.SL},
    ],
)
def test_what_else_closes_the_two_is_no_close_by_of_ours(facts: dict[str, Any]) -> None:
    deal = replace(BY_DEALS[0], **facts)
    assert found(BY, half_left(), deals=(deal,)) == Absent()


def test_a_new_stop_shows_itself() -> None:
    moved = a_position(stop_loss=1.0994)
    assert found(PROTECTS, moved) == Executed(
        Became(stop_loss=1.0994, take_profit=1.12), position=moved
    )
    assert isinstance(found(PROTECTS, a_position(stop_loss=1.0994 + 1e-12)), Executed)


@pytest.mark.parametrize("stop", [1.09939, 1.09941, None])
def test_another_stop_is_not_the_one_that_was_asked_for(stop: float | None) -> None:
    assert found(PROTECTS, a_position(stop_loss=stop)) == Absent()


def test_a_target_that_its_bot_has_moved_since_does_not_hide_the_new_stop() -> None:
    executed = found(PROTECTS, a_position(stop_loss=1.0994, take_profit=1.13))
    assert isinstance(executed, Executed)
    assert executed.became == Became(stop_loss=1.0994, take_profit=1.13)


def test_stops_of_a_position_that_is_gone_are_absent() -> None:
    assert found(PROTECTS) == Absent()
    assert found(PROTECTS, a_position(identifier=80, stop_loss=1.0994)) == Absent()
