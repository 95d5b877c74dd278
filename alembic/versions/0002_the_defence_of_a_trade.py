"""The defence of a trade."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GUARDED = "'HEALTHY', 'HEDGED', 'RECOVERING', 'WARNING_L1', 'WARNING_L2'"
UNTOUCHED = "{}"
"""The defence of a trade for which nothing was done: what is not in the text has its default."""
KEPT_AS = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    op.drop_table("actions")  # nothing wrote to it so far
    extend_trades()
    create_actions()


def extend_trades() -> None:
    op.add_column("trades", sa.Column("parent_ticket", sa.Integer()))
    op.add_column("trades", sa.Column("defence", sa.Text()))
    op.add_column("trades", sa.Column("state_reason", sa.Text()))
    untouched = sa.text("UPDATE trades SET defence = :defence, state_reason = ''")
    op.execute(untouched.bindparams(defence=UNTOUCHED))
    with op.batch_alter_table("trades", recreate="always", table_kwargs=KEPT_AS) as trades:
        after = "closing_unconfirmed"
        for column in (
            sa.Column("r_distance", sa.REAL()),
            sa.Column("grace_until", sa.Integer()),
            sa.Column("hedge_profit", sa.REAL()),
            sa.Column("hedge_ticket", sa.Integer()),
            sa.Column("hedge_position_id", sa.Integer()),
            sa.Column("hedge_volume_lots", sa.REAL()),
            sa.Column("hedge_opened_at", sa.Integer()),
        ):
            trades.add_column(column, insert_after=after)
            after = column.name
        trades.alter_column("defence", nullable=False)
        trades.alter_column("state_reason", nullable=False)
        trades.create_check_constraint(
            "trades_hedge",
            "(hedge_ticket IS NULL) + (hedge_position_id IS NULL) + (hedge_volume_lots IS NULL)"
            " + (hedge_opened_at IS NULL) IN (0, 4)",
        )
    op.create_index("trades_closed_at", "trades", ["account", "closed_at"])
    op.create_index(
        "trades_active",
        "trades",
        ["account", "ticket"],
        sqlite_where=sa.text(f"(state IN ({GUARDED}) OR hedge_position_id IS NOT NULL)"),
    )


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
        sa.Column("sent_at", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Integer()),
        sa.PrimaryKeyConstraint("account", "id"),
        sa.CheckConstraint(
            "state IN ('STARTED', 'UNKNOWN', 'DONE', 'FAILED')", name="actions_state"
        ),
        sa.ForeignKeyConstraint(
            ["account", "ticket"], ["trades.account", "trades.ticket"], ondelete="CASCADE"
        ),
        **KEPT_AS,
    )
    op.create_index("actions_ticket", "actions", ["account", "ticket"])
    op.create_index("actions_started_at", "actions", ["account", "started_at"])
    op.create_index(
        "actions_unsettled",
        "actions",
        ["account", "started_at"],
        sqlite_where=sa.text("state IN ('STARTED', 'UNKNOWN')"),
    )
