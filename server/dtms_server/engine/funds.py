"""What the history tells of the account's money: payments, and what deals made."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import CashFlow, Deal
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

LATE: Final = timedelta(minutes=10)
"""How long after it was paid a deposit may show up in the history."""
CLOCKS_DIFFER: Final = timedelta(seconds=1)
"""By how much a payment's time, the broker's, may lie ahead of ours for what is made already."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told for the first time: payments, the newest deal's ticket, and what payments and
    deals together have made of the money."""

    cash: tuple[CashFlow, ...]
    last_deal: int
    money: float


async def news(
    view: TerminalView, since: datetime, at: datetime, counted: Iterable[CashFlow], last_deal: int
) -> Told:
    """Return what the history tells up to `at`, but for the payments that were counted and the
    deals up to the last one; nothing where it cannot be read. `since` is when the money was known.

    Raises TerminalLost.
    """
    try:
        history = await view.history(min(since, at) - LATE)
    except TerminalFailed as fault:
        log.warning("deals and deposits not read", error=fault.message)
        return Told((), last_deal, 0.0)
    new = (Counter(history.cash) - Counter(counted)).elements()
    cash = tuple(flow for flow in new if flow.at - at < CLOCKS_DIFFER)
    deals = [deal for deal in history.deals if deal.ticket > last_deal]
    money = sum(flow.amount for flow in cash) + sum(map(_made, deals))
    return Told(cash, max((deal.ticket for deal in deals), default=last_deal), money)


def _made(deal: Deal) -> float:
    return deal.profit + deal.swap + deal.commission + deal.fee
