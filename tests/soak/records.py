"""Reads the database beside its server, and folds the journal as it grows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dtms_server.domain.actions import Action, Verb
from dtms_server.domain.events import ActionStarted, Recorded, TradeEvent, apply
from dtms_server.domain.trade import Trade
from dtms_server.storage import connections, meta
from dtms_server.storage.rows import action_of, event_of, trade_of
from dtms_server.storage.tables import ACTIONS, EVENTS, TRADES
from dtms_server.terminal.simulator import state
from dtms_server.terminal.simulator.clock import ServerZone
from soak.evidence import Event, Kept
from sqlalchemy import Connection, select


class Records:
    """What the database keeps; each event is read once, when it is new."""

    def __init__(self, database: Path) -> None:
        self._engine = connections.reading(database)
        self._events: list[Event] = []
        self._folded: dict[int, Trade] = {}
        self._loosened: list[str] = []

    def read(self, *, whole: bool) -> Kept:
        """Read all in one transaction; `whole` checks the file's every page and index too."""
        with self._engine.connect() as connection, connection.begin():
            account = meta.first_account(connection) or ""
            for recorded in self._new(connection, account):
                self._take(recorded)
            through = meta.compacted_through(connection, account)
            streamable = select(EVENTS.c.sequence).where(
                EVENTS.c.account == account, EVENTS.c.sequence > through
            )
            pragma = "integrity_check" if whole else "quick_check"
            return Kept(
                events=tuple(self._events),
                compacted_through=through,
                streamable=connection.execute(streamable.order_by(EVENTS.c.sequence))
                .scalars()
                .all(),
                trades={row.ticket: trade_of(row) for row in connection.execute(select(TRADES))},
                folded=dict(self._folded),
                actions=tuple(map(action_of, connection.execute(select(ACTIONS)))),
                loosened=tuple(self._loosened),
                soundness=str(connection.exec_driver_sql(f"PRAGMA {pragma}(1)").scalar()),
            )

    def close(self) -> None:
        """End the connection."""
        self._engine.dispose()

    def _new(self, connection: Connection, account: str) -> Iterator[Recorded]:
        last = self._events[-1].sequence if self._events else 0
        new = select(EVENTS).where(EVENTS.c.account == account, EVENTS.c.sequence > last)
        return map(event_of, connection.execute(new.order_by(EVENTS.c.sequence)))

    def _take(self, recorded: Recorded) -> None:
        ticket, event = recorded.ticket or 0, recorded.event
        kind = str(recorded.type)
        self._events.append(Event(recorded.sequence, ticket, recorded.symbol or "", kind))
        if not isinstance(event, TradeEvent):
            return
        before = self._folded.get(ticket)
        if isinstance(event, ActionStarted) and before and loosens(event.action, before):
            self._loosened.append(f"{event.action} of {before}")
        self._folded[ticket] = apply(before, event, recorded.at)


def loosens(action: Action, trade: Trade) -> bool:
    """Would the action's order move the trade's stop away from the price, or lose its target?"""
    order, terms = action.order, trade.terms
    if order.verb is not Verb.PROTECT or order.position_id != trade.position_id:
        return False
    if terms.stop_loss is None:
        return False
    moved = (order.stop_loss or 0.0) - terms.stop_loss
    return moved * trade.direction.sign < 0 or order.take_profit != terms.take_profit


def deals_in(world: Path) -> tuple[dict[str, list[datetime]], int]:
    """Read from a terminal's file when its deals were made (UTC), by comment, and how many orders
    wait."""
    saved = state.load(world)
    assert saved is not None
    zone = ServerZone.parse(saved.origin.server_offset)
    found: dict[str, list[datetime]] = {}
    for deal in saved.book.deals:
        at = datetime.fromtimestamp(zone.utc(deal.time_msc / 1000), UTC)
        found.setdefault(deal.comment, []).append(at)
    return found, len(saved.book.waiting)
