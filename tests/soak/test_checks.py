"""A soak sees each of its invariants break: evidence that is in order, and ways to spoil it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from dtms_server.domain.actions import Action, ActionState, Verb
from dtms_server.domain.trade import State
from ledgers import AT, a_trade, an_action
from soak.breach import Breach
from soak.checks import ALWAYS, AT_REST, check
from soak.evidence import Evidence
from soak.in_order import CLOSED, HEDGE, OPEN, RELEASED, in_order
from soak.records import loosens


def _kept(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, kept=replace(found.kept, **changes))


def _shown(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, shown=replace(found.shown, **changes))


def _answered(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda found: replace(found, answered=replace(found.answered, **changes))


def _row(ticket: int, **changes: Any) -> Callable[[Evidence], Evidence]:
    """Change a trade's row, as the table and the journal have it."""

    def spoil(found: Evidence) -> Evidence:
        trades = dict(found.kept.trades)
        trades[ticket] = replace(trades[ticket], **changes)
        return _kept(trades=trades, folded=dict(trades))(found)

    return spoil


def _held(number: int, **changes: Any) -> Callable[[Evidence], Evidence]:
    def spoil(found: Evidence) -> Evidence:
        positions = list(found.shown.positions)
        positions[number] = replace(positions[number], **changes)
        return _shown(positions=tuple(positions))(found)

    return spoil


def _told(number: int, told: tuple[int, ...]) -> Callable[[Evidence], Evidence]:
    """Let a dashboard have been told these events, by their place in the journal."""

    def spoil(found: Evidence) -> Evidence:
        seen = list(found.seen)
        events = tuple(found.kept.events[place - 1].told for place in told)
        seen[number] = replace(seen[number], told=events)
        return replace(found, seen=tuple(seen))

    return spoil


def _unlisted(found: Evidence) -> Evidence:
    listed = {t: row for t, row in found.answered.listed.items() if t != OPEN}
    trades = {t: row for t, row in found.kept.trades.items() if t != OPEN}
    gone = _answered(listed=listed)(_kept(trades=trades, folded=trades)(found))
    return _shown(positions=())(gone)


def _relabelled(found: Evidence) -> Evidence:
    row = a_trade(OPEN).terms
    listed = dict(found.answered.listed) | {OPEN: ({"bot": "another"}, "HEDGED")}
    terms = replace(row, labels={"bot": "another"}, hedge=HEDGE)
    return _answered(listed=listed)(_row(OPEN, terms=terms)(found))


def _guarded_again(found: Evidence) -> Evidence:
    listed = dict(found.answered.listed) | {RELEASED: (a_trade(RELEASED).terms.labels, "CLOSED")}
    return _answered(listed=listed)(_row(RELEASED, state=State.CLOSED)(found))


def _given_up(found: Evidence) -> Evidence:
    actions = tuple(replace(a, state=ActionState.FAILED) for a in found.kept.actions)
    return _kept(actions=actions)(found)


def _unsettled(found: Evidence) -> Evidence:
    actions = tuple(replace(a, state=ActionState.UNKNOWN) for a in found.kept.actions)
    return _kept(actions=actions)(found)


def _left_alone(found: Evidence) -> Evidence:
    """The trade is closed, and its hedge is not."""
    row = _row(OPEN, state=State.CLOSED, terms=a_trade(OPEN).terms)(found)
    listed = dict(found.answered.listed) | {OPEN: (a_trade(OPEN).terms.labels, "CLOSED")}
    return _answered(listed=listed)(_shown(positions=row.shown.positions[1:])(row))


