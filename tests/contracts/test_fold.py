"""The journal tells all: folded, it is the trades table, the actions table and the pause."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState
from dtms_server.domain.events import (
    ActionAdvised,
    ActionBlocked,
    ActionDone,
    ActionFailed,
    ActionsPaused,
    ActionsResumed,
    ActionStarted,
    Change,
    ChangeCause,
    Recorded,
    StateChanged,
    TradeAdopted,
    TradeChanged,
    TradeClosed,
    TradeEvent,
    TradeRecovered,
    TradeRegistered,
    TradeReleased,
    apply,
    change,
)
from dtms_server.domain.rails import Rail
from dtms_server.domain.trade import Defence, Descent, State, Terms, Trade
from dtms_server.ports import ActionFilter
from dtms_server.storage.store import SqliteStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import (
    ALL,
    AT,
    CLOSING,
    HEDGE,
    LOGINS,
    SCORE,
    a_trade,
    an_action,
    done,
    everything,
)

NEW = ("register", "adopt", "rearm")
TERMS = ("volume", "labels", "ticket", "hedge", "unhedge", "grace")
ACTIONS = ("start", "unknown", "done", "fail", "advise", "block")
OTHERS = ("state", "recover", "close", "release", "pause", "resume")
STATES = (State.WARNING_L1, State.WARNING_L2, State.HEDGED)
ENDS = ("hedge", "close", "unhedge", "release", "rearm", "rearm")  # rare otherwise
STEPS = st.tuples(
    st.sampled_from(NEW + TERMS + ACTIONS + OTHERS + ENDS),
    st.integers(1, 3),  # the ticket
    st.integers(1, 3),  # the position, the action, or what to change to
)
GROUPS = st.lists(st.lists(STEPS, max_size=4), min_size=4, max_size=15)  # appended at once
Step = tuple[str, int, int]
FIRST: list[Step] = [("register", 1, 1), ("adopt", 2, 2)]


@dataclass
class Kept:
    """What a reader of the journal knows."""

    trades: dict[int, Trade] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    paused: bool = False

    def see(self, event: object, trade: Trade | None) -> None:
        if trade is not None:
            self.trades[trade.ticket] = trade
        match event:
            case ActionStarted() | ActionDone() | ActionFailed():
                self.actions[event.action.id] = event.action
            case ActionsPaused() | ActionsResumed():
                self.paused = isinstance(event, ActionsPaused)


def next_change(kept: Kept, step: Step, account: str, at: datetime) -> Change | None:
    """The change that a step makes, where the trades as they stand allow it."""
    kind, ticket, number = step
    trade = kept.trades.get(ticket)
    free = number not in {one.position_id for one in kept.trades.values() if one.is_guarded}
    match kind, trade:
        case "pause", _:
            return Change(at, ActionsPaused("a test"))
        case "resume", _:
            return Change(at, ActionsResumed("a test"))
        case "register" | "adopt", None if free:
            return change(None, arrival(kind, ticket, number, account), at)
        case "rearm", Trade(state=State.RELEASED) if again_free(kept, trade):
            again = replace(trade, state=State.HEALTHY, updated_at=at)
            return change(trade, TradeRegistered(again, True), at)
        case "unhedge", Trade(is_active=True):
            return change(trade, terms_changed(trade, kind, number), at)
        case _, Trade(is_guarded=True) if kind not in NEW:
            return change(trade, event_of_guarded(kind, trade, number, at), at)
        case _:
            return None


def again_free(kept: Kept, trade: Trade) -> bool:
    return all(
        one.position_id != trade.position_id for one in kept.trades.values() if one.is_guarded
    )


def arrival(kind: str, ticket: int, number: int, account: str) -> TradeEvent:
    trade = a_trade(ticket, account=account, position_id=number)
    if kind == "adopt":
        return TradeAdopted(replace(trade, defence=Defence(acted_bar_at=AT)), 77)
    return TradeRegistered(replace(trade, parent_ticket=number), False)


def event_of_guarded(kind: str, trade: Trade, number: int, at: datetime) -> TradeEvent:
    match kind:
        case "close":
            return TradeClosed(replace(CLOSING, at=at))
        case "release":
            return TradeReleased(trade.terms.hedge.ticket if trade.terms.hedge else None)
        case "recover":
            return TradeRecovered()
        case "state":
            score = SCORE if number > 1 else None
            after = STATES[number - 1]
            return StateChanged(trade.state, after, score, "a test", defence_of(number))
        case _ if kind in ACTIONS:
            return event_of_action(kind, trade, number, at)
        case _:
            return terms_changed(trade, kind, number)


def event_of_action(kind: str, trade: Trade, number: int, at: datetime) -> TradeEvent:
    action, defence = an_action(trade, f"{trade.ticket}-{number}", at=at), defence_of(number)
    match kind:
        case "start":
            return ActionStarted(action, defence)
        case "unknown":
            return ActionStarted(replace(action, state=ActionState.UNKNOWN), defence)
        case "done":
            return ActionDone(done(action), defence)
        case "fail":
            return ActionFailed(replace(done(action), state=ActionState.FAILED), defence)
        case "advise":
            return ActionAdvised(action, defence)
        case _:
            return ActionBlocked(action, Rail.SPREAD, defence)


def defence_of(number: int) -> Defence:
    return Defence(
        acted_bar_at=AT + timedelta(minutes=5 * number),
        owed=tuple(ActionKind)[:number],
        descent=Descent(closed_lots=number / 3, refused=(ActionKind.READD,)),
        exit_reason="a test" if number == 2 else None,
        told=("SPREAD",) * (number - 1),
    )


def terms_changed(trade: Trade, kind: str, number: int) -> TradeEvent:
    return TradeChanged(ChangeCause.DTMS, trade.terms, new_terms(trade.terms, kind, number))


def new_terms(terms: Terms, kind: str, number: int) -> Terms:
    match kind:
        case "labels":
            return replace(terms, labels={"n": str(number)}, stop_loss=None)
        case "ticket":
            return replace(terms, position_ticket=1000 + number, closing_unconfirmed=True)
        case "hedge":
            return replace(terms, hedge=replace(HEDGE, volume_lots=number / 100))
        case "unhedge":
            return replace(terms, hedge=None, hedge_profit=number / 3)
        case "grace":
            return replace(terms, grace_until=AT, r_distance=number / 7)
        case _:
            return replace(terms, volume_lots=number / 100, take_profit=number / 3)


def fold(events: Sequence[Recorded]) -> Kept:
    kept = Kept()
    for one in events:
        trade = None
        if one.ticket is not None:
            assert isinstance(one.event, TradeEvent)
            trade = apply(kept.trades.get(one.ticket), one.event, one.at)
        kept.see(one.event, trade)
    return kept


@given(groups=GROUPS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_journal_folded_is_what_the_tables_say(
    store: SqliteStore, groups: list[list[Step]]
) -> None:
    account = f"{next(LOGINS)}@example"  # each example has its own
    await store.pause(False)
    ledger = await store.open_account(account)
    kept, at = Kept(), AT
    for group in [FIRST, *groups]:
        changes = []
        for step in group:
            at += timedelta(microseconds=1)
            if (made := next_change(kept, step, account, at)) is not None:
                kept.see(made.event, made.trade)
                changes.append(made)
        await ledger.journal.append(*changes)
    assert fold(await everything(ledger.journal)) == kept
    assert await store.paused() is kept.paused
    table = {trade.ticket: trade for trade in (await ledger.trades.page(ALL, 0, 100)).trades}
    assert table == kept.trades
    page = await ledger.actions.page(ActionFilter(), None, 100)
    assert {action.id: action for action in page.actions} == kept.actions
    active = {trade.ticket for trade in kept.trades.values() if trade.is_active}
    assert {trade.ticket for trade in await ledger.trades.active()} == active
    unsettled = {action.id for action in kept.actions.values() if action.is_unsettled}
    assert {action.id for action in await ledger.actions.unsettled()} == unsettled
