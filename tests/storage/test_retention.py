"""What the cleaner removes, and what it must never."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
from dtms_server.domain.actions import ActionState
from dtms_server.domain.events import (
    Change,
    TerminalLost,
    TradeClosed,
    TradeRegistered,
    TradeReleased,
    change,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Trade
from dtms_server.ports import ActionFilter, EventFilter, Ledger, TradeFilter
from dtms_server.storage.store import SqliteStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import (
    ACCOUNT,
    CLOSING,
    HEDGE,
    LOGINS,
    a_trade,
    an_action,
    changed,
    done,
    ended,
    registered,
    started,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
POLICY = Policy(events_streamable=12, closed_kept_days=5)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def lost(at: float) -> Change:
    return Change(day(at), TerminalLost("a loss"))


def kept_on_disk(database: Path, account: str) -> dict[int, tuple[int | None, datetime]]:
    connection = connect(database)
    rows = connection.execute(
        "SELECT sequence, ticket, at FROM events WHERE account = ? ORDER BY sequence", [account]
    ).fetchall()
    connection.close()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {n: (ticket, epoch + timedelta(microseconds=at)) for n, ticket, at in rows}


async def test_closed_trades_go_with_their_events_once_those_left_the_stream(
    ledger: Ledger,
    database: Path,
) -> None:
    trade = replace(a_trade(7), state_entered_at=day(0))
    released = change(trade, TradeReleased(), day(1))
    await ledger.journal.append(change(None, TradeRegistered(trade, False), day(0)), released)
    await ledger.journal.append(change(released.trade, TradeRegistered(trade, True), day(29)))
    again = change(trade, TradeReleased(), day(30))
    await ledger.journal.append(again)
    assert await ledger.trades.clean(day(59)) == 0
    assert len(kept_on_disk(database, trade.account)) == 4  # a kept trade's, for audit
    assert await ledger.trades.clean(day(60.1)) == 1
    assert await ledger.trades.find(7) is None
    assert kept_on_disk(database, trade.account) == {}
    assert ledger.journal.head == ledger.journal.compacted_through == 4
    assert await ledger.journal.append(lost(61)) == 5  # and no sequence comes twice


async def test_a_head_whose_events_are_all_gone_outlives_a_restart(database: Path) -> None:
    for expected in (1, 2):
        store = await SqliteStore.open(database, Policy(), holder="the test")
        ledger = await store.open_account("1@x")
        assert await ledger.journal.append(lost(0)) == expected
        await ledger.trades.clean(day(8))
        assert ledger.journal.compacted_through == ledger.journal.head == expected
        await store.close()


async def test_the_bound_stands_when_the_clock_steps_back(
    ledger: Ledger,
) -> None:
    await ledger.journal.append(change(None, TradeRegistered(a_trade(7), False), day(0)), lost(9))
    for now in (8, 1):
        await ledger.trades.clean(day(now))
        assert ledger.journal.compacted_through == 1
    page = await ledger.journal.page(1, EventFilter())
    assert [event.sequence for event in page.events] == [2]


async def test_a_removed_trades_events_stay_while_they_can_be_streamed(
    database: Path,
) -> None:
    store = await SqliteStore.open(database, Policy(closed_kept_days=1), holder="the test")
    ledger = await store.open_account(ACCOUNT)
    trade = a_trade(7)
    await ledger.journal.append(
        change(None, TradeRegistered(trade, False), day(0)), change(trade, TradeReleased(), day(0))
    )
    assert await ledger.trades.clean(day(2)) == 1
    assert [ticket for ticket, _ in kept_on_disk(database, trade.account).values()] == [7, 7]
    page = await ledger.journal.page(0, EventFilter())
    assert [event.ticket for event in page.events] == [7, 7]
    assert await ledger.trades.clean(day(9)) == 0
    assert kept_on_disk(database, trade.account) == {}
    await store.close()


async def test_a_closed_trade_is_kept_while_its_hedge_is_open(ledger: Ledger) -> None:
    trade = a_trade(7)
    hedged = changed(trade, hedge=HEDGE)
    assert hedged.trade is not None
    closed = change(hedged.trade, TradeClosed(CLOSING), day(0))
    await ledger.journal.append(registered(trade), hedged, closed)
    assert await ledger.trades.clean(day(400)) == 0
    assert await ledger.trades.active() == (closed.trade,)
    assert closed.trade is not None
    await ledger.journal.append(changed(closed.trade, hedge=None, hedge_profit=1.0))
    assert await ledger.trades.clean(day(400)) == 1
    assert await ledger.trades.find(7) is None


@pytest.mark.parametrize("state", [ActionState.STARTED, ActionState.UNKNOWN])
async def test_a_trade_is_kept_while_one_of_its_orders_is_not_settled(
    ledger: Ledger, state: ActionState
) -> None:
    trade, settled = a_trade(7), done(an_action(a_trade(7), "settled"))
    action = replace(an_action(trade, "open"), state=state)
    released = change(trade, TradeReleased(), day(0))
    await ledger.journal.append(
        registered(trade), ended(trade, settled), started(trade, action), released
    )
    assert await ledger.trades.clean(day(400)) == 0
    assert await ledger.actions.unsettled() == (action,)
    assert released.trade is not None
    await ledger.journal.append(ended(released.trade, done(action)))
    assert await ledger.trades.clean(day(400)) == 1
    assert await ledger.trades.find(7) is None


async def test_actions_go_with_their_trade_and_no_other_s_do(ledger: Ledger) -> None:
    old, kept = a_trade(7), a_trade(8)
    for trade in (old, kept):
        names = [f"{trade.ticket}-{n}" for n in range(2)]
        outcomes = [ended(trade, done(an_action(trade, name))) for name in names]
        await ledger.journal.append(registered(trade), *outcomes)
    await ledger.journal.append(change(old, TradeReleased(), day(0)))
    assert await ledger.trades.clean(day(400)) == 1
    page = await ledger.actions.page(ActionFilter(), None, 10)
    assert [action.id for action in page.actions] == ["8-1", "8-0"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["register", "release", "service", "clean", "clean"]),
        st.integers(1, 3),
        st.sampled_from([-9, -1, 0, 0.5, 4, 20, 40]),  # days gone by; a clock may step back
    ),
    max_size=30,
)


@pytest.fixture
async def strict_store(database: Path) -> Any:
    store = await SqliteStore.open(database, POLICY, holder="the test")
    yield store
    await store.close()


@given(steps=STEPS)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_cleaner_removes_all_that_is_past_its_keeping_and_nothing_else(
    strict_store: SqliteStore,
    database: Path,
    steps: list[tuple[str, int, float]],
) -> None:
    account = f"{next(LOGINS)}@example"
    ledger = await strict_store.open_account(account)
    told: dict[int, Change] = {}
    trades: dict[int, Trade] = {}
    today = 100.0
    for kind, ticket, days in steps:
        today += days
        trade = trades.get(ticket)
        if kind == "clean":
            await clean_and_check(ledger, database, told, trades, day(today))
            continue
        made = Change(day(today), TerminalLost("a loss"))
        if kind == "register" and (trade is None or not trade.is_guarded):
            new = replace(a_trade(ticket), account=account, state_entered_at=day(today))
            made = change(trade, TradeRegistered(new, trade is not None), day(today))
        elif kind == "release" and trade is not None and trade.is_guarded:
            made = change(trade, TradeReleased(), day(today))
        if made.trade is not None:
            trades[ticket] = made.trade
        told[await ledger.journal.append(made)] = made


async def clean_and_check(
    ledger: Ledger,
    database: Path,
    told: dict[int, Change],
    trades: dict[int, Trade],
    now: datetime,
) -> None:
    journal, before = ledger.journal, ledger.journal.compacted_through
    past = {
        ticket
        for ticket, trade in trades.items()
        if not trade.is_guarded and trade.state_entered_at < now - timedelta(days=5)
    }
    assert await ledger.trades.clean(now) == len(past)
    for ticket in past:
        del trades[ticket]
    listed = await ledger.trades.page(TradeFilter(include_closed=True), 0, 100)
    assert {trade.ticket: trade for trade in listed.trades} == trades

    bound, old = journal.compacted_through, now - timedelta(days=7)
    floor = max(before, journal.head - POLICY.events_streamable)
    assert floor <= bound <= journal.head
    assert all(told[n].at < old for n in range(floor + 1, bound + 1))  # no young event left early
    assert bound in (floor, journal.head) or told[bound + 1].at >= old  # and none stays too long

    tickets = {n: made.trade.ticket if made.trade else None for n, made in told.items()}
    for n in [n for n in told if n <= bound and tickets[n] not in trades]:
        del told[n]
    assert list(kept_on_disk(database, journal.account)) == list(told)
    page = await journal.page(bound, EventFilter())
    assert [event.sequence for event in page.events] == list(range(bound + 1, journal.head + 1))
