"""The terminal host is killed at any instant: no call notices but by the table, nothing is lost."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest
from dtms_client import DtmsClient
from dtms_server.domain.errors import TerminalSilent, TerminalUnreachable
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from end_to_end.under_fire.orders import HEDGED_AT_ONCE, LOTS, audit, settled
from end_to_end.under_fire.traffic import LET_GO, NOT_SERVING, SERVING, Traffic, traffic
from processes import PATIENCE_SECONDS, QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="only Linux tells of another process's children"
)
GRACE = str(5 * PATIENCE_SECONDS)
"""Longer than any loss that a test waits for the end of."""
MUTE = signal.SIGSTOP if hasattr(signal, "SIGSTOP") else 0


@dataclass
class Scene:
    """A server with a host of its own, whose world is in a file."""

    town: Shop
    server: Process
    target: str
    terminal: str

    @property
    def world(self) -> Path:
        """The file."""
        return self.town.folder / "world.json"

    def host(self) -> int:
        """Return the process id of the host, as soon as there is one."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            for process in Path("/proc").iterdir():
                if process.name.isdigit() and _parent(process) == self.server.pid:
                    return int(process.name)
        raise AssertionError("no host is started")

    def kill_host(self) -> int:
        """Kill it, as soon as there is one, and return which it was."""
        pid = self.host()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    def open(self) -> int:
        """Open a position, as soon as there is a host to do it."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with self.hand() as hand:
                    return hand.open("EURUSD", Direction.BUY, LOTS, stop_loss=0.9).ticket
            except (TerminalUnreachable, TerminalSilent):
                assert time.monotonic() < until, "the host does not come back"

    def hand(self) -> SimulatorControl:
        """Connect somebody's hand."""
        return self.town.control(self.terminal)


@pytest.fixture
def scene(town: Shop) -> Scene:
    (town.folder / "dtms.toml").write_text(HEDGED_AT_ONCE)
    terminal = free_address()
    flags = ("--sim-listen", terminal, "--sim-state", "world.json", "--lost-grace", GRACE)
    server, target = town.serve("simulator", *flags, *QUICK_TERMINAL, *QUICK_SERVER)
    server.expect("guarding")
    return Scene(town, server, target, terminal)


@pytest.fixture
def calls(scene: Scene) -> Iterator[Traffic]:
    """Calls without pause; what they came to is checked at their end, and every order audited."""
    with ExitStack() as stack:
        client = stack.enter_context(DtmsClient(scene.target))
        running = stack.enter_context(traffic(scene.target, [scene.open() for _ in range(LET_GO)]))
        running.await_round()
        yield running
        running.await_round()
        running.end()
        client.pause_actions("audit")  # what is read now stays all that there is
        actions = settled(client)
        assert "Traceback" not in scene.server.output
        assert scene.server.terminate() == 0
        audit(actions, scene.world)


@pytest.mark.parametrize(
    "kills", [10, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_a_host_that_is_killed_again_and_again_loses_nothing(
    scene: Scene, calls: Traffic, dice: random.Random, kills: int
) -> None:
    moment, killed = Event(), set[int]()
    while len(killed) < kills:
        calls.follower.await_balance()
        lost = calls.follower.count("TERMINAL_LOST")
        calls.add(scene.open())  # its registration and its hedge are under way when the host dies
        moment.wait(dice.uniform(0, 0.3))
        killed.add(scene.kill_host())
        if dice.random() < 0.2:  # the next one while it starts
            moment.wait(dice.uniform(0, 0.6))
            killed.add(scene.kill_host())
        calls.follower.await_count("TERMINAL_LOST", lost + 1)
    calls.follower.await_balance()
    assert calls.readiness.told == [SERVING], "a loss within its grace is told by health"


@pytest.mark.parametrize("executed", [True, False], ids=["carried out", "not carried out"])
def test_an_order_whose_host_is_killed_before_the_answer_is_settled(
    scene: Scene, calls: Traffic, executed: bool
) -> None:
    with scene.hand() as hand:
        ticket = hand.open("EURUSD", Direction.BUY, LOTS, stop_loss=0.9).ticket
        # last: the order of a trade before it may be struck too, and then nobody is answered
        hand.fault("no_answer", {"hang": True, "executed": executed})
    calls.add(ticket)
    await_arrival(scene.world, "no_answer")
    scene.kill_host()
    scene.server.expect("order's outcome unknown")
    scene.server.expect("order carried out" if executed else "order not carried out")
    calls.follower.await_balance()


def test_a_host_that_stands_still_is_ended_and_another_one_started(
    scene: Scene, calls: Traffic
) -> None:
    still = scene.host()
    os.kill(still, MUTE)
    calls.follower.await_count("TERMINAL_LOST", 1)
    calls.follower.await_balance()
    assert scene.host() != still
    assert NOT_SERVING not in calls.readiness.told


def await_arrival(world: Path, fault: str) -> None:
    """Wait until an order was struck by the fault; a host that hangs tells only in its file."""
    until = time.monotonic() + PATIENCE_SECONDS
    while fault in world.read_text(encoding="utf-8"):
        assert time.monotonic() < until, "no order has arrived"


def _parent(process: Path) -> int | None:
    """Return a process's parent, None for one that has ended."""
    try:
        state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)
