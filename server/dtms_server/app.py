"""The whole service on one page: built top to bottom, closed bottom to top."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from dtms_server import parts
from dtms_server.config import Settings
from dtms_server.domain.errors import ConfigurationInvalid, DtmsError, StartupFailed
from dtms_server.engine.guard import Guard
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.watchdog import Watchdog
from dtms_server.rpc.interceptor import RPCS
from dtms_server.rpc.server import RpcServer
from dtms_server.storage.observer import Observer
from dtms_server.storage.store import SqliteStore
from dtms_server.systemd import ServiceManager
from dtms_server.telemetry.happenings import Happenings
from dtms_server.telemetry.pages import Pages
from dtms_server.telemetry.registry import Registry
from dtms_server.telemetry.server import HttpServer
from dtms_server.telemetry.sources import Sources

log = structlog.get_logger()


async def serve(settings: Settings, announce: Callable[[str, str], None]) -> None:
    """Guard until a signal asks to stop, then drain; `announce` is told the addresses that are
    bound: "listening" is gRPC's, "http" that of the pages.

    Raises StartupFailed where it is not ready in time, another DtmsError where the configuration,
    the database or the account does not let it start.
    """
    policy, stop = settings.policy(), _stop_signal()  # first: whoever reads our address may stop us
    listening, terminal = parts.listening(settings), parts.terminal(settings)
    listening.credentials()  # wrong flags must not make or migrate a database first
    registry = Registry()
    happenings = Happenings(registry, RPCS)
    async with AsyncExitStack() as closing:
        http = await _listening(settings)  # before the database, for the same reason
        if http:
            closing.push_async_callback(http.stop)
        store = await SqliteStore.open(
            settings.database,
            policy,
            migrate=not settings.no_migrate,
            holder=f"process {os.getpid()}, which listens on {settings.listen}",
            observer=Observer(happenings.committed, happenings.recorded),
        )
        closing.push_async_callback(store.close)
        closing.push_async_callback(terminal.close)
        guard = Guard(
            terminal,
            store,
            policy,
            source=settings.terminal or "",
            account=settings.account,
            startup_seconds=settings.startup_timeout,
            cycled=happenings.cycled,
        )
        await guard.switch.load()
        if settings.paused:
            await guard.pause("dtms serve --paused")
        watchdog = Watchdog(store.ping, guard.monitor)
        rpc = RpcServer(guard, listening, answered=happenings.answered)
        sources = Sources(
            standing=guard.standing,
            is_ready=lambda: rpc.health.is_ready,
            is_live=lambda: rpc.health.is_live,
            stream_lags=lambda: rpc.streams.lags,
            writes_waiting=lambda: store.writer.waiting,
        )
        if http:
            http.serve(Pages(sources, registry))
        closing.push_async_callback(rpc.stop, 0.0)
        announce("listening", await rpc.start())
        if http:
            announce("http", http.address)
        manager = ServiceManager.of(os.environ)
        manager.ready()
        try:
            await _run(settings, guard, watchdog, rpc, manager, stop)
        except ExceptionGroup as group:
            raise _first(group) from group


async def _listening(settings: Settings) -> HttpServer | None:
    """Return the listener for the pages, bound; None: there are to be none, or the default address,
    for which nobody has asked, is in use: that must keep no second service from guarding."""
    address = parts.http_address(settings)
    if address is None:
        return None
    http = HttpServer(address)
    try:
        await http.bind()
    except ConfigurationInvalid as fault:
        if "http_listen" in settings.model_fields_set:
            raise
        log.warning("no pages", reason=fault.message)
        return None
    return http


async def _run(
    settings: Settings,
    guard: Guard,
    watchdog: Watchdog,
    rpc: RpcServer,
    manager: ServiceManager,
    stop: asyncio.Future[str],
) -> None:
    async with asyncio.TaskGroup() as loops:
        monitor = loops.create_task(guard.monitor.run(), name="monitor")
        others = [
            loops.create_task(watchdog.run(), name="watchdog"),
            loops.create_task(rpc.health.follow_readiness(guard.readiness), name="readiness"),
            loops.create_task(rpc.health.follow_liveness(watchdog), name="liveness"),
            loops.create_task(manager.follow_readiness(guard.readiness), name="systemd's status"),
            loops.create_task(manager.follow_liveness(watchdog), name="systemd's watchdog"),
            loops.create_task(_ready_in_time(guard.readiness, settings), name="start-up limit"),
        ]
        reason = await stop
        log.info("draining", reason=reason)
        guard.readiness.drain()
        await asyncio.sleep(settings.drain_delay)
        await rpc.stop(settings.drain_grace)
        guard.monitor.stop(reason)
        await monitor
        for loop in others:
            loop.cancel()


async def _ready_in_time(readiness: Readiness, settings: Settings) -> None:
    try:
        async with asyncio.timeout(settings.startup_timeout or None):
            while not (readiness.initialised or readiness.draining.is_set()):
                await readiness.changed()
    except TimeoutError:
        raise StartupFailed(seconds=settings.startup_timeout, reason=readiness.reason) from None


def _stop_signal() -> asyncio.Future[str]:
    """Return a future that the first signal to stop completes with the signal's name.

    `signal.signal`, since the loop's own way does not exist on Windows; there Ctrl-Break is
    SIGBREAK, and SIGTERM is never sent.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[str] = loop.create_future()

    def ask(number: int) -> None:
        if not stop.done():
            stop.set_result(signal.Signals(number).name)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            number = getattr(signal, name)
            signal.signal(number, lambda got, _: loop.call_soon_threadsafe(ask, got))
    return stop


def _first(group: ExceptionGroup) -> Exception:
    """Return what went wrong in one loop: the others only ended with it."""
    for fault in group.exceptions:
        if isinstance(fault, DtmsError):
            return fault
    return group
