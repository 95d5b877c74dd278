"""The journal of one account: appended to in groups, read in pages, its newest page in memory."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.sqlite import Insert, insert

from dtms_server.domain.errors import ResumeTokenExpired, StoreFailed
from dtms_server.domain.events import (
    ActionDone,
    ActionFailed,
    ActionsPaused,
    ActionsResumed,
    ActionStarted,
    Change,
    EventType,
    Recorded,
)
from dtms_server.ports import EventFilter, EventPage
from dtms_server.storage import meta
from dtms_server.storage.observer import Observer
from dtms_server.storage.reader import Reader
from dtms_server.storage.rows import (
    action_row,
    event_of,
    event_row,
    payload_of,
    recorded_of,
    row_of,
)
from dtms_server.storage.tables import ACTIONS, EVENTS, TRADES
from dtms_server.storage.writer import Writer

PAGE: Final = 500
"""Events looked at for one page."""
SHARED: Final = 1_000
"""Newest events kept in memory, so that live streams do not touch the disk."""


def _put(table: Table) -> Insert:
    """Not REPLACE: that removes the old row first, and with it what depends on it."""
    put = insert(table)
    return put.on_conflict_do_update(
        index_elements=table.primary_key.columns,
        set_={column.name: column for column in put.excluded if not column.primary_key},
    )


PUT_TRADE: Final = _put(TRADES)
PUT_ACTION: Final = _put(ACTIONS)
ADD_EVENT: Final = insert(EVENTS)


class SqliteJournal:
    """See ports.Journal. `head`, `compacted_through` and the newest events change only on the
    event loop, after the commit."""

    def __init__(
        self,
        account: str,
        writer: Writer,
        reader: Reader,
        store_id: str,
        head: int,
        compacted: int,
        observer: Observer,
    ) -> None:
        self.account: Final = account
        self.store_id: Final = store_id
        self._writer = writer
        self._reader = reader
        self._head = head
        self._compacted = compacted
        self._recorded = observer.recorded
        self._newest: list[Recorded] = []  # without a hole, up to the head
        self._growth = asyncio.Event()  # set, and replaced, at each commit

    @property
    def head(self) -> int:
        """See ports.Journal."""
        return self._head

    @property
    def compacted_through(self) -> int:
        """See ports.Journal."""
        return self._compacted

    async def append(self, *changes: Change) -> int:
        """See ports.Journal. Raises StoreFailed where the disk does not take it, ValueError for
        facts that could not be read back; nothing is then written."""
        if not changes:
            return self._head
        payloads = [payload_of(change.event) for change in changes]
        write = partial(_write, account=self.account, changes=changes, payloads=payloads)
        return (await self._writer.write(write, self._publish))[-1].sequence

    async def page(self, after: int, wanted: EventFilter) -> EventPage:
        """See ports.Journal."""
        _require_kept(after, self._compacted)
        behind = self._head - after
        if behind <= 0:
            return EventPage((), after)
        if behind <= len(self._newest):
            return _fitting(self._newest[-behind:][:PAGE], wanted)
        read = partial(_read, account=self.account, after=after, head=self._head, wanted=wanted)
        return await self._reader.read(read)

    async def grown(self, after: int) -> None:
        """See ports.Journal."""
        while self._head <= after:
            await self._growth.wait()

    def compacted(self, through: int) -> None:
        """Take note, on the event loop, of what was compacted on disk."""
        self._compacted = max(self._compacted, through)

    def _publish(self, recorded: Sequence[Recorded]) -> None:
        self._newest.extend(recorded)
        del self._newest[:-SHARED]
        self._head = recorded[-1].sequence
        self._growth.set()
        self._growth = asyncio.Event()
        # not here: what an observer does must not keep the caller, or others of the group, waiting
        asyncio.get_running_loop().call_soon(self._recorded, recorded)


def _write(
    connection: Connection, account: str, changes: Sequence[Change], payloads: Sequence[str]
) -> Sequence[Recorded]:
    first = meta.head(connection, account) + 1
    recorded = [recorded_of(account, first + n, change) for n, change in enumerate(changes)]
    rows = [event_row(*pair) for pair in zip(recorded, payloads, strict=True)]
    connection.execute(ADD_EVENT, rows)
    if trades := [change.trade for change in changes if change.trade is not None]:
        assert all(trade.account == account for trade in trades), "a trade of another account"
        connection.execute(PUT_TRADE, [row_of(trade) for trade in trades])
    for change in changes:  # after the trades, to which the actions belong
        _keep(connection, account, change)
    return recorded


def _keep(connection: Connection, account: str, change: Change) -> None:
    """Keep what an event says beside its trade."""
    match change.event:
        case ActionStarted(action=action) | ActionDone(action=action) | ActionFailed(action=action):
            trade = change.trade
            assert trade is not None, "an action of no trade"
            assert trade.ticket == action.ticket, "an action of another trade"
            connection.execute(PUT_ACTION, action_row(account, action))
        case ActionsPaused():
            meta.set_paused(connection, True)
        case ActionsResumed():
            meta.set_paused(connection, False)
        case _:
            pass


def _read(
    connection: Connection, account: str, after: int, head: int, wanted: EventFilter
) -> EventPage:
    _require_kept(after, meta.compacted_through(connection, account))  # in the events' own read
    rows = connection.execute(
        select(EVENTS)
        .where(EVENTS.c.account == account, EVENTS.c.sequence > after, EVENTS.c.sequence <= head)
        .order_by(EVENTS.c.sequence)
        .limit(PAGE)
    ).all()
    if [row.sequence for row in rows] != list(range(after + 1, min(head, after + PAGE) + 1)):
        raise StoreFailed(reason=f"the journal has a hole after {after}")
    fitting = (row for row in rows if _fits(row.ticket, row.symbol, row.type, wanted))
    return EventPage(tuple(map(event_of, fitting)), rows[-1].sequence)


def _fitting(events: Sequence[Recorded], wanted: EventFilter) -> EventPage:
    fitting = (one for one in events if _fits(one.ticket, one.symbol, one.type, wanted))
    return EventPage(tuple(fitting), events[-1].sequence)


def _fits(ticket: int | None, symbol: str | None, kind: str, wanted: EventFilter) -> bool:
    return (
        (not wanted.tickets or ticket in wanted.tickets)
        and (not wanted.symbols or symbol in wanted.symbols)
        and (not wanted.types or EventType(kind) in wanted.types)
    )


def _require_kept(after: int, compacted: int) -> None:
    if after < compacted:
        raise ResumeTokenExpired(earliest_sequence=compacted + 1)
