"""A position put under guard: the trade that it becomes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from dtms_server.domain.market import Account, Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Defence, Descent, Protection, State, Terms, Trade


def armed(
    ticket: int,
    position: Position,
    account: Account,
    at: datetime,
    policy: Policy,
    *,
    protection: Protection = Protection.PROTECT,
    labels: Mapping[str, str] | None = None,
    grace_from: datetime | None = None,
    descent: Descent = Descent(),  # noqa: B008 - frozen
) -> Trade:
    """Return a new trade of a position, guarded from `at` on; its grace begins then, or at
    `grace_from`. `descent` is that of an earlier guard of the same trade."""
    minutes = timedelta(minutes=policy.defence.states.grace_minutes)
    terms = Terms(
        position_ticket=position.ticket,
        position_id=position.identifier,
        entry_price=position.entry_price,
        volume_lots=position.volume_lots,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
        protection=protection,
        labels=labels or {},
        grace_until=(grace_from or at) + minutes,
    )
    return Trade(
        account=account.name,
        ticket=ticket,
        symbol=position.symbol,
        direction=position.direction,
        initial_volume_lots=position.volume_lots,
        initial_stop_loss=position.stop_loss,
        account_currency=account.currency,
        terms=terms,
        state=State.HEALTHY,
        state_entered_at=at,
        registered_at=at,
        updated_at=at,
        defence=Defence(descent=descent),
    )


def readded(
    parent: Trade, position: Position, account: Account, at: datetime, policy: Policy
) -> Trade:
    """Return the trade of a position that was opened to add to `parent` again."""
    child = armed(
        position.ticket,
        position,
        account,
        at,
        policy,
        protection=parent.terms.protection,
        labels=parent.terms.labels,
    )
    return replace(child, parent_ticket=parent.ticket)
