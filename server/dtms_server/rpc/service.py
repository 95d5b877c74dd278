"""The RPCs: each reads its fields, asks the engine, and tells the answer."""
# ruff: noqa: N802 - the methods bear the names of their RPCs

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from dtms.v1 import action_pb2, trade_pb2
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceServicer

from dtms_server.domain.errors import Draining, UnknownTrade
from dtms_server.domain.trade import Trade
from dtms_server.engine.guard import Guard
from dtms_server.ports import ActionFilter, Ledger, TradePage
from dtms_server.rpc import requests, translate
from dtms_server.rpc.events import EventStreams
from dtms_server.rpc.tokens import ActionToken, PageToken, ResumeToken

MAX_PAGE_BYTES: Final = 2 * 1024 * 1024  # half of what clients receive by default
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Shown = TypeVar("Shown", trade_pb2.Trade, action_pb2.Action)


class DtmsService(DtmsServiceServicer):
    """Checks in this order: fields, readiness, the store's row, the terminal. Errors are the
    domain's; the interceptor makes statuses of them."""

    def __init__(self, guard: Guard, streams: EventStreams) -> None:
        self._guard = guard
        self._streams = streams

    async def RegisterTrade(
        self, request: pb.RegisterTradeRequest, context: Context
    ) -> pb.RegisterTradeResponse:
        """Put an open position under guard."""
        claim = requests.claim(request)
        self._ledger()
        trade, already_registered = await self._guard.registration.register(claim)
        return pb.RegisterTradeResponse(
            trade=self._shown(trade), already_registered=already_registered
        )

    async def UpdateTrade(
        self, request: pb.UpdateTradeRequest, context: Context
    ) -> pb.UpdateTradeResponse:
        """Change a trade's protection and labels."""
        asked = requests.update(request)
        self._ledger()
        trade = await self._guard.registration.update(asked.ticket, asked.protection, asked.labels)
        return pb.UpdateTradeResponse(trade=self._shown(trade))

    async def ReleaseTrade(
        self, request: pb.ReleaseTradeRequest, context: Context
    ) -> pb.ReleaseTradeResponse:
        """Stop guarding a trade."""
        asked = requests.release(request)
        self._ledger()
        trade = await self._guard.registration.release(asked.ticket, asked.hedge)
        return pb.ReleaseTradeResponse(trade=self._shown(trade))

    async def GetTrade(self, request: pb.GetTradeRequest, context: Context) -> pb.GetTradeResponse:
        """Read one trade."""
        ticket = requests.ticket(request)
        ledger = self._ledger()
        trade = await ledger.trades.find(ticket)
        if trade is None:
            raise UnknownTrade(ticket=ticket, account=ledger.journal.account)
        return pb.GetTradeResponse(trade=self._shown(trade))

    async def ListTrades(
        self, request: pb.ListTradesRequest, context: Context
    ) -> pb.ListTradesResponse:
        """List trades by ticket, in pages."""
        asked = requests.listing(request)
        ledger = self._ledger()
        if asked.token is not None:
            asked.token.require(ledger.journal, asked.wanted)
        after = asked.token.after_ticket if asked.token else 0
        page = await ledger.trades.page(asked.wanted, after, asked.size)
        return self._listed(ledger, asked, page)

    async def ListActions(
        self, request: pb.ListActionsRequest, context: Context
    ) -> pb.ListActionsResponse:
        """List every attempt to change a position, latest first, in pages."""
        asked = requests.actions(request)
        ledger = self._ledger()
        if asked.token is not None:
            asked.token.require(ledger.journal, asked.wanted)
        before = asked.token.before if asked.token else None
        wanted = await _as_registered(ledger, asked.wanted)
        page = await ledger.actions.page(wanted, before, asked.size)
        actions = list(_fitting(map(translate.action, page.actions)))
        next_token = ""
        if page.more or len(actions) < len(page.actions):
            last = page.actions[len(actions) - 1]
            next_token = ActionToken.of(ledger.journal, asked.wanted, last).write()
        return pb.ListActionsResponse(actions=actions, next_page_token=next_token)

    async def StreamMonitorEvents(  # type: ignore[override] # writes, where the stub would iterate
        self, request: pb.StreamMonitorEventsRequest, context: Context
    ) -> None:
        """Follow the journal."""
        await self._streams.serve(request, context)

    async def GetStatus(
        self, request: pb.GetStatusRequest, context: Context
    ) -> pb.GetStatusResponse:
        """Tell how the service stands, in every phase."""
        return translate.status(await self._guard.status())

    async def PauseActions(
        self, request: pb.PauseActionsRequest, context: Context
    ) -> pb.PauseActionsResponse:
        """Let no order leave from now on."""
        why = requests.reason(request)
        self._require_not_draining()
        unsettled = await self._guard.pause(why)
        return pb.PauseActionsResponse(unsettled=map(translate.action, unsettled))

    async def ResumeActions(
        self, request: pb.ResumeActionsRequest, context: Context
    ) -> pb.ResumeActionsResponse:
        """Let orders leave again."""
        why = requests.reason(request)
        self._require_not_draining()
        await self._guard.resume(why)
        return pb.ResumeActionsResponse()

    async def ResetRails(
        self, request: pb.ResetRailsRequest, context: Context
    ) -> pb.ResetRailsResponse:
        """Lift the rails that hold until the next server day."""
        self._ledger()
        return pb.ResetRailsResponse(lifted=await self._guard.reset_rails())

    def _listed(
        self, ledger: Ledger, asked: requests.Listing, page: TradePage
    ) -> pb.ListTradesResponse:
        resume = asked.token.resume_sequence if asked.token else page.head
        trades = list(_fitting(map(self._shown, page.trades)))
        next_token = ""
        if page.more or len(trades) < len(page.trades):
            last = trades[-1].ticket
            next_token = PageToken.of(ledger.journal, asked.wanted, last, resume).write()
        return pb.ListTradesResponse(
            trades=trades,
            next_page_token=next_token,
            resume_token=ResumeToken.of(ledger.journal, resume).write(),
        )

    def _shown(self, trade: Trade) -> trade_pb2.Trade:
        return translate.trade(trade, self._guard.scores.of(trade))

    def _ledger(self) -> Ledger:
        self._guard.readiness.require_started()
        return self._guard.ledger

    def _require_not_draining(self) -> None:
        if self._guard.readiness.draining.is_set():
            raise Draining


async def _as_registered(ledger: Ledger, wanted: ActionFilter) -> ActionFilter:
    """Return the filter with the trade's ticket as registered, where it is known by another."""
    trade = None if wanted.ticket is None else await ledger.trades.find(wanted.ticket)
    return wanted if trade is None else replace(wanted, ticket=trade.ticket)


def _fitting(messages: Iterable[Shown]) -> Iterator[Shown]:
    """Yield the first message, and then as many as one answer has room for."""
    room = MAX_PAGE_BYTES
    for place, message in enumerate(messages):
        room -= message.ByteSize()
        if place and room < 0:
            return
        yield message
