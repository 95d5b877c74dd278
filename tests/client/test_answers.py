"""A caller books what it asked for: an answer about another trade is an error, not an answer."""

from collections.abc import Callable
from typing import Any

import pytest
from client.scripted import Context, Server, Servicer
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade
from dtms_client import AsyncDtmsClient, DtmsClient, errors

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]


class OfOneTrade(Servicer):
    """Answers with the same trade, whichever is asked for."""

    def __init__(self, trade: Trade | None) -> None:
        self._trade = trade

    def RegisterTrade(self, request: Any, context: Context) -> pb.RegisterTradeResponse:  # noqa: N802
        return pb.RegisterTradeResponse(trade=self._trade)

    def UpdateTrade(self, request: Any, context: Context) -> pb.UpdateTradeResponse:  # noqa: N802
        return pb.UpdateTradeResponse(trade=self._trade)

    def ReleaseTrade(self, request: Any, context: Context) -> pb.ReleaseTradeResponse:  # noqa: N802
        return pb.ReleaseTradeResponse(trade=self._trade)

    def GetTrade(self, request: Any, context: Context) -> pb.GetTradeResponse:  # noqa: N802
        return pb.GetTradeResponse(trade=self._trade)


def calls_of(client: Any) -> list[Callable[[], Any]]:
    """Each call that is about one trade, here 7."""
    return [
        lambda: client.register_trade(7, "EURUSD", "BUY"),
        lambda: client.update_trade(7, protection="OBSERVE"),
        lambda: client.release_trade(7),
        lambda: client.get_trade(7),
    ]


@pytest.mark.parametrize(
    ("trade", "told"),
    [
        (None, "asked for ticket 7, the answer is of no trade"),
        (Trade(), "asked for ticket 7, the answer is of no trade"),
        (Trade(ticket=8, position_ticket=9, position_id=8), "ticket 7, the answer is of trade 8"),
    ],
)
async def test_an_answer_about_another_trade_or_none_is_an_error(
    trade: Trade | None, told: str, serve: Serve, clients: Clients
) -> None:
    target = serve(OfOneTrade(trade)).target
    for call in calls_of(clients(target)):
        with pytest.raises(errors.Internal, match=told):
            call()
    async with AsyncDtmsClient(target) as client:
        for call in calls_of(client):
            with pytest.raises(errors.Internal, match=told):
                await call()


@pytest.mark.parametrize(
    "trade",
    [
        Trade(ticket=7, position_ticket=9, position_id=7),
        Trade(ticket=6, position_ticket=7, position_id=6),  # opened again by the broker as 7
        Trade(ticket=9, position_ticket=9, position_id=7),  # registered as 9 since then
    ],
)
async def test_a_trade_goes_by_its_tickets_and_by_the_identifier_of_its_position(
    trade: Trade, serve: Serve, clients: Clients
) -> None:
    target = serve(OfOneTrade(trade)).target
    for call in calls_of(clients(target)):
        assert call()
    async with AsyncDtmsClient(target) as client:
        for call in calls_of(client):
            assert await call()


async def test_a_registration_begun_in_a_callback_is_checked_too(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncDtmsClient(serve(OfOneTrade(Trade(ticket=8))).target) as client:
        client.register_trade_soon(7, "EURUSD", "BUY")
    [line] = [each for each in caplog.messages if each.startswith("register 7 failed")]
    assert "the trade may not be guarded" in line
