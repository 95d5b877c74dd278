"""A process that uses a database until it is killed: `appending.py DATABASE HOLDER`.

It prints "open", then each number that it got acknowledged, one a line. Run by the tests.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dtms_server.domain.events import ChangeCause, TradeChanged, TradeRegistered, change
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection, State, Terms, Trade
from dtms_server.ports import Journal
from dtms_server.storage.store import SqliteStore

AT = datetime(2026, 3, 2, tzinfo=UTC)
ACCOUNT = "5001@Broker-Demo"


async def main() -> None:
    store = await SqliteStore.open(Path(sys.argv[1]), Policy(), holder=sys.argv[2])
    journal = (await store.open_account(ACCOUNT)).journal
    tell("open")
    await asyncio.gather(*(append_without_end(journal, journal.head * 10 + n) for n in range(1, 9)))


async def append_without_end(journal: Journal, ticket: int) -> None:
    """Register a trade and then change it: its volume in lots counts its events."""
    terms = Terms(ticket, ticket, 1.1, 1.0, None, None, Protection.PROTECT)
    made = change(None, TradeRegistered(new_trade(ticket, terms), False), AT)
    while True:
        tell(str(await journal.append(made)))
        assert made.trade is not None
        after = replace(made.trade.terms, volume_lots=made.trade.terms.volume_lots + 1)
        event = TradeChanged(ChangeCause.OUTSIDE, made.trade.terms, after)
        made = change(made.trade, event, AT)


def new_trade(ticket: int, terms: Terms) -> Trade:
    return Trade(
        account=ACCOUNT,
        ticket=ticket,
        symbol="EURUSD",
        direction=Direction.BUY,
        initial_volume_lots=1.0,
        initial_stop_loss=None,
        account_currency="USD",
        terms=terms,
        state=State.HEALTHY,
        state_entered_at=AT,
        registered_at=AT,
        updated_at=AT,
    )


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
