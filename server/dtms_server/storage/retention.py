"""What is kept, and for how long: old events leave the stream, old trades leave the disk."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, exists, or_, select

from dtms_server.domain.actions import UNSETTLED
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import State
from dtms_server.storage import meta
from dtms_server.storage.tables import ACTIONS, EVENTS, TRADES


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many trades were removed, and up to where events can no longer be streamed."""

    trades: int
    compacted_through: int


def clean(connection: Connection, account: str, now: datetime, policy: Policy) -> Cleaned:
    """Move the bound of the stream up, remove trades past their keeping, and remove the events up
    to the bound that belong to no kept trade.

    Events past the bound stay, whosesoever they are: the stream has no hole.
    """
    before = meta.compacted_through(connection, account)
    through = _compactable(connection, account, before, now, policy)
    meta.set_compacted_through(connection, account, through)
    removed = _remove_trades(connection, account, now - timedelta(days=policy.closed_kept_days))
    _remove_events_of(connection, account, removed, through)
    _remove_orphaned_events(connection, account, before, through)
    return Cleaned(len(removed), through)


def _compactable(
    connection: Connection, account: str, before: int, now: datetime, policy: Policy
) -> int:
    """The last sequence before the first young event past `before`, or before the newest that are
    as many as may be streamed; `before` at least, whatever the clock."""
    young = connection.execute(
        select(EVENTS.c.sequence)
        .where(
            EVENTS.c.account == account,
            EVENTS.c.sequence > before,
            EVENTS.c.at >= now - timedelta(days=policy.events_streamable_days),
        )
        .order_by(EVENTS.c.sequence)
        .limit(1)
    ).scalar()
    head = meta.head(connection, account)
    too_old = head if young is None else young - 1
    return max(too_old, head - policy.events_streamable)


def _remove_trades(connection: Connection, account: str, entered_before: datetime) -> list[int]:
    """Remove closed and released trades, and with them their actions; not those that still have an
    open hedge, or an order whose outcome is not known."""
    unsettled = exists().where(
        ACTIONS.c.account == TRADES.c.account,
        ACTIONS.c.ticket == TRADES.c.ticket,
        ACTIONS.c.state.in_(UNSETTLED),
    )
    past = delete(TRADES).where(
        TRADES.c.account == account,
        TRADES.c.state.in_([State.CLOSED, State.RELEASED]),
        TRADES.c.state_entered_at < entered_before,
        TRADES.c.hedge_position_id.is_(None),
        ~unsettled,
    )
    return list(connection.execute(past.returning(TRADES.c.ticket)).scalars())


def _remove_events_of(
    connection: Connection, account: str, tickets: list[int], through: int
) -> None:
    if tickets:
        past = delete(EVENTS).where(
            EVENTS.c.account == account,
            EVENTS.c.ticket == bindparam("gone"),
            EVENTS.c.sequence <= through,
        )
        connection.execute(past, [{"gone": ticket} for ticket in tickets])


def _remove_orphaned_events(
    connection: Connection, account: str, before: int, through: int
) -> None:
    """Of the events that were compacted just now, remove those of no trade and of trades removed
    earlier; below `before` that is done already."""
    of_a_trade = exists().where(
        and_(TRADES.c.account == EVENTS.c.account, TRADES.c.ticket == EVENTS.c.ticket)
    )
    connection.execute(
        delete(EVENTS).where(
            EVENTS.c.account == account,
            EVENTS.c.sequence > before,
            EVENTS.c.sequence <= through,
            or_(EVENTS.c.ticket.is_(None), ~of_a_trade),
        )
    )
