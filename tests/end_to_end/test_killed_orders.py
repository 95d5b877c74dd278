"""Killed at any instant around an order, the server sends it once, or not, and knows which."""

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dtms.v1 import action_pb2, trade_pb2
from dtms_client import DtmsClient
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.messages import SendOrder
from dtms_server.terminal.wire import Wire
from end_to_end.reading import read_until
from end_to_end.under_fire.liar import Liar, Lie
from processes import PATIENCE_SECONDS, TERMINAL_KEY, Process, Shop, free_address

CRITICAL = "soft_above = 98.0\nweak_above = 97.0\nfailing_above = 96.0"
FAILING = "soft_above = 98.0\nweak_above = 97.0\nfailing_above = -99.0"
POLICY = """
[policy.defence.states]
grace_minutes = 0
[policy.defence.symbol]
readd = false
[policy.scoring.bands]
steady_from = 99.0
"""
LOTS = 0.4
HEDGE, HALF = "OPEN_HEDGE", "CLOSE_HALF"


@dataclass
class Scene:
    """A terminal whose clock stands until it is moved, a database, and the server now."""

    town: Shop
    terminal: str
    terminal_process: Process
    target: str
    client: DtmsClient
    hand: SimulatorControl
    server: Process
    ticket: int = 0
    since: str = ""

    def register(self) -> None:
        """Put a position under guard whose first score calls for an order."""
        self.ticket = self.hand.open("EURUSD", Direction.BUY, LOTS, stop_loss=0.9).ticket
        self.client.register_trade(self.ticket, "EURUSD", "BUY")
        self.since = self.client.list_trades().resume_token

    def await_action(self, type_: str, kind: str) -> None:
        """Wait until an action of the trade has begun, or ended."""
        facts = f"action_{type_.lower()}"
        number = action_pb2.ActionKind.Value(f"ACTION_KIND_{kind}")
        read_until(
            self.client,
            lambda event: getattr(event, facts).action.kind == number,
            since=self.since,
            types=[f"ACTION_{type_}"],
        )

    def await_arrival(self, fault: str) -> None:
        """Wait until an order was struck by the fault; a host that hangs tells only in its file."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while fault in (self.town.folder / "world.json").read_text(encoding="utf-8"):
            assert time.monotonic() < deadline, "no order has arrived"

    def restart(self, terminal: str = "") -> None:
        """Start the server again after it was killed, on another way to the terminal if named."""
        self.server, _ = _serve(self.town, terminal or self.terminal, self.target)
        self.server.expect("guarding")

    def restart_terminal(self) -> None:
        """End a terminal that hangs, and start it again; its world goes on."""
        self.hand.disconnect()
        self.terminal_process.signal_group(signal.SIGKILL)  # the host that hangs, too
        self.terminal_process.wait()
        self.terminal_process, _ = _terminal(self.town, self.terminal)
        self.hand = self.town.control(self.terminal)

    def let_settle(self) -> None:
        """Let two minutes pass in steps, with cycles in each."""
        for _ in range(8):
            self.hand.advance(15.0)
            goal = self.client.status().cycles + 2
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self.client.status().cycles < goal:
                assert time.monotonic() < deadline, "no cycles"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nothing be written to the database meanwhile."""
        lock = sqlite3.connect(self.town.folder / "dtms.db", isolation_level=None, timeout=30)
        try:
            lock.execute("BEGIN IMMEDIATE")
            yield
        finally:
            lock.close()

    def audit(self, kind: str) -> None:
        """The order was carried out once, and the trade says what the broker says."""
        trade = self.client.get_trade(self.ticket)
        held = {position.ticket: position for position in self.hand.positions()}
        actions = [
            action
            for action in self.client.list_actions(ticket=self.ticket)
            if action.kind == action_pb2.ActionKind.Value(f"ACTION_KIND_{kind}")
        ]
        done = [a for a in actions if a.state == action_pb2.ACTION_STATE_DONE]
        assert len(done) == 1, actions
        if kind == HEDGE:
            assert held.keys() == {self.ticket, trade.hedge_ticket}
            assert held[trade.hedge_ticket].volume_lots == LOTS / 2
            assert trade.state == trade_pb2.TRADE_STATE_HEDGED
        else:
            assert held.keys() == {self.ticket}
            assert held[self.ticket].volume_lots == trade.volume == LOTS / 2
            assert trade.state == trade_pb2.TRADE_STATE_WARNING_L2


