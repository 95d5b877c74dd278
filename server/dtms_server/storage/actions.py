"""The actions of one account, as the journal left them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, select, tuple_

from dtms_server.domain.actions import Action
from dtms_server.ports import ActionFilter, ActionPage
from dtms_server.storage.reader import Reader
from dtms_server.storage.rows import action_of
from dtms_server.storage.tables import ACTIONS, UNSETTLED_ACTION


class SqliteActions:
    """See ports.Actions."""

    def __init__(self, account: str, reader: Reader) -> None:
        self._account = account
        self._reader = reader

    async def unsettled(self) -> Sequence[Action]:
        """See ports.Actions."""
        oldest_first = self._select(UNSETTLED_ACTION).order_by(ACTIONS.c.started_at, ACTIONS.c.id)
        return await self._read(oldest_first)

    async def find(self, action_id: str) -> Action | None:
        """See ports.Actions."""
        found = await self._read(self._select(ACTIONS.c.id == action_id))
        return found[0] if found else None

    async def page(
        self, wanted: ActionFilter, before: tuple[datetime, str] | None, size: int
    ) -> ActionPage:
        """See ports.Actions."""
        fitting = self._select(*_conditions(wanted))
        if before is not None:
            place = tuple_(ACTIONS.c.started_at, ACTIONS.c.id)
            fitting = fitting.where(place < before)
        latest_first = fitting.order_by(ACTIONS.c.started_at.desc(), ACTIONS.c.id.desc())
        actions = await self._read(latest_first.limit(size + 1))
        return ActionPage(actions[:size], len(actions) > size)

    def _select(self, *conditions: ColumnElement[bool] | TextClause) -> Select[Any]:
        return select(ACTIONS).where(ACTIONS.c.account == self._account, *conditions)

    async def _read(self, query: Select[Any]) -> tuple[Action, ...]:
        return await self._reader.read(
            lambda connection: tuple(map(action_of, connection.execute(query)))
        )


def _conditions(wanted: ActionFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.ticket is not None:
        yield ACTIONS.c.ticket == wanted.ticket
    if wanted.started_from is not None:
        yield ACTIONS.c.started_at >= wanted.started_from
    if wanted.started_before is not None:
        yield ACTIONS.c.started_at < wanted.started_before
