"""A real server over a real engine: SQLite in a folder of the test, the simulated terminal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import pytest
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.events import ChangeCause, Event, EventType, TradeChanged
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Trade
from dtms_server.engine.guard import Guard
from dtms_server.engine.watchdog import Watchdog
from dtms_server.ports import EventFilter
from dtms_server.rpc.interceptor import RPCS
from dtms_server.rpc.server import Listening, RpcServer
from dtms_server.storage.observer import Observer
from dtms_server.storage.store import SqliteStore
from dtms_server.telemetry.happenings import Happenings
from dtms_server.telemetry.pages import Pages
from dtms_server.telemetry.registry import Registry
from dtms_server.telemetry.server import HttpServer
from dtms_server.telemetry.sources import Sources
from dtms_server.terminal.local import LocalTerminal
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

if TYPE_CHECKING:  # it is a type only
    from dtms.v1.service_pb2_grpc import DtmsServiceAsyncStub

T = TypeVar("T")
PATIENCE_SECONDS = 30.0
QUICK: Mapping[str, Any] = {
    "cycle_seconds": 0.05,
    "fill_lag_seconds": 0.1,
    "fill_poll_seconds": 0.02,
    "absence_apart_seconds": 0.05,
    "failed_read_pause_seconds": 0.01,
    "snapshot_deadline_seconds": 0.1,
    "reconnect_first_seconds": 0.02,
    "reconnect_longest_seconds": 0.05,
}
CALM = Settings(seed=7, speed=0, login=5001)
"""A market in which nothing happens, and an account that is the same in every run."""


@dataclass
class House:
    """DTMS as the app puts it together, on one event loop."""

    server: RpcServer
    guard: Guard
    store: SqliteStore
    watchdog: Watchdog
    address: str
    sources: Sources
    pages: HttpServer
    http: str
    monitoring: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begin to guard, and wait until it is ready."""
        self.monitoring = asyncio.create_task(self.guard.monitor.run())
        await self.until(lambda: self.guard.readiness.initialised)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what the readiness tells of."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await self.guard.readiness.changed()

    def open_position(self, symbol: str = "EURUSD") -> int:
        """Open a position by hand and return its ticket."""
        position = control.open_position(symbol, "BUY", 0.1)
        assert position is not None
        return position.ticket

    @property
    def head(self) -> int:
        """The journal's head: it moves with everything that is written."""
        return self.guard.ledger.journal.head

    async def told(self, ticket: int) -> list[EventType]:
        """What was told of a trade so far, but for its R, which the first analysis tells."""
        told, after, wanted = list[EventType](), 0, EventFilter(tickets=frozenset({ticket}))
        while after < self.head:
            page = await self.guard.ledger.journal.page(after, wanted)
            told.extend(one.type for one in page.events if not _measures(one.event))
            after = page.scanned
        return told

    async def comes_to(self, ticket: int, holds: Callable[[Trade], bool]) -> Trade:
        """Wait until that holds of a trade."""
        ledger = self.guard.ledger
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                head, trade = ledger.journal.head, await ledger.trades.find(ticket)
                if trade is not None and holds(trade):
                    return trade
                await ledger.journal.grown(head)

    async def measured(self, ticket: int) -> None:
        """Wait until a trade's R is known; while nothing else happens nothing more is told."""
        await self.comes_to(ticket, lambda trade: trade.terms.r_distance is not None)


