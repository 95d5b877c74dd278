"""The tables, keyed by account; the newest migration and this page say the same."""

from typing import Final

from sqlalchemy import (
    REAL,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import UNSETTLED, ActionState, Became, Order
from dtms_server.domain.trade import GUARDED, CloseReason, Defence, Direction, Protection, State
from dtms_server.storage.columns import Flag, Instant, Json, Labels, Word, one_of, quoted

METADATA: Final = MetaData()

# SQLite uses an index on a part of a table only where the query has the same words.
GUARDED_TRADE: Final = text(f"state IN ({quoted(sorted(GUARDED))})")
ACTIVE_TRADE: Final = text(f"({GUARDED_TRADE} OR hedge_position_id IS NOT NULL)")
UNSETTLED_ACTION: Final = text(f"state IN ({quoted(sorted(UNSETTLED))})")

TRADES: Final = Table(
    "trades",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("symbol", Text, nullable=False),
    Column("direction", Word(Direction), nullable=False),
    Column("initial_volume_lots", REAL, nullable=False),
    Column("initial_stop_loss", REAL),
    Column("account_currency", Text, nullable=False),
    # domain.trade.Terms
    Column("position_ticket", Integer, nullable=False),
    Column("position_id", Integer, nullable=False),
    Column("entry_price", REAL, nullable=False),
    Column("volume_lots", REAL, nullable=False),
    Column("stop_loss", REAL),
    Column("take_profit", REAL),
    Column("protection", Word(Protection), nullable=False),
    Column("labels", Labels, nullable=False),
    Column("closing_unconfirmed", Flag, nullable=False),
    Column("r_distance", REAL),
    Column("grace_until", Instant),
    Column("hedge_profit", REAL),
    # domain.trade.Hedge: all of it or none
    Column("hedge_ticket", Integer),
    Column("hedge_position_id", Integer),
    Column("hedge_volume_lots", REAL),
    Column("hedge_opened_at", Instant),
    # the state
    Column("state", Word(State), nullable=False),
    Column("state_entered_at", Instant, nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # domain.trade.Closing: all of it or none
    Column("close_reason", Word(CloseReason)),
    Column("close_profit", REAL),
    Column("close_price", REAL),
    Column("closed_at", Instant),
    # the defence
    Column("parent_ticket", Integer),  # no foreign key: the parent may be removed first
    Column("defence", Json(Defence), nullable=False),
    Column("state_reason", Text, nullable=False),
    one_of(Direction, "trades", "direction"),
    one_of(Protection, "trades", "protection"),
    one_of(State, "trades", "state"),
    one_of(CloseReason, "trades", "close_reason"),
    CheckConstraint("closing_unconfirmed IN (0, 1)", name="trades_closing_unconfirmed"),
    CheckConstraint(
        "(close_reason IS NULL) + (close_profit IS NULL) + (close_price IS NULL)"
        " + (closed_at IS NULL) IN (0, 4)",
        name="trades_closing",
    ),
    CheckConstraint(
        "(hedge_ticket IS NULL) + (hedge_position_id IS NULL) + (hedge_volume_lots IS NULL)"
        " + (hedge_opened_at IS NULL) IN (0, 4)",
        name="trades_hedge",
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index(
    "trades_guarded_position",
    TRADES.c.account,
    TRADES.c.position_id,
    unique=True,
    sqlite_where=GUARDED_TRADE,
)
Index("trades_state", TRADES.c.account, TRADES.c.state)
Index("trades_position_ticket", TRADES.c.account, TRADES.c.position_ticket)
Index("trades_closed_at", TRADES.c.account, TRADES.c.closed_at)
Index("trades_active", TRADES.c.account, TRADES.c.ticket, sqlite_where=ACTIVE_TRADE)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("ticket", Integer),
    Column("symbol", Text),
    Column("type", Text, nullable=False),  # unchecked: each issue adds types, the code names them
    Column("payload", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index("events_ticket", EVENTS.c.account, EVENTS.c.ticket)

ACTIONS: Final = Table(
    "actions",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("ticket", Integer, nullable=False),
    Column("kind", Word(ActionKind), nullable=False),  # unchecked, as the types of events
    Column("state", Word(ActionState), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked", Json(Order), nullable=False),
    Column("became", Json(Became)),
    Column("retcode", Integer),
    Column("message", Text, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("ended_at", Instant),
    one_of(ActionState, "actions", "state"),
    ForeignKeyConstraint(
        ["account", "ticket"], ["trades.account", "trades.ticket"], ondelete="CASCADE"
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index("actions_ticket", ACTIONS.c.account, ACTIONS.c.ticket)
Index("actions_started_at", ACTIONS.c.account, ACTIONS.c.started_at)
Index("actions_unsettled", ACTIONS.c.account, ACTIONS.c.started_at, sqlite_where=UNSETTLED_ACTION)

META: Final = Table(
    "meta",
    METADATA,
    Column("account", Text, primary_key=True),  # "" is the database itself
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
