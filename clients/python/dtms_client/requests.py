"""Plain Python to request messages: enums by name, numbers of any library, what is not given left
out. What the values mean is checked by the server alone."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import index
from typing import TYPE_CHECKING, SupportsIndex, TypedDict, TypeVar

from dtms.v1 import event_pb2, trade_pb2
from dtms.v1 import service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

EnumT = TypeVar("EnumT", bound=int)

PAGE_SIZE = 1000


class Claims(TypedDict, total=False):
    """What a caller may tell about its position: prices in the symbol's quote currency, `volume` in
    lots, `protection` "PROTECT" (the default) or "OBSERVE", `labels` at most 16."""

    entry_price: float | None
    volume: float | None
    stop_loss: float | None
    take_profit: float | None
    protection: str | int
    labels: Mapping[str, str] | None


class EventFilter(TypedDict, total=False):
    """Which events to stream: those that fit each filter given. `since` is a resume token, else
    `start_from` ("NOW" or "EARLIEST") counts; `types` by name, as "TRADE_CLOSED";
    `heartbeat_interval` in seconds, 1 to 60."""

    since: str
    start_from: str | int
    tickets: Iterable[SupportsIndex]
    symbols: Iterable[str]
    types: Iterable[str | int]
    heartbeat_interval: float


def register_trade(
    ticket: SupportsIndex,
    symbol: str,
    direction: str | int,
    *,
    entry_price: float | None = None,
    volume: float | None = None,
    stop_loss: float | None = None,
    take_profit: float | None = None,
    protection: str | int = "PROTECT",
    labels: Mapping[str, str] | None = None,
) -> pb.RegisterTradeRequest:
    """Claim an open position; `direction` is "BUY" or "SELL"."""
    return pb.RegisterTradeRequest(
        ticket=index(ticket),
        symbol=symbol,
        direction=enum_value(trade_pb2.Direction, direction),
        entry_price=entry_price,
        volume=volume,
        stop_loss=stop_loss,
        take_profit=take_profit,
        protection=enum_value(trade_pb2.Protection, protection),
        labels=labels or {},
    )


def update_trade(
    ticket: SupportsIndex, protection: str | int | None, labels: Mapping[str, str] | None
) -> pb.UpdateTradeRequest:
    """Set what is not None; labels replace all there are."""
    request = pb.UpdateTradeRequest(ticket=index(ticket), labels=labels or {})
    if protection is not None:
        request.protection = enum_value(trade_pb2.Protection, protection)
        request.update_mask.paths.append("protection")
    if labels is not None:
        request.update_mask.paths.append("labels")
    return request


def release_trade(ticket: SupportsIndex, hedge: str | int) -> pb.ReleaseTradeRequest:
    """`hedge` is "CLOSE", "LEAVE", or "UNSPECIFIED" for a trade that has none."""
    disposition = enum_value(event_pb2.HedgeDisposition, hedge)
    return pb.ReleaseTradeRequest(ticket=index(ticket), hedge=disposition)


def get_trade(ticket: SupportsIndex) -> pb.GetTradeRequest:
    """By the ticket as registered or as it is now."""
    return pb.GetTradeRequest(ticket=index(ticket))


def list_trades(
    states: Iterable[str | int],
    symbols: Iterable[str],
    labels: Mapping[str, str] | None,
    include_closed: bool,
) -> pb.ListTradesRequest:
    """The first page."""
    return pb.ListTradesRequest(
        page_size=PAGE_SIZE,
        states=[enum_value(trade_pb2.TradeState, state) for state in states],
        symbols=symbols,
        labels=labels or {},
        include_closed=include_closed,
    )


def list_actions(
    ticket: SupportsIndex | None,
    since: datetime | None,
    before: datetime | None,
    limit: int | None,
) -> pb.ListActionsRequest:
    """The first page, no larger than what is wanted; ValueError for a time without a zone, which
    could be any."""
    request = pb.ListActionsRequest(page_size=min(limit or PAGE_SIZE, PAGE_SIZE))
    if ticket is not None:
        request.ticket = index(ticket)
    for field, at in ((request.started_from, since), (request.started_before, before)):
        if at is not None:
            if at.tzinfo is None:
                raise ValueError(f"{at!r} has no time zone")
            field.FromDatetime(at)
    return request


def stream_events(
    *,
    since: str = "",
    start_from: str | int = "NOW",
    tickets: Iterable[SupportsIndex] = (),
    symbols: Iterable[str] = (),
    types: Iterable[str | int] = (),
    heartbeat_interval: float = 10.0,
    include_scores: bool = False,
) -> pb.StreamMonitorEventsRequest:
    """See EventFilter."""
    request = pb.StreamMonitorEventsRequest(
        resume_token=since,
        start_from=enum_value(pb.StartFrom, start_from),
        tickets=[index(ticket) for ticket in tickets],
        symbols=symbols,
        types=[enum_value(event_pb2.MonitorEventType, each) for each in types],
        include_scores=include_scores,
    )
    request.heartbeat_interval.FromNanoseconds(round(heartbeat_interval * 1e9))
    return request


def enum_value(enum: "_EnumTypeWrapper[EnumT]", name: str | int) -> EnumT:
    """Find a value by its name, with or without the enum's prefix; a number goes as it is.

    Raises ValueError naming those that there are.

    >>> enum_value(Direction, "SELL"), enum_value(Direction, "DIRECTION_SELL")
    (2, 2)
    >>> enum_value(Direction, "LONG")
    Traceback (most recent call last):
    ValueError: 'LONG' is no Direction: one of UNSPECIFIED, BUY, SELL is
    """
    prefix = enum.keys()[0].removesuffix("UNSPECIFIED")
    if isinstance(name, int):
        return enum.Value(enum.Name(name))  # type: ignore[arg-type]  # any number may be asked for
    values = {key.removeprefix(prefix): value for key, value in enum.items()}
    found = values.get(name.removeprefix(prefix))
    if found is None:
        known = ", ".join(values)
        raise ValueError(f"{name!r} is no {enum.DESCRIPTOR.name}: one of {known} is")
    return found
