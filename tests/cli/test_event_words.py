"""Each event as a line that says what happened."""

from typing import Any

import pytest
from cli.happenings import FACTS, event_of
from dtms.v1 import action_pb2, event_pb2, trade_pb2
from dtms_server.cli import action_words, event_words
from dtms_server.domain.rails import Rail
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

HALF = action_pb2.ACTION_KIND_CLOSE_HALF
NOON = Timestamp(seconds=1_772_452_800)


def half_close(**fields: Any) -> action_pb2.Action:
    """A half-close of trade 11 that was wanted in WARNING_L2."""
    sound: dict[str, Any] = {
        "kind": HALF,
        "state": action_pb2.ACTION_STATE_STARTED,
        "verb": action_pb2.ORDER_VERB_CLOSE,
        "reason": "WARNING_L2, score -4.5",
        "position_ticket": 11,
        "asked": action_pb2.OrderTerms(volume=0.2, price=1.1),
        "sends": 1,
    }
    return action_pb2.Action(**(sound | fields))


def told(facts: str, **fields: Any) -> str:
    """What is said of an event of that type with those facts."""
    event = event_of(facts)
    getattr(event, facts).MergeFrom(type(getattr(event, facts))(**fields))
    return event_words.facts(event)


@pytest.mark.parametrize("facts", FACTS)
def test_an_event_of_every_type_is_one_line_that_names_it(facts: str) -> None:
    line = event_words.line(event_of(facts))
    assert "\n" not in line
    assert line.split()[:5] == ["7", "1970-01-01", "00:00:00", facts.upper(), "11"]


@pytest.mark.parametrize("facts", FACTS)
def test_every_type_has_words_of_its_own_where_it_has_facts(facts: str) -> None:
    has_facts = bool(getattr(event_of(facts), facts).DESCRIPTOR.fields)
    assert (facts in event_words.KNOWN) is has_facts


@given(st.text(max_size=40))
def test_what_operators_write_stays_on_one_line(reason: str) -> None:
    event = event_of("actions_paused")
    event.actions_paused.reason = reason
    assert len(event_words.line(event).splitlines()) == 1


def test_a_registered_trade_is_told_as_the_terminal_has_it() -> None:
    trade = trade_pb2.Trade(
        direction=trade_pb2.DIRECTION_BUY, volume=0.1, entry_price=1.1, stop_loss=1.09
    )
    assert told("trade_registered", trade=trade) == "BUY 0.1 at 1.1, stop 1.09, target -"
    assert told("trade_registered", trade=trade, rearmed=True).endswith(", armed again")
    trade.protection = trade_pb2.PROTECTION_OBSERVE
    trade.parent_ticket = 5
    assert told("trade_adopted", trade=trade, magic=4711) == (
        "BUY 0.1 at 1.1, stop 1.09, target -, only observed, added again to 5, by magic 4711"
    )


def test_a_change_is_told_before_and_after() -> None:
    changed = event_of("trade_changed")
    fact = changed.trade_changed
    fact.cause = event_pb2.CHANGE_CAUSE_OUTSIDE
    fact.before.volume = 0.2
    fact.after.volume = 0.1
    fact.after.stop_loss = 1.08
    fact.after.r_distance = 0.00112938507
    fact.after.grace_until.CopyFrom(NOON)
    fact.after.closing_unconfirmed = True
    fact.after.labels["bot"] = "a"
    fact.after.protection = trade_pb2.PROTECTION_OBSERVE
    fact.after.hedge_ticket = 12
    fact.changed.paths.extend(
        ["volume", "stop_loss", "r_distance", "grace_until", "closing_unconfirmed", "labels",
         "protection", "hedge_ticket", "not_known_yet"]
    )  # fmt: skip
    assert event_words.facts(changed) == (
        "volume 0.2 -> 0.1, stop_loss - -> 1.08, r_distance - -> 0.001129, "
        "grace_until - -> 2026-03-02 12:00:00, closing_unconfirmed no -> yes, "
        "labels {} -> {'bot': 'a'}, protection UNSPECIFIED -> OBSERVE, hedge_ticket - -> 12, "
        "not_known_yet - -> - (OUTSIDE)"
    )


@pytest.mark.parametrize("path", [field.name for field in event_pb2.TradeTerms.DESCRIPTOR.fields])
def test_every_term_that_may_change_can_be_told(path: str) -> None:
    changed = event_of("trade_changed")
    field = changed.trade_changed.after.DESCRIPTOR.fields_by_name[path]
    if field.message_type is not None and path != "labels":
        getattr(changed.trade_changed.after, path).SetInParent()
    changed.trade_changed.changed.paths.append(path)
    assert event_words.facts(changed).startswith(f"{path} ")


