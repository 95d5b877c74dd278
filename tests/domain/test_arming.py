"""What a trade is when its guard begins."""

from dataclasses import replace
from datetime import timedelta

from dtms_server.domain.arming import armed, readded
from dtms_server.domain.decision import in_grace
from dtms_server.domain.trade import Defence, Descent, Protection, State
from situations import ACCOUNT, AT, HOUR, POLICY, a_trade, decided, seen, with_terms
from sizes import SELL, a_position

HALVED = Descent(half_closed=True, closed_lots=0.25)


def test_a_trade_begins_healthy_with_what_the_position_is() -> None:
    trade = armed(55, a_position(SELL), ACCOUNT, AT, POLICY, labels={"bot": "grid"})
    assert (trade.ticket, trade.terms.position_ticket, trade.position_id) == (55, 71, 70)
    assert (trade.symbol, trade.direction) == ("EURUSD", SELL)
    assert (trade.account, trade.account_currency) == ("5001@Broker-Demo", "USD")
    assert (trade.initial_volume_lots, trade.initial_stop_loss) == (0.5, 1.11010)
    assert (trade.terms.stop_loss, trade.terms.take_profit) == (1.11010, 1.08010)
    assert (trade.state, trade.state_entered_at, trade.registered_at) == (State.HEALTHY, AT, AT)
    assert trade.defence == Defence()
    assert trade.parent_ticket is None
    assert trade.terms.labels == {"bot": "grid"}
    assert trade.terms.r_distance is None, "it is measured by the first analysis"
    assert trade.terms.grace_until == AT + timedelta(minutes=15)


def test_a_guard_that_begins_again_goes_on_with_its_descent() -> None:
    again = armed(71, a_position(volume_lots=0.25), ACCOUNT, AT, POLICY, descent=HALVED)
    assert again.defence == Defence(descent=HALVED)
    falls = decided(again, seen(-5.0, AT + timedelta(minutes=15)))
    assert [wish.kind for wish in falls.wishes] == ["BREAK_EVEN"]


def test_what_is_added_again_is_a_trade_of_its_own_that_names_its_parent() -> None:
    parent = with_terms(
        a_trade(descent=HALVED, acted_bar_at=AT, trailed_at=AT, missing_stop_set=True),
        labels={"bot": "grid"},
        protection=Protection.OBSERVE,
    )
    position = a_position(ticket=101, identifier=100, volume_lots=0.12)
    child = readded(parent, position, ACCOUNT, AT, POLICY)
    assert (child.ticket, child.position_id, child.parent_ticket) == (101, 100, 71)
    assert child.terms.labels == {"bot": "grid"}
    assert child.terms.protection is Protection.OBSERVE
    assert child.initial_volume_lots == 0.12
    assert in_grace(child, AT), "its grace is its own"
    assert not in_grace(parent, AT)
    assert child.defence == Defence()


def test_what_was_added_is_named_by_its_own_ticket_though_its_parent_was_renamed() -> None:
    parent = with_terms(replace(a_trade(), ticket=55), position_ticket=99)
    child = readded(parent, a_position(ticket=101), ACCOUNT, AT + HOUR, POLICY)
    assert child.parent_ticket == 55
