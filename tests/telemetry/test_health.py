"""The health pages say what gRPC health says, in every phase of life."""

import asyncio
from typing import Any

import grpc
from dtms_server.terminal.simulator import control
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from rpc.conftest import House, Serve
from telemetry.scraping import fetch, scrape

PAGES = ("/health", "/dtms/health", "/live")

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
NOBODY = {"dtms_initialized": False, "monitoring_active": False, "active_trades": 0}
GUARDING = {"dtms_initialized": True, "monitoring_active": True, "active_trades": 0}
LOST = {"dtms_initialized": True, "monitoring_active": False, "active_trades": 0}


async def told(house: House, facts: dict[str, Any], *, ready: bool) -> None:
    """Demand that both pages, the metric and gRPC health say that."""
    for path in ("/health", "/dtms/health"):
        answer = await fetch(house.http, path)
        assert answer.facts == facts | {"ready": ready}
        assert answer.status == (200 if ready else 503)
    assert (await scrape(house.http)).value("dtms_ready") == ready
    assert house.server.health.is_ready is ready


def watching(channel: grpc.aio.Channel, name: str = "readiness") -> Any:
    stub: Any = HealthStub(channel)  # its types name no methods
    return stub.Watch(HealthCheckRequest(service=name))


async def test_they_agree_with_grpc_in_every_phase(serve: Serve) -> None:
    async with (
        serve(started=False, lost_grace_seconds=0.3) as house,
        grpc.aio.insecure_channel(house.address) as channel,
    ):
        watch = watching(channel)
        assert (await watch.read()).status == NOT_SERVING
        await told(house, NOBODY, ready=False)

        await house.begin()
        assert (await watch.read()).status == SERVING
        await told(house, GUARDING, ready=True)

        control.inject("disconnect")
        assert (await watch.read()).status == NOT_SERVING
        await told(house, LOST, ready=False)

        control.clear_faults()
        assert (await watch.read()).status == SERVING
        await told(house, GUARDING, ready=True)

        house.guard.readiness.drain()
        assert (await watch.read()).status == NOT_SERVING
        await told(house, LOST, ready=False)
        await house.server.stop(0)
        await told(house, LOST, ready=False)


async def test_within_its_grace_a_lost_terminal_leaves_them_ready(house: House) -> None:
    control.inject("disconnect")
    await house.until(lambda: not house.guard.standing().monitoring)
    await told(house, LOST, ready=True)
    assert (await scrape(house.http)).value("dtms_terminal_up") == 0


async def test_once_the_listener_has_ended_nothing_is_ready_or_live_whatever_follows(
    house: House,
) -> None:
    await house.server.stop(0)
    house.guard.readiness.lost("a cable")
    house.guard.readiness.ready()
    await asyncio.sleep(0)  # who follows it has looked
    assert [(await fetch(house.http, page)).status for page in PAGES] == [503, 503, 503]
    metrics = await scrape(house.http)
    assert (metrics.value("dtms_ready"), metrics.value("dtms_live")) == (0, 0)


async def test_liveness_is_not_tied_to_the_terminal(serve: Serve) -> None:
    async with (
        serve(lost_grace_seconds=0.0) as house,
        grpc.aio.insecure_channel(house.address) as channel,
    ):
        assert (await watching(channel, "liveness").read()).status == SERVING
        watch = watching(channel)
        assert (await watch.read()).status == SERVING
        control.inject("disconnect")
        assert (await watch.read()).status == NOT_SERVING
        answer = await fetch(house.http, "/live")
        assert (answer.status, answer.body) == (200, "alive\n")


async def test_a_dead_writer_ends_liveness_for_both(house: House) -> None:
    async with grpc.aio.insecure_channel(house.address) as channel:
        watch = watching(channel, "liveness")
        assert (await watch.read()).status == SERVING
        await house.store.writer.close()
        asking = asyncio.create_task(house.watchdog.run())
        assert (await watch.read()).status == NOT_SERVING
        answer = await fetch(house.http, "/live")
        assert (answer.status, answer.body) == (503, "not alive\n")
        assert (await scrape(house.http)).value("dtms_live") == 0
        asking.cancel()
