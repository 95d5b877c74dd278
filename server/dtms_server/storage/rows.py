"""Trades and events as rows, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from dtms_server.domain.events import CLASS_OF, Change, Event, EventType, Recorded
from dtms_server.domain.trade import Closing, Terms, Trade

TERMS: Final = tuple(field.name for field in fields(Terms))
TRADE: Final = tuple(f.name for f in fields(Trade) if f.name not in ("terms", "closing"))
DECODERS: Final[Mapping[type[Event], msgspec.json.Decoder[Event]]] = {
    kind: msgspec.json.Decoder(kind) for kind in CLASS_OF.values()
}


def row_of(trade: Trade) -> dict[str, Any]:
    """Return the trade as a row of TRADES."""
    closing = trade.closing
    return (
        {name: getattr(trade, name) for name in TRADE}
        | {name: getattr(trade.terms, name) for name in TERMS}
        | {
            "close_reason": closing and closing.reason,
            "close_profit": closing and closing.profit,
            "close_price": closing and closing.price,
            "closed_at": closing and closing.at,
        }
    )


def trade_of(row: Row[Any]) -> Trade:
    """Return the trade of a row of TRADES."""
    columns = row._mapping
    closing = None
    if row.close_reason is not None:
        closing = Closing(row.close_reason, row.close_profit, row.close_price, row.closed_at)
    return Trade(
        **{name: columns[name] for name in TRADE},
        terms=Terms(**{name: columns[name] for name in TERMS}),
        closing=closing,
    )


def recorded_of(account: str, sequence: int, change: Change) -> Recorded:
    """Return the change as the event that it is at `sequence`."""
    trade = change.trade
    return Recorded(
        sequence=sequence,
        at=change.at,
        account=account,
        event=change.event,
        ticket=trade.ticket if trade else None,
        symbol=trade.symbol if trade else None,
    )


def event_row(recorded: Recorded, payload: str) -> dict[str, Any]:
    """Return the event as a row of EVENTS."""
    return {
        "account": recorded.account,
        "sequence": recorded.sequence,
        "at": recorded.at,
        "ticket": recorded.ticket,
        "symbol": recorded.symbol,
        "type": recorded.type,
        "payload": payload,
    }


def event_of(row: Row[Any]) -> Recorded:
    """Return the event of a row of EVENTS."""
    event = DECODERS[CLASS_OF[EventType(row.type)]].decode(row.payload)
    return Recorded(row.sequence, row.at, row.account, event, row.ticket, row.symbol)


def payload_of(event: Event) -> str:
    """Return the event's facts as JSON.

    Raises ValueError for facts that JSON would not give back (a price that is not a number): an
    event that cannot be read again would stop every stream behind it.
    """
    payload = msgspec.json.encode(event, enc_hook=_plain)
    if _reread(event, payload) != event:
        raise ValueError(f"not to be kept as JSON: {event}")
    return payload.decode()


def _reread(event: Event, payload: bytes) -> Event | None:
    try:
        return DECODERS[type(event)].decode(payload)
    except msgspec.ValidationError:
        return None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
