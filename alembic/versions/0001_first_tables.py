"""The first tables: trades, events, actions, meta."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GUARDED = "'HEALTHY', 'HEDGED', 'RECOVERING', 'WARNING_L1', 'WARNING_L2'"


def upgrade() -> None:
    create_trades()
    create_events()
    create_actions()
    create_meta()


def create_trades() -> None:
    op.create_table(
        "trades",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("initial_volume_lots", sa.REAL(), nullable=False),
        sa.Column("initial_stop_loss", sa.REAL()),
        sa.Column("account_currency", sa.Text(), nullable=False),
        sa.Column("position_ticket", sa.Integer(), nullable=False),
        sa.Column("position_id", sa.Integer(), nullable=False),
        sa.Column("entry_price", sa.REAL(), nullable=False),
        sa.Column("volume_lots", sa.REAL(), nullable=False),
        sa.Column("stop_loss", sa.REAL()),
        sa.Column("take_profit", sa.REAL()),
        sa.Column("protection", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("closing_unconfirmed", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_entered_at", sa.Integer(), nullable=False),
        sa.Column("registered_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.Column("close_reason", sa.Text()),
        sa.Column("close_profit", sa.REAL()),
        sa.Column("close_price", sa.REAL()),
        sa.Column("closed_at", sa.Integer()),
        sa.PrimaryKeyConstraint("account", "ticket"),
        sa.CheckConstraint("direction IN ('BUY', 'SELL')", name="trades_direction"),
        sa.CheckConstraint("protection IN ('PROTECT', 'OBSERVE')", name="trades_protection"),
        sa.CheckConstraint(
            "state IN ('HEALTHY', 'WARNING_L1', 'WARNING_L2', 'HEDGED', 'RECOVERING', 'CLOSED',"
            " 'RELEASED')",
            name="trades_state",
        ),
        sa.CheckConstraint(
            "close_reason IN ('SL', 'TP', 'STOP_OUT', 'MANUAL', 'PROGRAM', 'BROKER', 'DTMS',"
            " 'UNKNOWN')",
            name="trades_close_reason",
        ),
        sa.CheckConstraint("closing_unconfirmed IN (0, 1)", name="trades_closing_unconfirmed"),
        sa.CheckConstraint(
            "(close_reason IS NULL) + (close_profit IS NULL) + (close_price IS NULL)"
            " + (closed_at IS NULL) IN (0, 4)",
            name="trades_closing",
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "trades_guarded_position",
        "trades",
        ["account", "position_id"],
        unique=True,
        sqlite_where=sa.text(f"state IN ({GUARDED})"),
    )
    op.create_index("trades_state", "trades", ["account", "state"])
    op.create_index("trades_position_ticket", "trades", ["account", "position_ticket"])


def create_events() -> None:
    op.create_table(
        "events",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.Integer()),
        sa.Column("symbol", sa.Text()),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "sequence"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("events_ticket", "events", ["account", "ticket"])


def create_actions() -> None:
    op.create_table(
        "actions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("became", sa.Text()),
        sa.Column("retcode", sa.Integer()),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Integer()),
        sa.PrimaryKeyConstraint("account", "id"),
        sa.CheckConstraint(
            "state IN ('STARTED', 'UNKNOWN', 'DONE', 'FAILED')", name="actions_state"
        ),
        sa.ForeignKeyConstraint(
            ["account", "ticket"], ["trades.account", "trades.ticket"], ondelete="CASCADE"
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("actions_ticket", "actions", ["account", "ticket"])
    op.create_index("actions_started_at", "actions", ["account", "started_at"])


def create_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
