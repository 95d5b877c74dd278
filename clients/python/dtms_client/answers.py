"""What is asked of an answer before a caller may book it; one that cannot be true is Internal."""

from typing import Protocol, TypeVar

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade

from dtms_client.errors import Internal


class OfTrade(Protocol):
    """A request that names a trade."""

    ticket: int


class WithTrade(Protocol):
    """An answer that shows a trade."""

    @property
    def trade(self) -> Trade:
        """The trade."""


OfTradeT = TypeVar("OfTradeT", bound=OfTrade)
WithTradeT = TypeVar("WithTradeT", bound=WithTrade)


def checked(request: OfTrade, answer: WithTradeT) -> WithTradeT:
    """Return the answer; raises Internal for one of another trade, or of none, since its caller
    would take its own for guarded, or for released."""
    trade = answer.trade
    # a position that was opened again overnight keeps its identifier, not its ticket
    if request.ticket not in (trade.ticket, trade.position_ticket, trade.position_id):
        told = f"trade {trade.ticket}" if trade.ticket else "no trade"
        message = f"asked for ticket {request.ticket}, the answer is of {told}"
        raise Internal(grpc.StatusCode.INTERNAL, message)
    return answer


class Pages:
    """The pages of one list, turned one by one."""

    def __init__(self, request: pb.ListTradesRequest | pb.ListActionsRequest) -> None:
        self._request = request
        self._turned_to: set[str] = set()

    def turn(self, token: str) -> bool:
        """Ask for the next page, and tell whether there is one; raises Internal for one that was
        asked for before, since a server that goes round in circles would never end."""
        if token in self._turned_to:
            raise Internal(grpc.StatusCode.INTERNAL, "the pages go round in circles")
        self._turned_to.add(token)
        self._request.page_token = token
        return bool(token)
