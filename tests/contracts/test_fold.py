"""The journal tells all: folded, it is the trades table."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dtms_server.domain.events import (
    Change,
    ChangeCause,
    Recorded,
    TradeChanged,
    TradeClosed,
    TradeEvent,
    TradeRegistered,
    TradeReleased,
    apply,
    change,
)
from dtms_server.domain.trade import State, Trade
from dtms_server.storage.store import SqliteStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import ALL, AT, CLOSING, LOGINS, a_trade, everything

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["register", "volume", "labels", "ticket", "close", "release", "rearm"]),
        st.integers(1, 4),  # the ticket
        st.integers(1, 3),  # the position, or what to change to
    ),
    max_size=25,
)


def next_change(
    kept: dict[int, Trade], step: tuple[str, int, int], account: str, at: datetime
) -> Change | None:
    """The change that a step makes, where the trades as they stand allow it."""
    kind, ticket, number = step
    trade = kept.get(ticket)
    guarded = {one.position_id for one in kept.values() if one.is_guarded}
    event: TradeEvent
    match kind, trade:
        case "register", None if number not in guarded:
            event = TradeRegistered(a_trade(ticket, account=account, position_id=number), False)
        case "rearm", Trade(state=State.RELEASED) if trade.position_id not in guarded:
            event = TradeRegistered(replace(trade, state=State.HEALTHY, updated_at=at), True)
        case _, Trade(is_guarded=True):
            event = event_of_guarded(kind, trade, number, at)
        case _:
            return None
    return change(trade, event, at)


def event_of_guarded(kind: str, trade: Trade, number: int, at: datetime) -> TradeEvent:
    match kind:
        case "close":
            return TradeClosed(replace(CLOSING, at=at))
        case "release":
            return TradeReleased()
        case "labels":
            terms = replace(trade.terms, labels={"n": str(number)}, stop_loss=None)
        case "ticket":
            terms = replace(trade.terms, position_ticket=1000 + number, closing_unconfirmed=True)
        case _:
            terms = replace(trade.terms, volume_lots=number / 100, take_profit=number / 3)
    return TradeChanged(ChangeCause.OUTSIDE, trade.terms, terms)


def fold(events: Sequence[Recorded]) -> dict[int, Trade]:
    trades: dict[int, Trade] = {}
    for recorded in events:
        assert recorded.ticket is not None
        assert isinstance(recorded.event, TradeEvent)
        trades[recorded.ticket] = apply(trades.get(recorded.ticket), recorded.event, recorded.at)
    return trades


@given(steps=STEPS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_journal_folded_is_the_trades_table(
    store: SqliteStore, steps: list[tuple[str, int, int]]
) -> None:
    account = f"{next(LOGINS)}@example"  # each example has its own
    ledger = await store.open_account(account)
    kept: dict[int, Trade] = {}
    for n, step in enumerate(steps):
        made = next_change(kept, step, account, AT + timedelta(microseconds=n))
        if made is not None:
            assert made.trade is not None
            kept[made.trade.ticket] = made.trade
            await ledger.journal.append(made)
    events = await everything(ledger.journal)
    table = {trade.ticket: trade for trade in (await ledger.trades.page(ALL, 0, 100)).trades}
    assert fold(events) == table == kept
    assert {trade.ticket for trade in await ledger.trades.guarded()} == {
        trade.ticket for trade in kept.values() if trade.is_guarded
    }
