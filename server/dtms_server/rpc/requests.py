"""Requests into the domain's values: every violation of a request at once, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from dtms.v1 import event_pb2, service_pb2, trade_pb2
from google.protobuf.duration_pb2 import Duration

from dtms_server.domain.claims import Claim, HedgeDisposition
from dtms_server.domain.events import EventType
from dtms_server.domain.trade import Direction, Protection, State
from dtms_server.ports import ActionFilter, EventFilter, TradeFilter
from dtms_server.rpc.tokens import ActionToken, PageToken, ResumeToken
from dtms_server.rpc.violations import Violations

HEARTBEAT_SECONDS: Final = 10.0
HEARTBEAT_RANGE_SECONDS: Final = (1.0, 60.0)
UPDATABLE: Final = ("protection", "labels")


class HasTicket(Protocol):
    """A request that names one trade."""

    @property
    def ticket(self) -> int:
        """The trade's ticket."""


@dataclass(frozen=True, slots=True)
class Update:
    """What to change of a trade; None: leave it as it is."""

    ticket: int
    protection: Protection | None
    labels: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Release:
    """Which trade to release, and what becomes of its hedge; None: the caller did not say."""

    ticket: int
    hedge: HedgeDisposition | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which trades to list, how many a page, and where to go on."""

    wanted: TradeFilter
    size: int
    token: PageToken | None


@dataclass(frozen=True, slots=True)
class ActionListing:
    """Which actions to list, how many a page, and where to go on."""

    wanted: ActionFilter
    size: int
    token: ActionToken | None


@dataclass(frozen=True, slots=True)
class Following:
    """Which events to stream, from where, and how long a silence may last; `scores_of` is None
    where no scores are asked for."""

    wanted: EventFilter
    token: ResumeToken | None
    from_earliest: bool
    scores_of: EventFilter | None
    heartbeat_seconds: float


def claim(request: service_pb2.RegisterTradeRequest) -> Claim:
    """Read what a caller claims of a position."""
    check = Violations()

    def positive(
        path: Literal["entry_price", "volume", "stop_loss", "take_profit"],
    ) -> float | None:
        return check.positive(path, given=request.HasField(path), value=getattr(request, path))

    claimed = Claim(
        ticket=check.ticket(request.ticket),
        symbol=check.symbol(request.symbol),
        direction=_direction(check, request.direction),
        entry_price=positive("entry_price"),
        volume_lots=positive("volume"),
        stop_loss=positive("stop_loss"),
        take_profit=positive("take_profit"),
        protection=_protection(check, request.protection),
        labels=check.labels(request.labels),
    )
    check.raise_if_any()
    return claimed


def update(request: service_pb2.UpdateTradeRequest) -> Update:
    """Read what to change of a trade; fields that the mask does not name are checked all the
    same, so that a mistake is told before it matters."""
    check = Violations()
    paths = request.update_mask.paths
    if not paths:
        check.add("update_mask", f"is required: name at least one of {', '.join(UPDATABLE)}")
    for place, path in enumerate(paths):
        if path not in UPDATABLE:
            check.add(f"update_mask.paths[{place}]", f"must be one of {', '.join(UPDATABLE)}")
    ticket = check.ticket(request.ticket)
    protection = _protection(check, request.protection)
    labels = check.labels(request.labels)
    check.raise_if_any()
    return Update(
        ticket,
        protection if "protection" in paths else None,
        labels if "labels" in paths else None,
    )


def ticket(request: HasTicket) -> int:
    """Read which trade is meant."""
    check = Violations()
    check.ticket(request.ticket)
    check.raise_if_any()
    return request.ticket


def release(request: service_pb2.ReleaseTradeRequest) -> Release:
    """Read which trade to release, and what becomes of its hedge."""
    check = Violations()
    ticket = check.ticket(request.ticket)
    disposition = event_pb2.HedgeDisposition
    hedge = check.member("hedge", disposition, request.hedge, HedgeDisposition)
    check.raise_if_any()
    return Release(ticket, hedge)


def listing(request: service_pb2.ListTradesRequest) -> Listing:
    """Read which trades to list; raises PageTokenInvalid for a mangled token."""
    check = Violations()
    size = check.page_size(request.page_size)
    wanted = TradeFilter(
        states=check.members("states", trade_pb2.TradeState, request.states, State),
        symbols=check.symbols(request.symbols),
        labels=check.labels(request.labels) or None,
        include_closed=request.include_closed,
    )
    check.raise_if_any()
    return Listing(wanted, size, PageToken.read(request.page_token) if request.page_token else None)


def following(request: service_pb2.StreamMonitorEventsRequest) -> Following:
    """Read which events to stream; raises ResumeTokenInvalid for a mangled token."""
    check = Violations()
    check.known("start_from", service_pb2.StartFrom, request.start_from)
    types = check.members("types", event_pb2.MonitorEventType, request.types, EventType)
    wanted = EventFilter(check.tickets(request.tickets), check.symbols(request.symbols), types)
    check.raise_if_any()
    return Following(
        wanted,
        ResumeToken.read(request.resume_token) if request.resume_token else None,
        scores_of=wanted if request.include_scores else None,
        from_earliest=request.start_from == service_pb2.START_FROM_EARLIEST,
        heartbeat_seconds=_heartbeat_seconds(request),
    )


def actions(request: service_pb2.ListActionsRequest) -> ActionListing:
    """Read which actions to list; raises PageTokenInvalid for a mangled token."""
    check = Violations()

    def moment(path: Literal["started_from", "started_before"]) -> datetime | None:
        return check.timestamp(path, given=request.HasField(path), value=getattr(request, path))

    size = check.page_size(request.page_size)
    wanted = ActionFilter(
        ticket=check.ticket(request.ticket) if request.HasField("ticket") else None,
        started_from=moment("started_from"),
        started_before=moment("started_before"),
    )
    check.raise_if_any()
    token = ActionToken.read(request.page_token) if request.page_token else None
    return ActionListing(wanted, size, token)


def reason(request: service_pb2.PauseActionsRequest | service_pb2.ResumeActionsRequest) -> str:
    """Read why an operator stops or allows all orders."""
    check = Violations()
    check.reason(request.reason)
    check.raise_if_any()
    return request.reason


def _direction(check: Violations, number: int) -> Direction:
    found = check.member("direction", trade_pb2.Direction, number, Direction)
    if number == trade_pb2.DIRECTION_UNSPECIFIED:
        check.add("direction", "is required")
    return found or Direction.BUY  # any will do: without one the claim is refused


def _protection(check: Violations, number: int) -> Protection:
    found = check.member("protection", trade_pb2.Protection, number, Protection)
    return found or Protection.PROTECT


def _heartbeat_seconds(request: service_pb2.StreamMonitorEventsRequest) -> float:
    if not request.HasField("heartbeat_interval"):
        return HEARTBEAT_SECONDS
    interval: Duration = request.heartbeat_interval
    low, high = HEARTBEAT_RANGE_SECONDS
    return min(max(interval.seconds + interval.nanos / 1e9, low), high)
