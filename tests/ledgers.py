"""Trades, changes and readers for whoever tests what a store keeps."""

from datetime import UTC, datetime, timedelta
from itertools import count

from dtms_server.domain.events import Change, Recorded, TerminalLost, TradeRegistered, change
from dtms_server.domain.trade import (
    CloseReason,
    Closing,
    Direction,
    Protection,
    State,
    Terms,
    Trade,
)
from dtms_server.ports import EventFilter, Journal, TradeFilter

ACCOUNT = "5001@Broker-Demo"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANY = EventFilter()
ALL = TradeFilter(include_closed=True)
LOGINS = count(1)
CLOSING = Closing(CloseReason.SL, -12.5, 1.0955, AT)


def a_trade(ticket: int, *, account: str = ACCOUNT, position_id: int | None = None) -> Trade:
    return Trade(
        account=account,
        ticket=ticket,
        symbol="EURUSD" if ticket % 2 else "XAUUSD",
        direction=Direction.BUY,
        initial_volume_lots=0.1,
        initial_stop_loss=None,
        account_currency="USD",
        terms=Terms(
            position_ticket=ticket,
            position_id=position_id or ticket,
            entry_price=1.1,
            volume_lots=0.1,
            stop_loss=1.09,
            take_profit=None,
            protection=Protection.PROTECT,
            labels={"bot": f"b{ticket % 3}"},
        ),
        state=State.HEALTHY,
        state_entered_at=AT,
        registered_at=AT,
        updated_at=AT,
    )


def registered(trade: Trade) -> Change:
    return change(None, TradeRegistered(trade, rearmed=False), AT)


def lost(n: int) -> Change:
    return Change(AT + timedelta(seconds=n), TerminalLost(f"loss {n}"))


async def everything(journal: Journal, after: int = 0) -> list[Recorded]:
    events: list[Recorded] = []
    while after < journal.head:
        page = await journal.page(after, ANY)
        assert page.scanned > after
        events += page.events
        after = page.scanned
    return events


async def followed(journal: Journal, after: int, until: int) -> list[Recorded]:
    """What a stream does: read, and where there is nothing more, wait."""
    events: list[Recorded] = []
    while after < until:
        page = await journal.page(after, ANY)
        events += page.events
        after = page.scanned
        if after < until:
            await journal.grown(after)
    return events
