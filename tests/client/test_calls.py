"""Calls: what is asked, what comes back, and servers that are down, slow, busy or wrong."""

import asyncio
import gc
import inspect
import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import grpc
import numpy as np
import pytest
from client.scripted import Context, Journal, Server, Servicer, refusal, serve_health
from dtms.v1 import service_pb2 as pb
from dtms.v1.action_pb2 import Action
from dtms.v1.event_pb2 import HedgeDisposition
from dtms.v1.trade_pb2 import Direction, Protection, Trade, TradeState
from dtms_client import AsyncDtmsClient, DtmsClient, errors
from dtms_client.endpoint import Endpoint
from grpc_health.v1 import health_pb2

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]
INDIA = timezone(timedelta(hours=5, minutes=30))


class Answering(Servicer):
    """Keeps each request and answers with what it asked for."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.refusals: list[grpc.Status] = []
        self.release = threading.Event()
        self.entered = threading.Event()

    def _enter(self, request: Any, context: Context) -> None:
        self.requests.append(request)
        if self.refusals:
            context.abort_with_status(self.refusals.pop(0))

    def RegisterTrade(self, request: Any, context: Context) -> pb.RegisterTradeResponse:  # noqa: N802
        self._enter(request, context)
        return pb.RegisterTradeResponse(trade=Trade(ticket=request.ticket))

    def UpdateTrade(self, request: Any, context: Context) -> pb.UpdateTradeResponse:  # noqa: N802
        self._enter(request, context)
        return pb.UpdateTradeResponse(trade=Trade(ticket=request.ticket))

    def ReleaseTrade(self, request: Any, context: Context) -> pb.ReleaseTradeResponse:  # noqa: N802
        self._enter(request, context)
        return pb.ReleaseTradeResponse(trade=Trade(ticket=request.ticket))

    def ListTrades(self, request: Any, context: Context) -> pb.ListTradesResponse:  # noqa: N802
        self._enter(request, context)
        page = int(request.page_token or 0)
        return pb.ListTradesResponse(
            trades=[Trade(ticket=2 * page + 1), Trade(ticket=2 * page + 2)],
            next_page_token=str(page + 1) if page < 2 else "",
            resume_token="from the first page" if page == 0 else "",
        )

    def ListActions(self, request: Any, context: Context) -> pb.ListActionsResponse:  # noqa: N802
        self.requests.append(pb.ListActionsRequest.FromString(request.SerializeToString()))
        page = int(request.page_token or 0)
        return pb.ListActionsResponse(
            actions=[Action(id=f"{page}a"), Action(id=f"{page}b")],
            next_page_token=str(page + 1) if page < 2 else "",
        )

    def PauseActions(self, request: Any, context: Context) -> pb.PauseActionsResponse:  # noqa: N802
        self._enter(request, context)
        return pb.PauseActionsResponse(unsettled=[Action(id="u")])

    def ResumeActions(self, request: Any, context: Context) -> pb.ResumeActionsResponse:  # noqa: N802
        self._enter(request, context)
        return pb.ResumeActionsResponse()

    def ResetRails(self, request: Any, context: Context) -> pb.ResetRailsResponse:  # noqa: N802
        self._enter(request, context)
        return pb.ResetRailsResponse(lifted=["EQUITY_DAY"])

    def GetStatus(self, request: Any, context: Context) -> pb.GetStatusResponse:  # noqa: N802
        self.entered.set()
        self.release.wait(30)
        return pb.GetStatusResponse(ready=True)


class Garbage(grpc.GenericRpcHandler):
    """Answers every unary call with bytes that are no message."""

    def service(self, handler_call_details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: b"\xff\xff\xff",
            request_deserializer=bytes,
            response_serializer=bytes,
        )


@pytest.fixture
def answering() -> Answering:
    return Answering()


# --- what is asked and answered


def test_a_position_is_claimed_in_plain_python(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(answering).target)
    answer = client.register_trade(
        np.int64(7), "EURUSD", "SELL", entry_price=1.1, protection="OBSERVE", labels={"bot": "a"}
    )
    assert answer.trade.ticket == 7
    assert answering.requests == [
        pb.RegisterTradeRequest(
            ticket=7,
            symbol="EURUSD",
            direction=Direction.DIRECTION_SELL,
            entry_price=1.1,
            protection=Protection.PROTECTION_OBSERVE,
            labels={"bot": "a"},
        )
    ]
    assert not answering.requests[0].HasField("stop_loss")  # absent is not zero


def test_an_update_names_only_what_was_given(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(answering).target)
    client.update_trade(7, protection="OBSERVE")
    client.update_trade(7, labels={})
    client.release_trade(7, hedge="CLOSE")
    protection, labels, release = answering.requests
    assert list(protection.update_mask.paths) == ["protection"]
    assert list(labels.update_mask.paths) == ["labels"]
    assert release.hedge == HedgeDisposition.HEDGE_DISPOSITION_CLOSE


def test_a_list_has_all_pages_and_the_token_of_the_first(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    listed = clients(serve(answering).target).list_trades(states=["HEALTHY"], symbols=["EURUSD"])
    assert [trade.ticket for trade in listed] == [1, 2, 3, 4, 5, 6]
    assert listed.resume_token == "from the first page"
    assert [request.page_token for request in answering.requests] == ["", "1", "2"]
    assert all(r.states == [TradeState.TRADE_STATE_HEALTHY] for r in answering.requests)


@pytest.mark.parametrize(
    ("limit", "found", "pages"),
    [
        (None, ["0a", "0b", "1a", "1b", "2a", "2b"], 3),
        (3, ["0a", "0b", "1a"], 2),
        (2, ["0a", "0b"], 1),
        (0, [], 0),
    ],
)
def test_actions_are_read_page_by_page_until_there_are_enough(
    limit: int | None,
    found: list[str],
    pages: int,
    answering: Answering,
    serve: Serve,
    clients: Clients,
) -> None:
    actions = clients(serve(answering).target).list_actions(limit=limit)
    assert [action.id for action in actions] == found
    assert [request.page_token for request in answering.requests] == ["", "1", "2"][:pages]
    assert all(request.page_size == (limit or 1000) for request in answering.requests)


def test_actions_are_asked_for_by_ticket_and_by_times_of_any_zone(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(answering).target)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    client.list_actions(np.int64(7), since=noon, before=noon.astimezone(INDIA), limit=1)
    client.list_actions(limit=1)
    narrowed, everything = answering.requests
    assert narrowed.ticket == 7
    assert narrowed.started_from == narrowed.started_before
    assert narrowed.started_from.ToDatetime(UTC) == noon
    for field in ("ticket", "started_from", "started_before"):
        assert not everything.HasField(field)
    with pytest.raises(ValueError, match="no time zone"):
        client.list_actions(since=noon.replace(tzinfo=None))


def test_an_operator_pauses_resumes_and_resets_the_rails(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(answering).target)
    assert [action.id for action in client.pause_actions("news")] == ["u"]
    client.resume_actions("over")
    client.resume_actions()
    assert client.reset_rails() == ("EQUITY_DAY",)
    assert answering.requests == [
        pb.PauseActionsRequest(reason="news"),
        pb.ResumeActionsRequest(reason="over"),
        pb.ResumeActionsRequest(),
        pb.ResetRailsRequest(),
    ]


@pytest.mark.parametrize("direction", ["LONG", "", "UNSPECIFIED?", 99])
def test_a_direction_that_there_is_not_is_refused_before_the_call(
    direction: str | int, answering: Answering, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(answering).target)
    with pytest.raises(ValueError, match=r"BUY|99"):
        client.register_trade(7, "EURUSD", direction)
    assert answering.requests == []


def test_a_ticket_must_be_a_whole_number(clients: Clients, closed_target: str) -> None:
    with pytest.raises(TypeError):
        clients(closed_target).get_trade(7.5)  # type: ignore[arg-type]  # the point of it


async def test_the_asyncio_client_asks_the_same(answering: Answering, serve: Serve) -> None:
    async with AsyncDtmsClient(serve(answering).target) as client:
        answer = await client.register_trade(7, "EURUSD", "BUY", volume=0.1)
        await client.update_trade(7, labels={"a": "b"})
        released = await client.release_trade(7)
        listed = await client.list_trades()
        actions = await client.list_actions(7, limit=3)
        unsettled = await client.pause_actions("news")
        await client.resume_actions("over")
        lifted = await client.reset_rails()
    assert [action.id for action in (*actions, *unsettled)] == ["0a", "0b", "1a", "u"]
    assert lifted == ("EQUITY_DAY",)
    assert answering.requests[-3:] == [
        pb.PauseActionsRequest(reason="news"),
        pb.ResumeActionsRequest(reason="over"),
        pb.ResetRailsRequest(),
    ]
    assert answer.trade.ticket == released.ticket == 7
    assert [trade.ticket for trade in listed.trades] == [1, 2, 3, 4, 5, 6]
    register, update, release, *_ = answering.requests
    assert register == pb.RegisterTradeRequest(
        ticket=7,
        symbol="EURUSD",
        direction=Direction.DIRECTION_BUY,
        volume=0.1,
        protection=Protection.PROTECTION_PROTECT,
    )
    assert list(update.update_mask.paths) == ["labels"]
    assert release.hedge == HedgeDisposition.HEDGE_DISPOSITION_UNSPECIFIED


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
        return {
            name: [
                (p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()
            ]
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") or name == "__init__"
        }

    asynchronous = methods(AsyncDtmsClient)
    del asynchronous["register_trade_soon"]
    assert asynchronous == methods(DtmsClient)


# --- servers that are down, slow, busy or wrong


def test_without_a_server_the_call_fails_as_unavailable(
    clients: Clients, closed_target: str
) -> None:
    client = clients(closed_target, options={"grpc.enable_retries": 0})
    with pytest.raises(errors.Unavailable) as caught:
        client.get_trade(7)
    assert caught.value.reason == ""
    assert "onnect" in caught.value.message


def test_a_call_rides_through_a_restart(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    server = serve(answering)
    client = clients(server.target, timeout=30)
    client.register_trade(1, "EURUSD", "BUY")
    server.stop()
    starting = threading.Timer(0.3, server.start)
    starting.start()
    try:
        assert client.register_trade(2, "EURUSD", "BUY").trade.ticket == 2
    finally:
        starting.join()


async def test_a_busy_server_is_asked_again(answering: Answering, serve: Serve) -> None:
    answering.refusals = [refusal(grpc.StatusCode.UNAVAILABLE, "TERMINAL_LOST")]
    async with AsyncDtmsClient(serve(answering).target) as client:
        assert (await client.register_trade(7, "EURUSD", "BUY")).trade.ticket == 7
    assert len(answering.requests) == 2


def test_a_refusal_is_not_asked_again(answering: Answering, serve: Serve, clients: Clients) -> None:
    answering.refusals = [refusal(grpc.StatusCode.FAILED_PRECONDITION, "POSITION_NOT_FOUND")]
    with pytest.raises(errors.PositionNotFound):
        clients(serve(answering).target).register_trade(7, "EURUSD", "BUY")
    assert len(answering.requests) == 1


def test_all_unary_calls_are_retried_and_streams_are_not() -> None:
    config = json.loads(str(dict(Endpoint().channel_options())["grpc.service_config"]))
    (method_config,) = config["methodConfig"]
    named = {each["method"] for each in method_config["name"]}
    all_methods = pb.DESCRIPTOR.services_by_name["DtmsService"].methods_by_name
    assert named == set(all_methods) - {"StreamMonitorEvents"}
    assert method_config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


async def test_a_slow_server_ends_in_the_deadline(answering: Answering, serve: Serve) -> None:
    target = serve(answering).target
    try:
        with DtmsClient(target, timeout=0.2) as client, pytest.raises(errors.DeadlineExceeded):
            await asyncio.to_thread(client.status)
        async with AsyncDtmsClient(target) as client_:
            with pytest.raises(errors.DeadlineExceeded):
                await client_.status(timeout=0.2)
    finally:
        answering.release.set()


async def test_an_answer_that_cannot_be_read_is_an_internal_error(serve: Serve) -> None:
    target = serve(Garbage()).target
    with DtmsClient(target) as client, pytest.raises(errors.Internal):
        client.status()
    async with AsyncDtmsClient(target) as client_:
        with pytest.raises(errors.Internal):
            await client_.status()


async def test_a_cancelled_call_stays_cancelled(answering: Answering, serve: Serve) -> None:
    async with AsyncDtmsClient(serve(answering).target) as client:
        task = asyncio.create_task(client.status())
        await asyncio.to_thread(answering.entered.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answering.release.set()


async def test_a_closed_client_says_so(closed_target: str) -> None:
    blocking, asynchronous = DtmsClient(closed_target), AsyncDtmsClient(closed_target)
    blocking.close()
    await asynchronous.close()
    with pytest.raises(RuntimeError, match="DtmsClient is closed"):
        blocking.status()
    with pytest.raises(RuntimeError, match="AsyncDtmsClient is closed"):
        await asynchronous.status()
    blocking.close()  # again, and nothing happens
    await asynchronous.close()


# --- readiness


def test_waiting_ends_when_the_server_is_ready(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    server = serve(answering)
    servicer = serve_health(server)
    client = clients(server.target)
    client.list_trades()  # connects: the first look comes to its end
    with pytest.raises(errors.NotReady, match="not serving"):
        client.wait_until_ready(timeout=2)
    ready = threading.Timer(
        0.1, servicer.set, ("readiness", health_pb2.HealthCheckResponse.SERVING)
    )
    ready.start()
    client.wait_until_ready(timeout=30)
    ready.join()


async def test_waiting_bridges_a_server_that_is_not_there_yet(
    answering: Answering, serve: Serve
) -> None:
    server = serve(answering)
    serve_health(server).set("readiness", health_pb2.HealthCheckResponse.SERVING)
    server.stop()
    async with AsyncDtmsClient(server.target) as client:
        with pytest.raises(errors.NotReady, match=r"within 2 s: UNAVAILABLE"):
            await client.wait_until_ready(timeout=2)
        waiting = asyncio.create_task(client.wait_until_ready(timeout=30))
        server.start()
        await waiting


def test_waiting_for_something_that_is_not_dtms_fails_at_once(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    with pytest.raises(errors.Unimplemented):
        clients(serve(answering).target).wait_until_ready(timeout=600)


# --- bots of any shape


def test_a_thread_without_a_loop_registers_and_gets_none(
    answering: Answering, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(answering).target)
    seen: list[Any] = []

    def bot() -> None:
        seen.append(client.register_trade(7, "EURUSD", "BUY").trade.ticket)
        try:
            asyncio.get_event_loop()
        except RuntimeError as error:
            seen.append(str(error))

    thread = threading.Thread(target=bot)
    thread.start()
    thread.join()
    assert seen[0] == 7
    assert "no current event loop" in seen[1]


async def test_a_registration_begun_in_a_loop_is_done_though_nobody_keeps_the_task(
    answering: Answering, serve: Serve
) -> None:
    client = AsyncDtmsClient(serve(answering).target)
    client.register_trade_soon(7, "EURUSD", "BUY", labels={"bot": "a"})
    gc.collect()
    await client.close()  # waits for it
    assert [request.ticket for request in answering.requests] == [7]


async def test_the_task_of_a_registration_gives_its_answer(
    answering: Answering, serve: Serve
) -> None:
    async with AsyncDtmsClient(serve(answering).target) as client:
        assert (await client.register_trade_soon(7, "EURUSD", "BUY")).trade.ticket == 7


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_a_registration_that_fails_is_logged_once(
    is_awaited: bool, answering: Answering, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    answering.refusals = [refusal(grpc.StatusCode.FAILED_PRECONDITION, "POSITION_NOT_FOUND")]
    async with AsyncDtmsClient(serve(answering).target) as client:
        task = client.register_trade_soon(7, "EURUSD", "BUY")
        if is_awaited:
            with pytest.raises(errors.PositionNotFound):
                await task
    del task
    gc.collect()
    logged = [(r.levelno, r.getMessage()) for r in caplog.records if r.name == "dtms_client"]
    assert logged == [
        (
            logging.ERROR,
            "register 7 failed, the trade may not be guarded: POSITION_NOT_FOUND: in words",
        )
    ]
    assert complaints == []


def test_without_a_running_loop_nothing_can_be_begun(closed_target: str) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncDtmsClient(closed_target).register_trade_soon(7, "EURUSD", "BUY")


def test_many_threads_share_a_client(answering: Answering, serve: Serve, clients: Clients) -> None:
    client = clients(serve(answering).target)
    threads = [
        threading.Thread(target=client.register_trade, args=(n, "EURUSD", "BUY"))
        for n in range(1, 17)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(request.ticket for request in answering.requests) == list(range(1, 17))


async def test_a_server_without_the_method_says_so(serve: Serve) -> None:
    async with AsyncDtmsClient(serve(Journal()).target) as client:
        with pytest.raises(errors.Unimplemented):
            await client.get_trade(7)
