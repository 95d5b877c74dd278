"""What the actions beside every journal must show, whatever keeps them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState
from dtms_server.domain.errors import StoreFailed
from dtms_server.domain.events import (
    ActionAdvised,
    ActionBlocked,
    ActionFailed,
    ActionStarted,
    StateChanged,
    change,
)
from dtms_server.domain.rails import Rail
from dtms_server.domain.trade import State
from dtms_server.ports import ActionFilter, Actions, Journal, Trades
from dtms_server.storage.store import SqliteStore
from ledgers import (
    AT,
    DEFENCE,
    HEDGE,
    SCORE,
    a_trade,
    an_action,
    changed,
    done,
    ended,
    everything,
    registered,
    started,
)

EVERY = ActionFilter()


def minute(number: int) -> datetime:
    return AT + timedelta(minutes=number)


async def test_an_intent_is_kept_with_its_event_and_its_trade(
    journal: Journal, trades: Trades, actions: Actions
) -> None:
    trade, action = a_trade(7), an_action(a_trade(7))
    intent = started(trade, action)
    await journal.append(registered(trade))
    assert await journal.append(intent) == 2
    assert await actions.find("a1") == action
    assert await actions.unsettled() == (action,)
    assert await trades.find(7) == replace(trade, defence=DEFENCE)
    assert (await everything(journal))[-1].event == ActionStarted(action, DEFENCE)


async def test_an_action_is_what_was_told_of_it_last(journal: Journal, actions: Actions) -> None:
    trade, action = a_trade(7), an_action(a_trade(7))
    await journal.append(registered(trade), started(trade, action))
    again = replace(action, sends=2, sent_at=minute(1))
    await journal.append(started(trade, again))
    assert await actions.unsettled() == (again,)
    unknown = replace(again, state=ActionState.UNKNOWN, message="no answer")
    await journal.append(started(trade, unknown))
    assert await actions.unsettled() == (unknown,)
    await journal.append(ended(trade, done(unknown)))
    assert await actions.unsettled() == ()
    assert await actions.find("a1") == done(unknown)


async def test_an_intent_may_come_with_its_trade_s_registration_and_its_outcome_with_a_new_state(
    journal: Journal, trades: Trades, actions: Actions
) -> None:
    trade, action = a_trade(7), an_action(a_trade(7))
    await journal.append(registered(trade), started(trade, action))  # the trade's row first
    seen = changed(replace(trade, defence=DEFENCE), hedge=HEDGE)
    outcome = ended(trade, done(action))
    assert seen.trade is not None
    moved = StateChanged(State.HEALTHY, State.HEDGED, SCORE, "the hedge is open", DEFENCE)
    last = change(seen.trade, moved, AT)
    await journal.append(outcome, seen, last)  # of several changes of one trade the last one stays
    assert await trades.find(7) == last.trade
    assert await actions.find("a1") == done(action)


async def test_actions_of_two_trades_are_kept_at_once(
    journal: Journal, trades: Trades, actions: Actions
) -> None:
    parent, child = a_trade(1), replace(a_trade(3), parent_ticket=1)
    action = replace(an_action(parent), kind=ActionKind.READD)
    await journal.append(registered(parent), started(parent, action))
    await journal.append(ended(parent, done(action)), registered(child))
    assert await trades.find(3) == child
    assert await actions.unsettled() == ()


async def test_what_was_advised_or_held_back_is_no_action(
    journal: Journal, trades: Trades, actions: Actions
) -> None:
    trade, told = a_trade(7), an_action(a_trade(7), "")
    await journal.append(
        registered(trade),
        change(trade, ActionAdvised(told, DEFENCE), AT),
        change(trade, ActionBlocked(told, Rail.SPREAD, DEFENCE), AT),
    )
    assert (await actions.page(EVERY, None, 10)).actions == ()
    found = await trades.find(7)
    assert found is not None
    assert found.defence == DEFENCE


async def test_an_intent_whose_trade_cannot_be_written_is_not_kept(
    journal: Journal, actions: Actions
) -> None:
    await journal.append(registered(a_trade(1)))
    rival = a_trade(3, position_id=1)
    with pytest.raises(StoreFailed, match="UNIQUE"):
        await journal.append(started(rival, an_action(rival)))
    assert await actions.find("a1") is None
    assert journal.head == 1


async def test_an_action_of_another_trade_is_refused(journal: Journal, actions: Actions) -> None:
    one, other = a_trade(1), a_trade(2)
    await journal.append(registered(one), registered(other))
    with pytest.raises(AssertionError, match="another trade"):
        await journal.append(started(one, an_action(other)))
    assert await actions.unsettled() == ()
    assert journal.head == 2


async def test_unsettled_actions_are_told_oldest_first(journal: Journal, actions: Actions) -> None:
    trade = a_trade(7)
    await journal.append(registered(trade))
    states = [*ActionState, ActionState.STARTED, ActionState.UNKNOWN]
    some = [
        replace(an_action(trade, f"a{n}", at=minute(-n)), state=state)
        for n, state in enumerate(states)
    ]
    for action in some:
        await journal.append(change(trade, ActionFailed(action, DEFENCE), AT))
    assert [action.id for action in await actions.unsettled()] == ["a5", "a4", "a1", "a0"]


async def listed(actions: Actions, wanted: ActionFilter, size: int) -> list[str]:
    names: list[str] = []
    before: tuple[datetime, str] | None = None
    while True:
        page = await actions.page(wanted, before, size)
        assert len(page.actions) <= size
        names += [action.id for action in page.actions]
        if not page.more:
            return names
        assert len(page.actions) == size
        before = (page.actions[-1].started_at, page.actions[-1].id)


async def test_actions_are_listed_latest_first_in_pages(journal: Journal, actions: Actions) -> None:
    first, second = a_trade(1), a_trade(2)
    await journal.append(registered(first), registered(second))
    for name, trade, at in (
        ("b", first, 3),
        ("d", second, 1),
        ("a", first, 3),
        ("c", second, 3),
        ("e", first, 2),
    ):
        action = an_action(trade, name, at=minute(at))
        await journal.append(started(trade, action))
        await journal.append(ended(trade, done(action)))
    for size in (1, 2, 3, 5, 10):
        assert await listed(actions, EVERY, size) == ["c", "b", "a", "e", "d"]
        assert await listed(actions, ActionFilter(ticket=1), size) == ["b", "a", "e"]
        late = ActionFilter(started_from=minute(2))
        assert await listed(actions, late, size) == ["c", "b", "a", "e"]
        early = ActionFilter(started_before=minute(3))
        assert await listed(actions, early, size) == ["e", "d"]
        between = ActionFilter(2, minute(2), minute(3))
        assert await listed(actions, between, size) == []


async def test_actions_of_two_accounts_do_not_mix(store: SqliteStore, actions: Actions) -> None:
    other = await store.open_account("7@Broker-Demo")
    trade = a_trade(7, account="7@Broker-Demo")
    action: Action = an_action(trade)
    await other.journal.append(registered(trade), started(trade, action))
    assert await actions.find("a1") is None
    assert await actions.unsettled() == ()
    assert (await actions.page(EVERY, None, 10)).actions == ()
    assert await other.actions.unsettled() == (action,)
