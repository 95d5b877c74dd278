"""The calls of the asyncio client: each RPC that has one answer, as a method to be awaited."""

# ruff: noqa: ASYNC109  # `timeout` is gRPC's deadline, which the server is told too

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, SupportsIndex, Unpack

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.action_pb2 import Action
from dtms.v1.trade_pb2 import Trade

from dtms_client import answers, requests
from dtms_client.answers import OfTradeT, WithTradeT
from dtms_client.calls import RequestT, ResponseT
from dtms_client.requests import Claims
from dtms_client.trades import TradeList

if TYPE_CHECKING:
    from dtms.v1.service_pb2_grpc import DtmsServiceAsyncStub


class AsyncCalls(ABC):
    """See Calls."""

    async def register_trade(
        self,
        ticket: SupportsIndex,
        symbol: str,
        direction: str | int,
        *,
        timeout: float | None = None,
        **claims: Unpack[Claims],
    ) -> pb.RegisterTradeResponse:
        """See DtmsClient.register_trade."""
        request = requests.register_trade(ticket, symbol, direction, **claims)
        return await self._ask_of_trade(self._stub().RegisterTrade, request, timeout)

    async def update_trade(
        self,
        ticket: SupportsIndex,
        *,
        protection: str | int | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Trade:
        """See DtmsClient.update_trade."""
        request = requests.update_trade(ticket, protection, labels)
        return (await self._ask_of_trade(self._stub().UpdateTrade, request, timeout)).trade

    async def release_trade(
        self,
        ticket: SupportsIndex,
        *,
        hedge: str | int = "UNSPECIFIED",
        timeout: float | None = None,
    ) -> Trade:
        """See DtmsClient.release_trade."""
        request = requests.release_trade(ticket, hedge)
        return (await self._ask_of_trade(self._stub().ReleaseTrade, request, timeout)).trade

    async def get_trade(self, ticket: SupportsIndex, *, timeout: float | None = None) -> Trade:
        """See DtmsClient.get_trade."""
        request = requests.get_trade(ticket)
        return (await self._ask_of_trade(self._stub().GetTrade, request, timeout)).trade

    async def list_trades(
        self,
        *,
        states: Iterable[str | int] = (),
        symbols: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        include_closed: bool = False,
        timeout: float | None = None,
    ) -> TradeList:
        """See DtmsClient.list_trades."""
        request = requests.list_trades(states, symbols, labels, include_closed)
        pages = answers.Pages(request)
        page = await self._ask(self._stub().ListTrades, request, timeout)
        trades, token = list(page.trades), page.resume_token
        while pages.turn(page.next_page_token):
            page = await self._ask(self._stub().ListTrades, request, timeout)
            trades += page.trades
        return TradeList(tuple(trades), token)

    async def list_actions(
        self,
        ticket: SupportsIndex | None = None,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> tuple[Action, ...]:
        """See DtmsClient.list_actions."""
        request = requests.list_actions(ticket, since, before, limit)
        pages, actions = answers.Pages(request), list[Action]()
        while limit is None or len(actions) < limit:
            page = await self._ask(self._stub().ListActions, request, timeout)
            actions += page.actions
            if not pages.turn(page.next_page_token):
                break
        return tuple(actions[:limit])

    async def pause_actions(
        self, reason: str = "", *, timeout: float | None = None
    ) -> tuple[Action, ...]:
        """See DtmsClient.pause_actions."""
        request = pb.PauseActionsRequest(reason=reason)
        return tuple((await self._ask(self._stub().PauseActions, request, timeout)).unsettled)

    async def resume_actions(self, reason: str = "", *, timeout: float | None = None) -> None:
        """See DtmsClient.resume_actions."""
        await self._ask(self._stub().ResumeActions, pb.ResumeActionsRequest(reason=reason), timeout)

    async def reset_rails(self, *, timeout: float | None = None) -> tuple[str, ...]:
        """See DtmsClient.reset_rails."""
        answer = await self._ask(self._stub().ResetRails, pb.ResetRailsRequest(), timeout)
        return tuple(answer.lifted)

    async def status(self, *, timeout: float | None = None) -> pb.GetStatusResponse:
        """See DtmsClient.status."""
        return await self._ask(self._stub().GetStatus, pb.GetStatusRequest(), timeout)

    async def _ask_of_trade(
        self,
        rpc: "grpc.aio.UnaryUnaryMultiCallable[OfTradeT, WithTradeT]",
        request: OfTradeT,
        timeout: float | None,
    ) -> WithTradeT:
        return answers.checked(request, await self._ask(rpc, request, timeout))

    @abstractmethod
    def _stub(self) -> "DtmsServiceAsyncStub": ...

    @abstractmethod
    async def _ask(
        self,
        rpc: "grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout: float | None,
    ) -> ResponseT: ...
