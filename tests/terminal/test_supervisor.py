"""The supervisor: a terminal host that hangs is ended and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.errors import TerminalSilent, TerminalUnreachable
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.link import LinkedTerminal
from dtms_server.terminal.messages import (
    Connect,
    Deadlines,
    Done,
    Hello,
    ReadSnapshot,
    Seen,
    Welcome,
)
from dtms_server.terminal.options import HostOptions, parse_address
from hosts import KEY, PATIENCE_SECONDS, STILL, call

A_SUPERVISOR = """
import sys
from dtms_server.terminal.options import HostOptions
from dtms_server.terminal.supervisor import supervise

sys.exit(supervise(
    HostOptions.parse(sys.argv[1:]),
    b"the key of these tests",
    lambda address: print("at", address, flush=True),
    lambda line: print(line, file=sys.stdout, flush=True),
))
"""


class Supervisor:
    def __init__(self, folder: Path, options: HostOptions = STILL) -> None:
        inherited = {k: value for k, value in os.environ.items() if k != "DTMS_TERMINAL_KEY"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", A_SUPERVISOR, *options.arguments()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**inherited, "TMPDIR": str(folder)},  # a killed one cannot tidy up
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    running = Supervisor(tmp_path)
    with running.process:
        yield running
        running.process.terminate()


def test_a_host_that_hangs_is_started_again_with_its_world_and_port(supervisor: Supervisor) -> None:
    address = supervisor.line().removeprefix("at ")
    with SimulatorControl(address, KEY) as hand:
        opened = hand.open("EURUSD", Direction.BUY, 0.1)
        hand.fault("hang")
    server = call(address)
    server.ask(Hello("server"), Welcome, PATIENCE_SECONDS)
    server.ask(Connect(1.0), Done, PATIENCE_SECONDS)
    with pytest.raises(TerminalSilent):
        server.ask(ReadSnapshot(), Seen, 2.0)
    assert "hangs in a call past its deadline" in supervisor.line()
    assert "is started again" in supervisor.line()
    assert positions(address) == (opened,)


async def test_an_order_whose_answer_hangs_is_carried_out_once(supervisor: Supervisor) -> None:
    address = supervisor.line().removeprefix("at ")
    terminal = LinkedTerminal(parse_address(address), KEY, deadlines=Deadlines(send=2.0))
    await terminal.connect(PATIENCE_SECONDS)
    with SimulatorControl(address, KEY) as hand:
        hand.fault("no_answer", {"hang": True})
    order = Order(Verb.OPEN, "EURUSD", Direction.BUY, 1.0, 0.1)
    with pytest.raises(TerminalSilent, match="SendOrder"):
        await terminal.send(order, "dtms-1", 7, 20)
    await reconnect(terminal)
    seen = await terminal.snapshot()
    assert [(p.comment, p.magic) for p in seen.positions] == [("dtms-1", 7)]
    await terminal.close()


async def reconnect(terminal: LinkedTerminal) -> None:
    while True:  # until the host is started again, or pytest's own timeout
        try:
            await terminal.connect(PATIENCE_SECONDS)
        except (TerminalUnreachable, TerminalSilent):
            continue
        return


def positions(address: str) -> object:
    while True:  # until it listens again, or pytest's own timeout
        try:
            with SimulatorControl(address, KEY) as hand:
                return hand.positions()
        except TerminalUnreachable:
            continue


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="these cannot be sent to one process there")
def test_it_ends_with_0_and_takes_its_host_along(
    supervisor: Supervisor, number: signal.Signals
) -> None:
    address = supervisor.line().removeprefix("at ")
    with SimulatorControl(address, KEY) as hand:
        supervisor.process.send_signal(number)
        with pytest.raises((EOFError, OSError)):
            hand._caller.wire.receive(PATIENCE_SECONDS)
    assert supervisor.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 there")
def test_a_host_does_not_outlive_a_supervisor_that_is_killed(supervisor: Supervisor) -> None:
    address = supervisor.line().removeprefix("at ")
    with SimulatorControl(address, KEY) as hand:
        supervisor.process.kill()
        with pytest.raises((EOFError, OSError)):
            hand._caller.wire.receive(PATIENCE_SECONDS)


def test_a_host_that_cannot_start_is_not_tried_again(tmp_path: Path) -> None:
    wrong = Supervisor(tmp_path, replace(STILL, server_offset="Nowhere/Land"))
    with wrong.process:
        _, errors = wrong.process.communicate(timeout=PATIENCE_SECONDS)
    assert wrong.process.returncode == 2
    assert "Nowhere/Land" in errors.decode()
