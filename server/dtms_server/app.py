"""The whole service on one page: built top to bottom, closed bottom to top."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from dtms_server.config import Settings
from dtms_server.domain.errors import ConfigurationInvalid, DtmsError, StartupFailed
from dtms_server.engine.guard import Guard
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.watchdog import Watchdog
from dtms_server.rpc.server import Listening, RpcServer
from dtms_server.storage.store import SqliteStore
from dtms_server.systemd import ServiceManager
from dtms_server.terminal.keys import terminal_key
from dtms_server.terminal.link import LinkedTerminal, Login
from dtms_server.terminal.options import HostOptions, is_loopback, parse_address
from dtms_server.terminal.session import Target

log = structlog.get_logger()


async def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Guard until a signal asks to stop, then drain; `announce` is told the address listened on.

    Raises StartupFailed where it is not ready in time, another DtmsError where the configuration,
    the database or the account does not let it start.
    """
    policy, stop = settings.policy(), _stop_signal()  # first: whoever reads our address may stop us
    listening, terminal = _listening(settings), _terminal(settings)
    listening.credentials()  # wrong flags must not make or migrate a database first
    async with AsyncExitStack() as closing:
        store = await SqliteStore.open(
            settings.database,
            policy,
            migrate=not settings.no_migrate,
            holder=f"process {os.getpid()}, which listens on {settings.listen}",
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
        )
        await guard.switch.load()
        if settings.paused:
            await guard.pause("dtms serve --paused")
        watchdog = Watchdog(store.ping, guard.monitor)
        rpc = RpcServer(guard, listening)
        closing.push_async_callback(rpc.stop, 0.0)
        manager = ServiceManager.of(os.environ)
        announce(await rpc.start())
        manager.ready()
        try:
            await _run(settings, guard, watchdog, rpc, manager, stop)
        except ExceptionGroup as group:
            raise _first(group) from group


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


def _terminal(settings: Settings) -> LinkedTerminal:
    login = Login(
        path=str(settings.path) if settings.path else None,
        login=settings.login,
        server=settings.server,
        password=settings.password.get_secret_value() if settings.password else None,
    )
    return LinkedTerminal(_target(settings), terminal_key(), login)


def _target(settings: Settings) -> Target:
    """Return the address to attach to, or the options of the host to spawn."""
    match settings.terminal:
        case "simulator":
            return HostOptions(
                module="simulator",
                allow_remote=settings.insecure,
                listen=() if settings.sim_listen == "0" else (settings.sim_listen,),
                replay=settings.replay,
                symbol=settings.symbol,
                speed=settings.speed,
                seed=settings.seed,
                sim_state=str(settings.sim_state_file),
                server_offset=settings.server_offset,
                min_spread=settings.min_spread,
            )
        case "metatrader5":
            return HostOptions(module="metatrader5", server_offset=settings.server_offset)
        case address:
            return _attachable(address or "", settings)


def _attachable(address: str, settings: Settings) -> tuple[str, int]:
    host, port = parse_address(address)
    if not (is_loopback(host) or settings.insecure):
        raise ConfigurationInvalid(
            reason=f"--terminal {address} is another computer, and the link is not encrypted, nor "
            "the password on it: use a tunnel, or --insecure to accept that"
        )
    return host, port


def _listening(settings: Settings) -> Listening:
    return Listening(
        address=settings.listen,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        tls_client_ca=settings.tls_client_ca,
        insecure=settings.insecure,
        reflection=settings.reflection,
    )


def _first(group: ExceptionGroup) -> Exception:
    """Return what went wrong in one loop: the others only ended with it."""
    for fault in group.exceptions:
        if isinstance(fault, DtmsError):
            return fault
    return group
