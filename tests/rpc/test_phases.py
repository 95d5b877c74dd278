"""What each RPC and the health service answer while DTMS starts, loses its terminal, and stops."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.terminal.simulator import control
from grpc import StatusCode
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
READINESS = ("", "dtms.v1.DtmsService", "readiness")
MASK = {"paths": ["labels"]}

Refusal = Callable[[grpc.RpcError], Any]


async def refused(call: Awaitable[object], refusal: Refusal) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        await call
    return refusal(error.value)


def calls(stub: Any) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each RPC that needs DTMS to have started."""
    buy = trade_pb2.DIRECTION_BUY
    sound = pb.RegisterTradeRequest(ticket=7, symbol="EURUSD", direction=buy)
    update = pb.UpdateTradeRequest(ticket=7, update_mask=MASK)  # type: ignore[arg-type] # a dict does
    return {
        "RegisterTrade": lambda: stub.RegisterTrade(sound),
        "UpdateTrade": lambda: stub.UpdateTrade(update),
        "ReleaseTrade": lambda: stub.ReleaseTrade(pb.ReleaseTradeRequest(ticket=7)),
        "GetTrade": lambda: stub.GetTrade(pb.GetTradeRequest(ticket=7)),
        "ListTrades": lambda: stub.ListTrades(pb.ListTradesRequest()),
        "ListActions": lambda: stub.ListActions(pb.ListActionsRequest()),
        "ResetRails": lambda: stub.ResetRails(pb.ResetRailsRequest()),
        "StreamMonitorEvents": lambda: stub.StreamMonitorEvents(
            pb.StreamMonitorEventsRequest()
        ).read(),
    }


def health(channel: grpc.aio.Channel) -> Any:
    """A stub of the health service; its types name no methods."""
    return HealthStub(channel)


async def health_of(channel: grpc.aio.Channel, name: str) -> int:
    answer = await health(channel).Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


async def test_before_it_is_ready_only_status_and_health_answer(
    serve: Any, refusal: Refusal
) -> None:
    async with serve(started=False) as house, grpc.aio.insecure_channel(house.address) as channel:
        stub: Any = DtmsServiceStub(channel)
        for name, call in calls(stub).items():
            told = await refused(call(), refusal)
            assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "NOT_READY"), name
            assert told.retry_seconds
            assert told.metadata["reason"]
        status = await stub.GetStatus(pb.GetStatusRequest())
        assert not status.ready
        assert not status.dtms_initialized
        assert not status.monitoring_active
        assert status.not_ready_reason
        assert status.phase == pb.SERVICE_PHASE_STARTING
        assert not status.terminal.connected
        for name in READINESS:
            assert await health_of(channel, name) == NOT_SERVING


async def test_fields_are_checked_before_readiness(serve: Any, refusal: Refusal) -> None:
    async with serve(started=False) as house, grpc.aio.insecure_channel(house.address) as channel:
        told = await refused(DtmsServiceStub(channel).GetTrade(pb.GetTradeRequest()), refusal)
        assert (told.code, told.fields) == (StatusCode.INVALID_ARGUMENT, ("ticket",))


