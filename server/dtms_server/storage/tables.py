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

from dtms_server.domain.trade import GUARDED, CloseReason, Direction, Protection, State
from dtms_server.storage.columns import Flag, Instant, Labels, Word, one_of, quoted

METADATA: Final = MetaData()

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
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index(
    "trades_guarded_position",
    TRADES.c.account,
    TRADES.c.position_id,
    unique=True,
    sqlite_where=text(f"state IN ({quoted(sorted(GUARDED))})"),
)
Index("trades_state", TRADES.c.account, TRADES.c.state)
Index("trades_position_ticket", TRADES.c.account, TRADES.c.position_ticket)

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
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("became", Text),
    Column("retcode", Integer),
    Column("message", Text, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    CheckConstraint("state IN ('STARTED', 'UNKNOWN', 'DONE', 'FAILED')", name="actions_state"),
    ForeignKeyConstraint(
        ["account", "ticket"], ["trades.account", "trades.ticket"], ondelete="CASCADE"
    ),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index("actions_ticket", ACTIONS.c.account, ACTIONS.c.ticket)
Index("actions_started_at", ACTIONS.c.account, ACTIONS.c.started_at)

META: Final = Table(
    "meta",
    METADATA,
    Column("account", Text, primary_key=True),  # "" is the database itself
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
