"""What systemd is told by a datagram socket, and that silence means what it takes it for."""

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.watchdog import Watchdog
from dtms_server.systemd import ServiceManager
from dtms_server.terminal.simulator.settings import Settings
from hasty import HastyLoop
from house import PATIENCE_SECONDS, running
from processes import QUICK_TERMINAL, Process, Shop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd")
WATCHDOG_SECONDS = 0.4
SILENT_SECONDS = 5 * WATCHDOG_SECONDS
LIMIT, LONGER_LIMIT = str(int(WATCHDOG_SECONDS * 1e6)), str(int(6e6))
"""Linux may keep no more than 10 datagrams that nobody has read, and drops the next ones: who waits
for one that is told once needs the pings to be few."""


class Manager:
    """The socket's other end, as systemd has it."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)

    def next(self, seconds: float = PATIENCE_SECONDS) -> list[str]:
        """The lines of the next datagram; raises TimeoutError."""
        self._socket.settimeout(seconds)
        return self._socket.recv(4096).decode().split("\n")

    def until(self, line: str) -> list[str]:
        """All lines up to that one."""
        told: list[str] = []
        while line not in told:
            told += self.next()
        return told

    def forget(self) -> None:
        """Read what lies in the socket."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            pass

    def is_silent(self) -> bool:
        """Once what lies in the socket is read, does nothing follow for long?"""
        self.forget()
        try:
            self.next(SILENT_SECONDS)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Manager]:
    with closing(Manager(str(tmp_path / "notify"))) as manager:
        yield manager


@pytest.fixture(params=[LIMIT])
def supervised(
    request: pytest.FixtureRequest, town: Shop, systemd: Manager, tmp_path: Path
) -> Process:
    """A service that systemd has started, with a terminal."""
    _, terminal = town.terminal(*QUICK_TERMINAL)
    town.environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": request.param}
    return town.serve(terminal)[0]


@pytest.mark.parametrize("supervised", [LONGER_LIMIT], indirect=True)
def test_a_life_is_told_in_order(supervised: Process, systemd: Manager) -> None:
    assert systemd.next() == ["READY=1"]
    told = systemd.until("STATUS=READY")
    assert told[0].startswith("STATUS=STARTING: ")
    systemd.until("WATCHDOG=1")
    supervised.signal(signal.SIGTERM)
    assert "STATUS=DRAINING: stopping" in systemd.until("STOPPING=1")
    assert supervised.wait() == 0


def test_a_process_that_hangs_is_silent(supervised: Process, systemd: Manager) -> None:
    supervised.expect("guarding")
    systemd.forget()
    systemd.until("WATCHDOG=1")
    supervised.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, supervised.pid, os.WSTOPPED)
    assert systemd.is_silent()
    supervised.signal(signal.SIGCONT)
    systemd.until("WATCHDOG=1")


@pytest.mark.long
def test_a_service_that_cannot_write_is_silent(
    supervised: Process, systemd: Manager, town: Shop
) -> None:
    supervised.expect("guarding")
    with closing(sqlite3.connect(town.folder / "dtms.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        supervised.expect("watchdog .*alive=False")
        assert systemd.is_silent()
        stranger.execute("ROLLBACK")
    supervised.expect("watchdog .*alive=True")
    systemd.until("WATCHDOG=1")


def test_a_service_that_waits_for_its_terminal_is_started_and_says_why(
    town: Shop, systemd: Manager, tmp_path: Path
) -> None:
    town.environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": LIMIT}
    town.serve("127.0.0.1:1", "--startup-timeout", "0")
    assert systemd.next() == ["READY=1"]
    told = systemd.until("WATCHDOG=1")
    assert told[0].startswith("STATUS=STARTING: ")


async def test_only_a_service_that_turns_says_so(
    systemd: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    manager = ServiceManager(str(tmp_path / "notify"), watchdog_seconds=0.02)
    async with running(tmp_path, Settings(speed=0)) as house:
        asked = 0

        async def ping() -> None:
            nonlocal asked
            asked += 1
            await house.store.ping()

        limits = {"interval_seconds": 0.01, "writer_deadline_seconds": 0.05}
        watchdog = Watchdog(ping, house.guard.monitor, **limits)
        async with asyncio.TaskGroup() as loops:
            both = [
                loops.create_task(watchdog.run()),
                loops.create_task(manager.follow_liveness(watchdog)),
            ]
            await asyncio.to_thread(systemd.until, "WATCHDOG=1")
            with closing(sqlite3.connect(tmp_path / "dtms.db", isolation_level=None)) as stranger:
                stranger.execute("BEGIN IMMEDIATE")
                before = asked  # whose answer may be on its way, and be that all is well
                while watchdog.is_alive or asked == before:  # noqa: ASYNC110 - a ping tells nobody
                    await asyncio.sleep(0)
                assert await asyncio.to_thread(systemd.is_silent)
                stranger.execute("ROLLBACK")
            await asyncio.to_thread(systemd.until, "WATCHDOG=1")
            for loop in both:
                loop.cancel()


@dataclass(frozen=True)
class Listened(ServiceManager):
    """Keeps when it was told that the service turns."""

    pings: list[float] = field(default_factory=list)

    def tell(self, **facts: str) -> None:
        self.pings.append(asyncio.get_running_loop().time())


@pytest.mark.parametrize("lasts", [1, 17, 35])
@pytest.mark.parametrize("begins", range(100, 160, 7))
def test_a_dip_makes_no_silence_of_the_limit(begins: int, lasts: int) -> None:
    limit, manager = 60.0, Listened("", watchdog_seconds=60.0)
    turning: Any = SimpleNamespace(silent_seconds=0.0)

    async def hanging() -> None:
        now = asyncio.get_running_loop().time()
        if begins <= now < begins + lasts:
            await asyncio.sleep(begins + lasts - now)

    async def live() -> None:
        watchdog = Watchdog(hanging, turning)
        with suppress(TimeoutError):
            async with asyncio.timeout(300), asyncio.TaskGroup() as loops:
                loops.create_task(watchdog.run())
                loops.create_task(manager.follow_liveness(watchdog))

    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        runner.run(live())
    assert manager.pings[0] == 0
    assert max(after - before for before, after in pairwise(manager.pings)) < limit


def test_an_abstract_socket_is_found() -> None:
    name = "dtms-test-of-systemd"
    with closing(Manager(f"\0{name}")) as manager:
        ServiceManager.of({"NOTIFY_SOCKET": f"@{name}"}).tell(STATUS="two\nlines", READY="1")
        assert manager.next() == ["STATUS=two lines", "READY=1"]


async def test_without_systemd_nothing_is_told() -> None:
    nobody = ServiceManager.of({})
    assert nobody == ServiceManager()
    nobody.ready()
    watchdog: Watchdog = None  # type: ignore[assignment] # it is not even asked
    await nobody.follow_liveness(watchdog)


def test_a_watchdog_that_is_meant_for_another_process_is_not_ours() -> None:
    assert ServiceManager.of({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}).watchdog_seconds == 0


async def test_a_manager_that_has_gone_does_not_end_the_guard(tmp_path: Path) -> None:
    readiness = Readiness(lost_grace_seconds=1.0)
    gone = ServiceManager(str(tmp_path / "gone"))
    following = asyncio.create_task(gone.follow_readiness(readiness))
    readiness.ready()
    await asyncio.sleep(0)
    assert not following.done()
    following.cancel()