async def test_while_the_terminal_is_lost_all_but_registration_works(
    house: Any, stub: Any, channel: grpc.aio.Channel, refusal: Refusal
) -> None:
    ticket, other = house.open_position(), house.open_position()
    buy = trade_pb2.DIRECTION_BUY
    await stub.RegisterTrade(pb.RegisterTradeRequest(ticket=ticket, symbol="EURUSD", direction=buy))
    await house.measured(ticket)
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    await stream.read()
    control.inject("disconnect")
    lost = await stream.read()
    assert lost.event.terminal_lost.reason
    before = house.head
    register = pb.RegisterTradeRequest(ticket=other, symbol="EURUSD", direction=buy)
    told = await refused(stub.RegisterTrade(register), refusal)
    assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "TERMINAL_LOST")
    assert told.retry_seconds
    assert house.head == before
    register.ticket, register.symbol = ticket, "GBPUSD"
    assert (await refused(stub.RegisterTrade(register), refusal)).reason == "TICKET_CONFLICT"
    update = pb.UpdateTradeRequest(ticket=ticket, update_mask=MASK, labels={"a": "b"})  # type: ignore[arg-type]
    assert dict((await stub.UpdateTrade(update)).trade.labels) == {"a": "b"}
    assert len((await stub.ListTrades(pb.ListTradesRequest())).trades) == 1
    assert (await stub.GetTrade(pb.GetTradeRequest(ticket=ticket))).trade.ticket == ticket
    released = await stub.ReleaseTrade(pb.ReleaseTradeRequest(ticket=ticket))
    assert released.trade.state == trade_pb2.TRADE_STATE_RELEASED
    status = await stub.GetStatus(pb.GetStatusRequest())
    assert (status.phase, status.ready) == (pb.SERVICE_PHASE_TERMINAL_LOST, False)
    assert status.dtms_initialized
    assert not status.terminal.connected
    assert status.terminal.error
    assert await health_of(channel, "readiness") == SERVING  # within its grace


async def test_health_follows_a_terminal_lost_beyond_its_grace_and_back(serve: Any) -> None:
    async with (
        serve(lost_grace_seconds=0.05) as house,
        grpc.aio.insecure_channel(house.address) as channel,
    ):
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(service="readiness"))
        assert (await watch.read()).status == SERVING
        control.inject("disconnect")
        assert (await watch.read()).status == NOT_SERVING
        for name in READINESS:
            assert await health_of(channel, name) == NOT_SERVING
        assert await health_of(channel, "liveness") == SERVING
        control.clear_faults()
        assert (await watch.read()).status == SERVING
        assert house.guard.readiness.initialised


async def test_draining_ends_streams_at_once_and_watches_at_the_stop(
    house: Any, stub: Any, channel: grpc.aio.Channel, refusal: Refusal
) -> None:
    stream = stub.StreamMonitorEvents(pb.StreamMonitorEventsRequest())
    await stream.read()
    watches = [
        health(channel).Watch(health_pb2.HealthCheckRequest(service=name))
        for name in (*READINESS, "liveness")
    ]
    assert [(await watch.read()).status for watch in watches] == [SERVING] * 4
    house.guard.readiness.drain()
    told = await refused(stream.read(), refusal)
    assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "DRAINING")
    assert told.retry_seconds
    assert [(await watch.read()).status for watch in watches[:3]] == [NOT_SERVING] * 3
    switch = {
        "PauseActions": lambda: stub.PauseActions(pb.PauseActionsRequest()),
        "ResumeActions": lambda: stub.ResumeActions(pb.ResumeActionsRequest()),
    }
    for name, call in (calls(stub) | switch).items():
        told = await refused(call(), refusal)
        assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "DRAINING"), name
    status = await stub.GetStatus(pb.GetStatusRequest())
    assert status.phase == pb.SERVICE_PHASE_DRAINING
    assert await health_of(channel, "liveness") == SERVING
    async with asyncio.timeout(30):  # of a grace of 60: nothing is left that would need it
        await house.server.stop(60.0)
    for watch in watches:
        assert (await refused(watch.read(), refusal)).reason == "DRAINING"


async def test_health_knows_its_names(house: Any, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await health_of(channel, "nobody")
    assert unknown.value.code() is StatusCode.NOT_FOUND
    watch = health(channel).Watch(health_pb2.HealthCheckRequest(service="nobody"))
    assert (await watch.read()).status == SERVICE_UNKNOWN
    request = health_pb2.HealthListRequest()  # type: ignore[attr-defined] # the stubs lag behind
    statuses = (await health(channel).List(request)).statuses
    assert {name: told.status for name, told in statuses.items()} == dict.fromkeys(
        (*READINESS, "liveness"), SERVING
    )