def _measures(event: Event) -> bool:
    """Does an event tell a trade's R, and nothing else?"""
    match event:
        case TradeChanged(ChangeCause.DTMS, before, after):
            return before.r_distance is None and after == replace(
                before, r_distance=after.r_distance
            )
    return False


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    started: bool = True,
    stall_seconds: float = 30.0,
    market: Settings = CALM,
    **policy: Any,
) -> AsyncIterator[House]:
    """Serve until the block ends; `started`: wait until it is ready, else connect at `begin`."""
    numbers = replace(Policy(), **QUICK, **policy)
    terminal = LocalTerminal(market)
    registry = Registry()
    happenings = Happenings(registry, RPCS)
    observer = Observer(happenings.committed, happenings.recorded)
    store = await SqliteStore.open(folder / "dtms.db", numbers, holder="a test", observer=observer)
    guard = Guard(terminal, store, numbers, source="simulator", cycled=happenings.cycled)
    await guard.switch.load()
    listening = Listening("127.0.0.1:0", reflection=True)
    server = RpcServer(guard, listening, stall_seconds=stall_seconds, answered=happenings.answered)
    sources = Sources(
        standing=guard.standing,
        is_ready=lambda: server.health.is_ready,
        is_live=lambda: server.health.is_live,
        stream_lags=lambda: server.streams.lags,
        writes_waiting=lambda: store.writer.waiting,
    )
    pages = HttpServer("127.0.0.1:0", exchange_seconds=PATIENCE_SECONDS)
    watchdog = Watchdog(store.ping, guard.monitor)
    address, http = await server.start(), await pages.bind()
    pages.serve(Pages(sources, registry))
    house = House(server, guard, store, watchdog, address, sources, pages, http)
    loops = [
        asyncio.create_task(server.health.follow_readiness(guard.readiness)),
        asyncio.create_task(server.health.follow_liveness(watchdog)),
    ]
    try:
        if started:
            await house.begin()
        yield house
    finally:
        guard.readiness.drain()
        await server.stop(1.0)
        guard.monitor.stop("the test is over")
        for loop in loops:
            loop.cancel()
        ending = [*loops, *([house.monitoring] if house.monitoring else [])]
        await asyncio.gather(*ending, return_exceptions=True)
        await pages.stop()
        await store.close()


Serve = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`serving` in this test's own folder."""
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    return lambda **how: serving(tmp_path, **how)


@pytest.fixture
async def house(serve: Serve) -> AsyncIterator[House]:
    """A server that is ready."""
    async with serve() as house:
        yield house


@pytest.fixture
async def channel(house: House) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(house.address) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> DtmsServiceAsyncStub:
    return DtmsServiceStub(channel)


class Threaded:
    """A house in a thread with its own loop, for callers that block."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._stack = AsyncExitStack()
        self._thread.start()
        self.house = self.run(self._stack.enter_async_context(serving(folder)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def do(self, work: Callable[[], T]) -> T:
        """Call a plain function on the server's loop, where the simulator is at home."""

        async def on_the_loop() -> T:
            return work()

        return self.run(on_the_loop())

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()


# pytest-grpc's fixtures, with the real server in the place of its own.


@pytest.fixture(scope="module")
def grpc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Threaded]:
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DTMS_STATE_DIR", str(folder / "state"))
        threaded = Threaded(folder)
        yield threaded
        threaded.close()


@pytest.fixture(scope="module")
def grpc_addr(grpc_server: Threaded) -> str:
    return grpc_server.house.address


@pytest.fixture(scope="module")
def grpc_stub_cls() -> type[DtmsServiceStub]:
    return DtmsServiceStub


@dataclass(frozen=True)
class Refusal:
    """What a caller can read of an error."""

    code: grpc.StatusCode
    reason: str
    metadata: Mapping[str, str]
    fields: tuple[str, ...]
    retry_seconds: int | None
    message: str


@pytest.fixture(scope="session")
def refusal() -> Callable[[grpc.RpcError], Refusal]:
    """Read an error of either kind of channel; it must carry an ErrorInfo."""
    return _refusal


def _refusal(error: grpc.RpcError) -> Refusal:
    call: Any = error
    trailers = dict(call.trailing_metadata() or ())
    assert "grpc-status-details-bin" in trailers, f"{call.code()} without details: {call.details()}"
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == call.code().value[0]
    assert status.message == call.details()
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        assert detail.Unpack(info) or detail.Unpack(bad) or detail.Unpack(retry)
    assert info.domain == "dtms"
    return Refusal(
        code=call.code(),
        reason=info.reason,
        metadata=dict(info.metadata),
        fields=tuple(violation.field for violation in bad.field_violations),
        retry_seconds=retry.retry_delay.seconds or None,
        message=status.message,
    )
