"""The active trades in memory: disk first, then this, with one lock for each trade."""

import asyncio
from collections.abc import Iterator
from weakref import WeakValueDictionary

from dtms_server.domain.actions import Action
from dtms_server.domain.errors import NotReady
from dtms_server.domain.events import Change, RecordedAction
from dtms_server.domain.trade import Trade
from dtms_server.ports import Ledger


class Roster:
    """The active trades of the account's ledger, and the actions of any trade whose outcome is not
    known; the only way by which the engine writes."""

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._trades: dict[int, Trade] = {}
        self._by_position_ticket: dict[int, int] = {}
        self._by_position_id: dict[int, int] = {}
        self._by_hedge_id: dict[int, int] = {}
        self._unsettled: dict[int, Action] = {}
        self._locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def open(self, ledger: Ledger) -> None:
        """Take up the ledger's active trades and unsettled actions."""
        for trade in await ledger.trades.active():
            self._keep(trade)
        for action in await ledger.actions.unsettled():
            self._unsettled[action.ticket] = action
        self._ledger = ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger; raises NotReady before the account is known."""
        if self._ledger is None:
            raise NotReady(reason="the account is not known yet")
        return self._ledger

    @property
    def is_open(self) -> bool:
        """Is the account known and its ledger open?"""
        return self._ledger is not None

    async def record(self, *changes: Change) -> None:
        """Write the changes to disk, all or none, and then to memory."""
        await self.ledger.journal.append(*changes)
        for change in changes:
            if change.trade is not None:
                self._keep(change.trade)
            if isinstance(change.event, RecordedAction):
                self._follow(change.event.action)

    def get(self, ticket: int) -> Trade | None:
        """The active trade that was registered with that ticket."""
        return self._trades.get(ticket)

    async def any(self, ticket: int) -> Trade | None:
        """The trade that was registered with that ticket, active or not."""
        return self.get(ticket) or await self.ledger.trades.find(ticket)

    def unsettled(self, ticket: int) -> Action | None:
        """The action of a trade whose outcome is not known yet; there is never more than one."""
        return self._unsettled.get(ticket)

    @property
    def all_unsettled(self) -> tuple[Action, ...]:
        """All such actions."""
        return tuple(self._unsettled.values())

    def family_lots(self, root: Trade) -> float:
        """The open lots of a trade and of those that were added to it again."""
        children = (trade for trade in self if trade.parent_ticket == root.ticket)
        lots = (each.terms.volume_lots for each in (root, *children) if each.is_guarded)
        return sum(lots)

    def find(self, ticket: int) -> Trade | None:
        """The active trade with that ticket, as registered or as its position has it now."""
        return self._trades.get(ticket) or self._trades.get(
            self._by_position_ticket.get(ticket, ticket)
        )

    def of_position(self, identifier: int) -> Trade | None:
        """The guarded trade whose position has that identifier."""
        return self._trades.get(self._by_position_id.get(identifier, 0))

    def of_hedge(self, identifier: int) -> Trade | None:
        """The active trade whose hedge has that identifier."""
        return self._trades.get(self._by_hedge_id.get(identifier, 0))

    def lock(self, ticket: int) -> asyncio.Lock:
        """The lock of the trade that is, or will be, registered with that ticket."""
        return self._locks.setdefault(("trade", ticket), asyncio.Lock())

    def position_lock(self, identifier: int) -> asyncio.Lock:
        """The lock of a position: taken inside a trade's lock while its trade is being added."""
        return self._locks.setdefault(("position", identifier), asyncio.Lock())

    def __iter__(self) -> Iterator[Trade]:
        return iter(tuple(self._trades.values()))

    def __len__(self) -> int:
        return len(self._trades)

    def _keep(self, trade: Trade) -> None:
        self._drop(trade.ticket)
        if trade.is_active:
            self._trades[trade.ticket] = trade
        if trade.is_guarded:
            self._by_position_ticket[trade.terms.position_ticket] = trade.ticket
            self._by_position_id[trade.position_id] = trade.ticket
        if trade.terms.hedge is not None:
            self._by_hedge_id[trade.terms.hedge.position_id] = trade.ticket

    def _drop(self, ticket: int) -> None:
        old = self._trades.pop(ticket, None)
        if old is None:
            return
        if old.is_guarded:
            self._by_position_ticket.pop(old.terms.position_ticket, None)
            self._by_position_id.pop(old.position_id, None)
        if old.terms.hedge is not None:
            self._by_hedge_id.pop(old.terms.hedge.position_id, None)

    def _follow(self, action: Action) -> None:
        if action.is_unsettled:
            self._unsettled[action.ticket] = action
        elif getattr(self._unsettled.get(action.ticket), "id", None) == action.id:
            del self._unsettled[action.ticket]
