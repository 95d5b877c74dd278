"""Trades, actions and events as rows, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from dtms_server.domain.actions import Action
from dtms_server.domain.events import CLASS_OF, Change, Event, EventType, Recorded
from dtms_server.domain.trade import Closing, Hedge, Terms, Trade

TERMS: Final = tuple(f.name for f in fields(Terms) if f.name != "hedge")
TRADE: Final = tuple(f.name for f in fields(Trade) if f.name not in ("terms", "closing"))
ACTION: Final = tuple(f.name for f in fields(Action) if f.name != "order")
DECODERS: Final[Mapping[type[Event], msgspec.json.Decoder[Event]]] = {
    kind: msgspec.json.Decoder(kind) for kind in CLASS_OF.values()
}


def row_of(trade: Trade) -> dict[str, Any]:
    """Return the trade as a row of TRADES."""
    closing, hedge = trade.closing, trade.terms.hedge
    return (
        {name: getattr(trade, name) for name in TRADE}
        | {name: getattr(trade.terms, name) for name in TERMS}
        | {
            "hedge_ticket": hedge and hedge.ticket,
            "hedge_position_id": hedge and hedge.position_id,
            "hedge_volume_lots": hedge and hedge.volume_lots,
            "hedge_opened_at": hedge and hedge.opened_at,
            "close_reason": closing and closing.reason,
            "close_profit": closing and closing.profit,
            "close_price": closing and closing.price,
            "closed_at": closing and closing.at,
        }
    )


def trade_of(row: Row[Any]) -> Trade:
    """Return the trade of a row of TRADES."""
    columns = row._mapping
    return Trade(
        **{name: columns[name] for name in TRADE},
        terms=Terms(**{name: columns[name] for name in TERMS}, hedge=_hedge_of(row)),
        closing=_closing_of(row),
    )


def action_row(account: str, action: Action) -> dict[str, Any]:
    """Return the action as a row of ACTIONS."""
    kept = {name: getattr(action, name) for name in ACTION}
    return {"account": account, "asked": action.order} | kept


def action_of(row: Row[Any]) -> Action:
    """Return the action of a row of ACTIONS."""
    columns = row._mapping
    return Action(**{name: columns[name] for name in ACTION}, order=row.asked)


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


def _hedge_of(row: Row[Any]) -> Hedge | None:
    if row.hedge_ticket is None:
        return None
    return Hedge(
        row.hedge_ticket, row.hedge_position_id, row.hedge_volume_lots, row.hedge_opened_at
    )


def _closing_of(row: Row[Any]) -> Closing | None:
    if row.close_reason is None:
        return None
    return Closing(row.close_reason, row.close_profit, row.close_price, row.closed_at)


def _reread(event: Event, payload: bytes) -> Event | None:
    try:
        return DECODERS[type(event)].decode(payload)
    except msgspec.ValidationError:
        return None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