def _terminal(town: Shop, address: str) -> tuple[Process, str]:
    flags = ("--seed", "7", "--symbol", "EURUSD", "--speed", "0", "--sim-state", "world.json")
    process = town.start("terminal", "--module", "simulator", "--listen", address, *flags)
    return process, process.expect(r"listening (\S+)")[1]


def _serve(town: Shop, terminal: str, target: str) -> tuple[Process, str]:
    return town.serve(terminal, "--listen", target, "--cycle", "0.1")


@pytest.fixture(params=[HEDGE, pytest.param(HALF, marks=pytest.mark.long)])
def kind(request: pytest.FixtureRequest) -> str:
    """What the trade's first score calls for."""
    return str(request.param)


@pytest.fixture
def scene(town: Shop, kind: str) -> Iterator[Scene]:
    bands = CRITICAL if kind == HEDGE else FAILING
    Path(town.folder, "dtms.toml").write_text(POLICY + bands, encoding="utf-8")
    terminal_process, terminal = _terminal(town, free_address())
    target = free_address()
    server, _ = _serve(town, terminal, target)
    server.expect("guarding")
    with DtmsClient(target) as client:
        made = Scene(
            town, terminal, terminal_process, target, client, town.control(terminal), server
        )
        yield made
        made.hand.disconnect()


def test_before_the_intent_is_on_disk(scene: Scene, kind: str) -> None:
    scene.hand.fault("none", {"call": "copy_rates_from_pos", "count": 1000})
    scene.register()  # without bars there is no score, and no order yet
    with scene.locked():
        scene.hand.clear()
        scene.hand.advance(300.0)
        scene.server.expect("cycle not written")
        scene.server.kill()
    assert len(scene.hand.positions()) == 1
    scene.restart()
    scene.await_action("DONE", kind)
    scene.audit(kind)


@pytest.mark.parametrize("executed", [False, True], ids=["never arrived", "was carried out"])
def test_after_the_send_and_before_the_answer(scene: Scene, kind: str, executed: bool) -> None:
    scene.hand.fault("no_answer", {"hang": True, "executed": executed})
    scene.register()
    scene.await_arrival("no_answer")
    scene.server.kill()
    scene.restart_terminal()
    scene.restart()
    scene.let_settle()
    scene.await_action("DONE", kind)
    scene.audit(kind)


def test_at_some_moment_after_the_intent(scene: Scene, kind: str) -> None:
    scene.register()
    scene.await_action("STARTED", kind)
    scene.server.kill()
    scene.restart()
    scene.let_settle()
    scene.await_action("DONE", kind)
    scene.audit(kind)


def test_after_the_answer_and_before_the_outcome_is_on_disk(scene: Scene, kind: str) -> None:
    scene.server.kill()
    may_come = threading.Event()

    def late(server: Wire, true: bytes, _: bytes) -> None:
        may_come.wait(PATIENCE_SECONDS)
        server.send(true)

    with Liar(scene.terminal, TERMINAL_KEY) as between:
        scene.restart(between.address)
        between.plan(Lie(late, SendOrder))
        scene.register()
        scene.await_action("STARTED", kind)
        with scene.locked():
            may_come.set()
            scene.server.expect("order answered")
            scene.server.expect("cycle not written")
            scene.server.kill()
    scene.restart()
    scene.await_action("DONE", kind)
    scene.let_settle()
    scene.audit(kind)


def test_after_the_outcome_is_on_disk(scene: Scene, kind: str) -> None:
    scene.register()
    scene.await_action("DONE", kind)
    scene.server.kill()
    scene.restart()
    scene.let_settle()
    scene.audit(kind)


@pytest.mark.parametrize(
    ("executed", "seconds"),
    [(True, 0.0), (True, 45.0), (False, 0.0)],
    ids=["at once", "within a minute", "never"],
)
def test_when_the_answer_is_lost(scene: Scene, kind: str, executed: bool, seconds: float) -> None:
    scene.hand.fault("no_answer", {"executed": executed, "seconds": seconds})
    scene.register()
    scene.await_arrival("no_answer")
    scene.server.kill()
    scene.restart()
    scene.let_settle()
    scene.await_action("DONE", kind)
    scene.audit(kind)
