"""An order of which nothing is known: what opens a position, or waits, is found again."""

from dataclasses import replace
from typing import Any

import pytest
from dtms_server.domain.actions import Action, Became
from dtms_server.domain.market import DealReason, Waiting
from dtms_server.domain.settlement import CLOCKS_DIFFER, Absent, Executed, Underway
from situations import AT
from sizes import BUY, SELL, a_position
from traces import (
    ANOTHERS,
    BY,
    CLOSES,
    IN,
    MAGIC,
    OPENS,
    OURS,
    OUT,
    PROTECTS,
    SECOND,
    a_deal,
    found,
    the_hedge,
)


def test_where_nothing_is_seen_it_is_absent() -> None:
    assert found(OPENS) == Absent()
    assert found(CLOSES, a_position()) == Absent()
    assert found(BY, a_position(), a_position(SELL, identifier=90, ticket=91)) == Absent()
    assert found(PROTECTS, a_position()) == Absent()


def test_an_opening_is_found_by_its_comment_with_what_it_became() -> None:
    deal, hedge = a_deal(IN), the_hedge()
    became = Became(0.25, 1.1001, 1.105, None)
    assert found(OPENS, hedge, deals=(deal,)) == Executed(became, deal, hedge)


@pytest.mark.parametrize("comment", ["", "broker", "hedge 70"])
def test_an_opening_is_found_by_magic_symbol_side_and_volume_where_the_comment_was_changed(
    comment: str,
) -> None:
    deal, hedge = a_deal(IN, comment=comment), the_hedge(comment=comment)
    executed = found(OPENS, hedge, deals=(deal,))
    assert isinstance(executed, Executed)
    assert (executed.opened, executed.position) == (deal, hedge)


SOMEBODY_ELSES = [
    {"comment": ANOTHERS},
    {"comment": "", "magic": 0},
    {"comment": "", "magic": 4711},
    {"comment": "", "symbol": "GBPUSD"},
    {"comment": "", "direction": BUY},
    {"comment": "", "volume_lots": 0.26},
]


@pytest.mark.parametrize("facts", SOMEBODY_ELSES)
def test_an_opening_of_somebody_else_or_of_another_action_is_not_ours(
    facts: dict[str, Any],
) -> None:
    assert found(OPENS, the_hedge(**facts), deals=(a_deal(IN, **facts),)) == Absent()


def test_an_opening_of_before_the_send_is_not_ours_without_its_comment() -> None:
    early = AT - CLOCKS_DIFFER - SECOND
    deal, hedge = a_deal(IN, comment="", at=early), the_hedge(comment="", opened_at=early)
    assert found(OPENS, hedge, deals=(deal,)) == Absent()
    named = a_deal(IN, at=early)
    assert isinstance(found(OPENS, the_hedge(opened_at=early), deals=(named,)), Executed)


@pytest.mark.parametrize("reason", [DealReason.CLIENT, DealReason.MOBILE, DealReason.WEB])
def test_what_a_hand_has_opened_is_not_ours(reason: DealReason) -> None:
    by_hand = a_deal(IN, comment="", reason=reason)
    assert not isinstance(found(OPENS, the_hedge(comment=""), deals=(by_hand,)), Executed)


def test_the_hedge_of_another_trade_is_not_ours_though_its_comment_was_changed() -> None:
    deal, hedge = a_deal(IN, comment=""), the_hedge(comment="")
    assert found(OPENS, hedge, deals=(deal,), is_known={90}.__contains__) == Absent()
    assert found(OPENS, hedge, is_known={90}.__contains__) == Absent()


def test_the_deal_with_the_comment_counts_before_one_that_only_looks_like_it() -> None:
    like = a_deal(IN, comment="", position_id=80, ticket=499)
    other = the_hedge(comment="", identifier=80, ticket=81)
    executed = found(OPENS, other, the_hedge(), deals=(like, a_deal(IN)))
    assert isinstance(executed, Executed)
    assert executed.opened == a_deal(IN)
    assert executed.became.volume_lots == 0.25


def test_of_two_openings_that_look_like_it_one_is_taken_and_not_the_sum() -> None:
    one, other = (a_deal(IN, comment="", position_id=each) for each in (90, 80))
    shown = (the_hedge(), the_hedge(identifier=80, ticket=81))
    executed = found(OPENS, *shown, deals=(one, other))
    assert isinstance(executed, Executed)
    assert (executed.opened, executed.became.volume_lots) == (one, 0.25)


@pytest.mark.parametrize("comment", [OURS, ""])
def test_a_position_whose_deal_is_late_is_underway(comment: str) -> None:
    assert isinstance(found(OPENS, the_hedge(comment=comment)), Underway)


def test_a_deal_whose_position_is_late_is_underway() -> None:
    assert isinstance(found(OPENS, deals=(a_deal(IN),)), Underway)


def test_an_opening_in_two_fills_counts_both_once_both_are_told() -> None:
    first, second = a_deal(IN, volume_lots=0.1), a_deal(IN, volume_lots=0.15, ticket=501)
    assert isinstance(found(OPENS, the_hedge(), deals=(first,)), Underway)
    executed = found(OPENS, the_hedge(), deals=(first, second))
    assert isinstance(executed, Executed)
    assert executed.became.volume_lots == 0.25


def test_an_opening_of_a_part_is_carried_out_as_far_as_that() -> None:
    part = a_deal(IN, volume_lots=0.1)
    executed = found(OPENS, the_hedge(volume_lots=0.1), deals=(part,))
    assert isinstance(executed, Executed)
    assert executed.became.volume_lots == 0.1


def test_what_was_opened_and_has_gone_again_was_carried_out() -> None:
    stopped = a_deal(OUT, position_id=90, direction=BUY, reason=DealReason.SL, comment="[sl 1.105]")
    executed = found(OPENS, deals=(a_deal(IN), stopped))
    assert isinstance(executed, Executed)
    assert (executed.opened, executed.position) == (a_deal(IN), None)
    half = replace(stopped, volume_lots=0.1)
    assert isinstance(found(OPENS, deals=(a_deal(IN), half)), Underway)
    assert isinstance(found(OPENS, the_hedge(volume_lots=0.15), deals=(a_deal(IN), half)), Executed)


@pytest.mark.parametrize("action", [OPENS, CLOSES, BY])
@pytest.mark.parametrize("comment", [OURS, "broker"])
def test_an_order_that_the_broker_has_placed_is_underway(action: Action, comment: str) -> None:
    placed = (Waiting(400, "EURUSD", MAGIC, comment),)
    assert isinstance(found(action, a_position(), waiting=placed), Underway)


def test_an_order_of_somebody_else_that_waits_is_none_of_ours() -> None:
    others = (
        Waiting(400, "EURUSD", MAGIC, ANOTHERS),
        Waiting(401, "EURUSD", 0, ""),
        Waiting(402, "GBPUSD", MAGIC, "broker"),
    )
    assert found(OPENS, waiting=others) == Absent()


def test_an_order_that_waits_for_its_rest_is_underway_though_a_part_is_filled() -> None:
    placed = (Waiting(91, "EURUSD", MAGIC, OURS),)
    part = a_deal(IN, volume_lots=0.1)
    assert isinstance(
        found(OPENS, the_hedge(volume_lots=0.1), deals=(part,), waiting=placed), Underway
    )


def test_a_new_stop_does_not_wait_for_orders() -> None:
    placed = (Waiting(400, "EURUSD", MAGIC, "broker"),)
    assert found(PROTECTS, a_position(), waiting=placed) == Absent()
