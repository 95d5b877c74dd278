"""The calls of the blocking client: each RPC that has one answer, as a method."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import SupportsIndex, TypeVar, Unpack

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.action_pb2 import Action
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms.v1.trade_pb2 import Trade

from dtms_client import answers, requests
from dtms_client.answers import OfTradeT, WithTradeT
from dtms_client.requests import Claims
from dtms_client.trades import TradeList

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class Calls(ABC):
    """What can be asked; how a call is made is the client's."""

    def register_trade(
        self,
        ticket: SupportsIndex,
        symbol: str,
        direction: str | int,
        *,
        timeout: float | None = None,
        **claims: Unpack[Claims],
    ) -> pb.RegisterTradeResponse:
        """Put an open position under guard; `direction` is "BUY" or "SELL", the rest is claims that
        the server checks. Answers the trade as the terminal has it, and `already_registered`:
        to register again is safe, and changes nothing.

        >>> answer = dtms.register_trade(ticket, "EURUSD", "BUY", labels={"bot": "grid"})
        >>> answer.already_registered, answer.trade.volume, answer.trade.HasField("stop_loss")
        (False, 0.1, False)
        >>> dtms.register_trade(ticket, "EURUSD", "BUY").already_registered
        True
        """
        request = requests.register_trade(ticket, symbol, direction, **claims)
        return self._ask_of_trade(self._stub().RegisterTrade, request, timeout)

    def update_trade(
        self,
        ticket: SupportsIndex,
        *,
        protection: str | int | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Trade:
        """Set the protection ("PROTECT" or "OBSERVE"), the labels (all of them), or both.

        >>> registered = dtms.register_trade(ticket, "EURUSD", "BUY", labels={"bot": "grid"})
        >>> trade = dtms.update_trade(ticket, protection="OBSERVE")  # advise, send no order
        >>> trade.labels["bot"]
        'grid'
        >>> dict(dtms.update_trade(ticket, labels={}).labels)
        {}
        """
        request = requests.update_trade(ticket, protection, labels)
        return self._ask_of_trade(self._stub().UpdateTrade, request, timeout).trade

    def release_trade(
        self,
        ticket: SupportsIndex,
        *,
        hedge: str | int = "UNSPECIFIED",
        timeout: float | None = None,
    ) -> Trade:
        """Stop guarding; the position stays open. A trade with a hedge needs to be told what
        becomes of it: "CLOSE" or "LEAVE". An order in flight is waited for, up to 30 s.

        >>> registered = dtms.register_trade(ticket, "EURUSD", "BUY")
        >>> TradeState.Name(dtms.release_trade(ticket, timeout=40).state)
        'TRADE_STATE_RELEASED'
        >>> dtms.register_trade(ticket, "EURUSD", "BUY").already_registered  # guarded anew
        False
        """
        request = requests.release_trade(ticket, hedge)
        return self._ask_of_trade(self._stub().ReleaseTrade, request, timeout).trade

    def get_trade(self, ticket: SupportsIndex, *, timeout: float | None = None) -> Trade:
        """Read one trade, by its ticket as registered or as it is now.

        >>> dtms.get_trade(424242)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        dtms_client.errors.TradeNotFound: TRADE_NOT_FOUND: No trade with ticket 424242 is ...
        """
        request = requests.get_trade(ticket)
        return self._ask_of_trade(self._stub().GetTrade, request, timeout).trade

    def list_trades(
        self,
        *,
        states: Iterable[str | int] = (),
        symbols: Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        include_closed: bool = False,
        timeout: float | None = None,
    ) -> TradeList:
        """Read the trades that fit every filter given, all pages; `timeout` is each page's.

        >>> registered = dtms.register_trade(ticket, "EURUSD", "BUY", labels={"run": "7"})
        >>> [trade.ticket == ticket for trade in dtms.list_trades(labels={"run": "7"})]
        [True]
        >>> len(dtms.list_trades(symbols=["USDJPY"], states=["HEDGED"]))
        0
        """
        request = requests.list_trades(states, symbols, labels, include_closed)
        pages = answers.Pages(request)
        page = self._ask(self._stub().ListTrades, request, timeout)
        trades, token = list(page.trades), page.resume_token
        while pages.turn(page.next_page_token):
            page = self._ask(self._stub().ListTrades, request, timeout)
            trades += page.trades
        return TradeList(tuple(trades), token)

    def list_actions(
        self,
        ticket: SupportsIndex | None = None,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> tuple[Action, ...]:
        """Read the attempts to change positions, latest first: of one trade, by its ticket as
        registered or as it is now, or of all; started at or after `since` and before `before`
        (aware times); the latest `limit` of them, or all. `timeout` is each page's.

        >>> from datetime import UTC, datetime
        >>> dtms.list_actions(before=datetime(2020, 1, 1, tzinfo=UTC), limit=5)
        ()
        """
        request = requests.list_actions(ticket, since, before, limit)
        pages, actions = answers.Pages(request), list[Action]()
        while limit is None or len(actions) < limit:
            page = self._ask(self._stub().ListActions, request, timeout)
            actions += page.actions
            if not pages.turn(page.next_page_token):
                break
        return tuple(actions[:limit])

    def pause_actions(
        self, reason: str = "", *, timeout: float | None = None
    ) -> tuple[Action, ...]:
        """Let no order leave from the answer on; monitoring goes on. It holds through restarts of
        the server. An order in flight is waited for, up to 30 s. Answers the actions whose outcome
        is not known: their settlement goes on. `reason`: at most 256 bytes, for the journal.

        >>> dtms.pause_actions("news at 14:30", timeout=40)
        ()
        >>> dtms.status().actions_paused
        True
        >>> dtms.resume_actions("over")
        """
        request = pb.PauseActionsRequest(reason=reason)
        return tuple(self._ask(self._stub().PauseActions, request, timeout).unsettled)

    def resume_actions(self, reason: str = "", *, timeout: float | None = None) -> None:
        """Let orders leave again; what was pending is decided anew from fresh data."""
        self._ask(self._stub().ResumeActions, pb.ResumeActionsRequest(reason=reason), timeout)

    def reset_rails(self, *, timeout: float | None = None) -> tuple[str, ...]:
        """Lift the rails that hold openings back until the next server day (see `status().rails`);
        answers which they were, as "EQUITY_DAY".

        >>> dtms.reset_rails()  # none was shut
        ()
        """
        answer = self._ask(self._stub().ResetRails, pb.ResetRailsRequest(), timeout)
        return tuple(answer.lifted)

    def status(self, *, timeout: float | None = None) -> pb.GetStatusResponse:
        """Read how the service stands; it answers in every phase.

        >>> status = dtms.status()
        >>> status.ready, status.monitoring_active, status.actions_paused
        (True, True, False)
        """
        return self._ask(self._stub().GetStatus, pb.GetStatusRequest(), timeout)

    def _ask_of_trade(
        self,
        rpc: "grpc.UnaryUnaryMultiCallable[OfTradeT, WithTradeT]",
        request: OfTradeT,
        timeout: float | None,
    ) -> WithTradeT:
        return answers.checked(request, self._ask(rpc, request, timeout))

    @abstractmethod
    def _stub(self) -> DtmsServiceStub: ...

    @abstractmethod
    def _ask(
        self,
        rpc: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout: float | None,
    ) -> ResponseT: ...