SPOILS: dict[str, dict[str, Callable[[Evidence], Evidence]]] = {
    "the_database_is_sound": {"a broken page": _kept(soundness="row 3 missing from index")},
    "the_journal_has_no_gap": {
        "an event is lost": _kept(streamable=(1, 2, 4)),
        "the last one is lost": _kept(streamable=(1, 2, 3)),
        "one came late": _kept(events=(*in_order().kept.events[:1], *in_order().kept.events[2:])),
        "one came twice": _kept(events=(*in_order().kept.events, in_order().kept.events[3])),
    },
    "the_journal_makes_the_trades": {
        "a row that no event made": _kept(folded={}),
        "another row": _kept(trades={**in_order().kept.trades, OPEN: a_trade(OPEN)}),
    },
    "each_dashboard_saw_the_journal": {
        "an event was left out": _told(0, (1, 3, 4)),
        "one came twice": _told(0, (1, 2, 2, 3, 4)),
        "two changed places": _told(0, (1, 3, 2, 4)),
        "the last one did not come": _told(0, (1, 2, 3)),
        "one that was not asked for": _told(1, (3, 4)),
        "the slow one left one out": _told(2, (1, 3)),
    },
    "each_order_once": {
        "twice": _shown(deals={in_order().kept.actions[0].comment: (AT, AT)}),
        "given up, and carried out": _given_up,
    },
    "no_stop_was_loosened": {"one was": _kept(loosened=("PROTECT of 1",))},
    "statuses_are_in_the_table": {"a fault of ours": _answered(unforeseen={"INTERNAL": 1})},
    "the_list_is_the_table": {"a trade is not listed": _answered(listed={})},
    "nothing_acknowledged_is_lost": {
        "a trade": _unlisted,
        "its labels": _relabelled,
        "its release": _guarded_again,
    },
    "the_service_is_well": {"not ready": _answered(health={"": "NOT_SERVING"})},
    "every_outcome_is_known": {
        "an order's": _unsettled,
        "a closing's": _row(
            OPEN, terms=replace(a_trade(OPEN).terms, hedge=HEDGE, closing_unconfirmed=True)
        ),
        "an order waits at the broker": _shown(waiting=1),
    },
    "the_terminal_agrees": {
        "its position is gone": _shown(positions=in_order().shown.positions[1:]),
        "its volume is another": _held(0, volume_lots=0.05),
        "its stop is another": _held(0, stop_loss=1.0),
        "its hedge is gone": _shown(positions=in_order().shown.positions[:1]),
        "its hedge is another": _held(1, volume_lots=0.1),
        "it is closed and open": _row(OPEN, state=State.CLOSED),
    },
    "families_are_in_order": {
        "a hedge is alone": _left_alone,
        "grown": _row(OPEN, initial_volume_lots=0.01),
    },
}
ALL = {each.__name__: each for each in (*ALWAYS, *AT_REST)}


def test_what_is_in_order_passes() -> None:
    check(in_order(), (*ALWAYS, *AT_REST))


def test_every_check_is_tried() -> None:
    assert ALL.keys() == SPOILS.keys()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        pytest.param(name, spoil, id=f"{name}: {what}")
        for name, spoils in SPOILS.items()
        for what, spoil in spoils.items()
    ],
)
def test_what_is_broken_is_told(name: str, spoil: Callable[[Evidence], Evidence]) -> None:
    with pytest.raises(Breach):
        ALL[name](spoil(in_order()))


def test_a_lone_hedge_waits_for_an_open_market() -> None:
    closed = _shown(is_open=False)(_left_alone(in_order()))
    ALL["families_are_in_order"](closed)


def test_a_trade_past_its_keeping_may_be_gone() -> None:
    old = _shown(at=AT + timedelta(days=40))(in_order())
    trades = {t: row for t, row in old.kept.trades.items() if t != CLOSED}
    listed = {t: row for t, row in old.answered.listed.items() if t != CLOSED}
    removed = _answered(listed=listed)(_kept(trades=trades)(old))
    check(removed, (*ALWAYS, *AT_REST))


@pytest.mark.parametrize(
    ("stop", "target", "expected"),
    [(1.091, None, False), (1.09, None, False), (1.089, None, True), (None, None, True)],
)
def test_a_stop_is_loosened_when_it_moves_away(
    stop: float | None, target: float | None, expected: bool
) -> None:
    assert loosens(_protecting(stop, target), a_trade(OPEN)) is expected


def test_a_target_that_is_not_sent_is_lost() -> None:
    trade = a_trade(OPEN)
    aimed = replace(trade, terms=replace(trade.terms, take_profit=1.2))
    assert loosens(_protecting(1.091, None), aimed)
    assert not loosens(_protecting(1.091, 1.2), aimed)


def _protecting(stop: float | None, target: float | None) -> Action:
    action = an_action(a_trade(OPEN))
    order = replace(action.order, verb=Verb.PROTECT, stop_loss=stop, take_profit=target)
    return replace(action, order=order)