def test_a_move_is_told_with_its_reason_and_the_signals_that_count_most() -> None:
    event = event_of("state_changed")
    fact = event.state_changed
    setattr(fact, "from", trade_pb2.TRADE_STATE_HEALTHY)
    fact.to = trade_pb2.TRADE_STATE_WARNING_L2
    fact.reason = "score -4.5, FAILING"
    assert event_words.facts(event) == "HEALTHY -> WARNING_L2: score -4.5, FAILING"
    for signal, points, weight in (
        (trade_pb2.SIGNAL_MOMENTUM, -2.0, 1.0),
        (trade_pb2.SIGNAL_STRUCTURE, -3.0, 1.2),
        (trade_pb2.SIGNAL_EMA_ALIGNMENT, 1.0, 0.8),
        (trade_pb2.SIGNAL_DELTA_PRESSURE, 0.0, 1.0),
        (trade_pb2.SIGNAL_CANDLE_CONVICTION, 0.5, 1.0),
    ):
        fact.score.points.add(signal=signal, points=points, weight=weight)
    assert event_words.facts(event) == (
        "HEALTHY -> WARNING_L2: score -4.5, FAILING "
        "(structure -3.6, momentum -2, ema_alignment +0.8)"
    )


def test_an_action_is_told_with_what_was_asked_and_what_became_true() -> None:
    done = {
        "state": action_pb2.ACTION_STATE_DONE,
        "retcode": 10009,
        "became": action_pb2.OrderTerms(volume=0.2, price=1.09998),
    }
    refused = {
        "state": action_pb2.ACTION_STATE_FAILED, "retcode": 10019, "message": "No money",
    }  # fmt: skip
    unsure = {
        "state": action_pb2.ACTION_STATE_UNKNOWN, "retcode": 10012, "message": "Request timed out",
    }  # fmt: skip
    asked = "CLOSE_HALF close 0.2 of 11 at 1.1"
    assert told("action_started", action=half_close()) == f"{asked}: WARNING_L2, score -4.5"
    assert told("action_started", action=half_close(**unsure)) == (
        f"{asked} -> 10012 not known yet: Request timed out"
    )
    assert told("action_done", action=half_close(**done)) == f"{asked} -> 0.2 at 1.09998"
    assert told("action_failed", action=half_close(**refused)) == f"{asked} -> 10019 No money"
    assert told("action_advised", action=half_close()) == f"{asked}: WARNING_L2, score -4.5"


@pytest.mark.parametrize("rail", Rail)
def test_an_action_that_is_held_back_is_told_with_its_rail(rail: Rail) -> None:
    assert told("action_blocked", action=half_close(), rail=rail) == (
        f"CLOSE_HALF held back by {rail}: WARNING_L2, score -4.5"
    )


def test_what_could_not_be_made_an_order_asks_for_nothing() -> None:
    action = half_close(
        state=action_pb2.ACTION_STATE_FAILED,
        verb=action_pb2.ORDER_VERB_PROTECT,
        message="VOLUME_TOO_SMALL: half is under the minimum",
        sends=0,
    )
    action.ClearField("position_ticket")
    assert action_words.asked(action) == ""
    assert told("action_failed", action=action) == (
        "CLOSE_HALF -> VOLUME_TOO_SMALL: half is under the minimum"
    )


STOPS = action_pb2.OrderTerms(volume=0.2, price=1.1, stop_loss=1.2, take_profit=1.0)


@pytest.mark.parametrize(
    ("verb", "asked", "became"),
    [
        ("OPEN", "open 0.2 at 1.1, stop 1.2, target 1", "0.2 at 1.1, stop 1.2, target 1"),
        ("CLOSE", "close 0.2 of 11 at 1.1", "0.2 at 1.1"),
        ("PROTECT", "stop 1.2, target 1 on 11", "stop 1.2, target 1"),
        ("CLOSE_BY", "close 11 by 12", "0.2 at 1.1"),
    ],
)
def test_every_verb_says_what_it_asks_and_what_it_made_true(
    verb: str, asked: str, became: str
) -> None:
    result = action_pb2.OrderTerms()
    result.CopyFrom(STOPS)
    if verb == "PROTECT":
        result.ClearField("volume")
    action = half_close(
        verb=action_pb2.OrderVerb.Value(f"ORDER_VERB_{verb}"),
        state=action_pb2.ACTION_STATE_DONE,
        by_ticket=12,
        asked=STOPS,
        became=result,
    )
    assert (action_words.asked(action), action_words.outcome(action)) == (asked, became)


def test_a_closed_trade_is_told_with_reason_price_and_profit() -> None:
    reason = trade_pb2.CLOSE_REASON_SL
    words = told("trade_closed", reason=reason, profit=-12.5, close_price=1.08512)
    assert words == "by SL at 1.08512, profit -12.50"


def test_a_release_names_the_hedge_that_is_left() -> None:
    assert told("trade_released") == ""
    leave = event_pb2.HEDGE_DISPOSITION_LEAVE
    assert told("trade_released", hedge=leave, hedge_left=12) == "its hedge 12 is left open"


def test_a_brief_line_has_the_time_of_day_only() -> None:
    event = event_of("terminal_lost")
    event.ClearField("ticket")
    event.terminal_lost.reason = "no connection"
    assert event_words.brief_line(event) == "00:00:00 TERMINAL_LOST      no connection"
