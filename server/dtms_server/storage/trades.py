"""The trades of one account, as the journal left them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, TextClause, func, select

from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import State, Trade
from dtms_server.ports import TradeFilter, TradePage
from dtms_server.storage import meta, retention
from dtms_server.storage.journal import SqliteJournal
from dtms_server.storage.reader import Reader
from dtms_server.storage.rows import trade_of
from dtms_server.storage.tables import ACTIVE_TRADE, GUARDED_TRADE, TRADES
from dtms_server.storage.writer import Writer


class SqliteTrades:
    """See ports.Trades."""

    def __init__(
        self, journal: SqliteJournal, writer: Writer, reader: Reader, policy: Policy
    ) -> None:
        self._journal: Final = journal
        self._account: Final = journal.account
        self._writer = writer
        self._reader = reader
        self._policy = policy

    async def active(self) -> Sequence[Trade]:
        """See ports.Trades."""
        return await self._reader.read(_all(self._select(ACTIVE_TRADE)))

    async def last_closed(self, count: int, since: datetime) -> Sequence[Trade]:
        """See ports.Trades."""
        latest = self._mine(TRADES.c.closed_at >= since).order_by(
            TRADES.c.closed_at.desc(), TRADES.c.ticket.desc()
        )
        return await self._reader.read(_all(latest.limit(count)))

    async def find(self, ticket: int) -> Trade | None:
        """See ports.Trades."""
        registered = self._select(TRADES.c.ticket == ticket)
        renamed = self._select(TRADES.c.position_ticket == ticket)
        guarded = renamed.where(GUARDED_TRADE)
        return await self._reader.read(partial(_first, choices=(registered, guarded, renamed)))

    async def page(self, wanted: TradeFilter, after_ticket: int, size: int) -> TradePage:
        """See ports.Trades."""
        query = self._select(TRADES.c.ticket > after_ticket, *_conditions(wanted))
        read = partial(
            _page, account=self._account, query=query, labels=wanted.labels or {}, size=size
        )
        page = await self._reader.read(read)
        # A read may see a commit that the event loop has yet to hear of; a token from this head
        # must not be ahead of the journal.
        await self._journal.grown(page.head - 1)
        return page

    async def counts(self) -> Mapping[State, int]:
        """See ports.Trades."""
        query = (
            select(TRADES.c.state, func.count().label("trades"))
            .where(TRADES.c.account == self._account)
            .group_by(TRADES.c.state)
        )
        return await self._reader.read(
            lambda connection: {row.state: row.trades for row in connection.execute(query)}
        )

    async def clean(self, now: datetime) -> int:
        """See ports.Trades."""
        clean = partial(retention.clean, account=self._account, now=now, policy=self._policy)
        cleaned = await self._writer.write(
            clean, lambda done: self._journal.compacted(done.compacted_through)
        )
        return cleaned.trades

    def _select(self, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
        return self._mine(*conditions).order_by(TRADES.c.ticket)

    def _mine(self, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
        return select(TRADES).where(TRADES.c.account == self._account, *conditions)


def _conditions(wanted: TradeFilter) -> Iterator[ColumnElement[bool] | TextClause]:
    if not wanted.include_closed:
        yield ACTIVE_TRADE
    if wanted.states:
        yield TRADES.c.state.in_(wanted.states)
    if wanted.symbols:
        yield TRADES.c.symbol.in_(wanted.symbols)


def _all(query: Select[Any]) -> Callable[[Connection], Sequence[Trade]]:
    return lambda connection: tuple(map(trade_of, connection.execute(query)))


def _first(connection: Connection, choices: Sequence[Select[Any]]) -> Trade | None:
    found = (connection.execute(query).first() for query in choices)
    return next((trade_of(row) for row in found if row is not None), None)


def _page(
    connection: Connection,
    account: str,
    query: Select[Any],
    labels: Mapping[str, str],
    size: int,
) -> TradePage:
    """Labels are compared here: SQLite's JSON functions cut a text at its first NUL."""
    with connection.execute(query) as rows:
        fitting = (row for row in rows if labels.items() <= row.labels.items())
        trades = tuple(map(trade_of, islice(fitting, size + 1)))
    return TradePage(trades[:size], len(trades) > size, meta.head(connection, account))
