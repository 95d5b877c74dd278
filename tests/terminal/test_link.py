"""The link's own life: what it starts it ends, and what it cannot start it explains."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from dtms_server.domain.errors import TerminalSilent, TerminalUnreachable
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.link import LinkedTerminal, Login
from dtms_server.terminal.messages import Deadlines, Hello, Welcome
from dtms_server.terminal.options import parse_address
from dtms_server.terminal.wire import RequestRefused
from hosts import KEY, PATIENCE_SECONDS, STILL, Hosts

A_SERVER = """
import asyncio, sys
from dtms_server.terminal.link import LinkedTerminal
from dtms_server.terminal.options import HostOptions

async def main():
    terminal = LinkedTerminal(HostOptions.parse(sys.argv[1:]), b"the key of these tests")
    await terminal.connect(60)
    print(terminal.listening[0], flush=True)
    while True:
        await terminal.snapshot()

asyncio.run(main())
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory of our own, with a path short enough for a local socket."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def links() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "terminal link"}


def await_end(hand: SimulatorControl) -> None:
    """Wait until the host at the other end has gone."""
    with pytest.raises((EOFError, OSError)):
        hand._caller.wire.receive(PATIENCE_SECONDS)


def await_hang(address: str) -> None:
    """Wait until the host answers nobody."""
    with suppress(TerminalSilent), SimulatorControl(address, KEY, Deadlines(control=0.2)) as hand:
        while True:
            hand.positions()


async def test_close_leaves_no_process_no_thread_and_no_file(folder: Path) -> None:
    others = links()
    terminal = LinkedTerminal(STILL, KEY)
    await terminal.connect(PATIENCE_SECONDS)
    assert any(folder.iterdir())
    assert links() - others
    with SimulatorControl(terminal.listening[0], KEY) as hand:
        await terminal.close()
        await_end(hand)
    assert not links() - others
    assert list(folder.iterdir()) == []


async def test_a_call_under_way_does_not_hold_up_the_close(folder: Path) -> None:
    terminal = LinkedTerminal(STILL, KEY)
    await terminal.connect(PATIENCE_SECONDS)
    with SimulatorControl(terminal.listening[0], KEY) as hand:
        hand.fault("hang")
        waiting = asyncio.create_task(terminal.snapshot())
        await asyncio.sleep(0)
        await terminal.close()
        await_end(hand)
    with pytest.raises(TerminalUnreachable):
        await waiting
    assert list(folder.iterdir()) == []


async def test_a_close_that_is_given_up_goes_on_by_itself(folder: Path) -> None:
    others = links()
    terminal = LinkedTerminal(STILL, KEY)
    await terminal.connect(PATIENCE_SECONDS)
    closing = asyncio.create_task(terminal.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await terminal.close()
    assert not links() - others
    assert list(folder.iterdir()) == []


async def test_a_connection_that_is_given_up_leaves_nothing(folder: Path) -> None:
    others = links()
    terminal = LinkedTerminal(STILL, KEY)
    connecting = asyncio.create_task(terminal.connect(PATIENCE_SECONDS))
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    with pytest.raises(TerminalUnreachable):
        await terminal.snapshot()
    await terminal.close()
    assert not links() - others
    assert list(folder.iterdir()) == []


async def test_a_host_that_cannot_start_says_why_in_its_own_words(tmp_path: Path) -> None:
    terminal = LinkedTerminal(replace(STILL, replay=str(tmp_path / "nowhere.csv")), KEY)
    with pytest.raises(TerminalUnreachable, match="nowhere"):
        await terminal.connect(PATIENCE_SECONDS)
    await terminal.close()


async def test_a_port_in_use_is_told(hosts: Hosts) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        terminal = LinkedTerminal(replace(STILL, listen=(address,)), KEY)
        with pytest.raises(TerminalUnreachable, match=f"cannot listen on {address}"):
            await terminal.connect(PATIENCE_SECONDS)
        await terminal.close()


async def test_nobody_at_the_address_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as was:
        where = was.getsockname()
    terminal = LinkedTerminal(where, KEY)
    with pytest.raises(TerminalUnreachable, match=str(where[1])):
        await terminal.connect(PATIENCE_SECONDS)


async def test_a_stranger_who_takes_calls_and_stays_mute_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        terminal = LinkedTerminal(mute.getsockname(), KEY)
        with pytest.raises(TerminalSilent, match=r"connect within 0\.3 s"):
            await terminal.connect(0.3)
        await terminal.close()


async def test_another_key_is_told_with_the_remedy(hosts: Hosts) -> None:
    terminal = LinkedTerminal(parse_address(hosts.start().address), b"guessed")
    with pytest.raises(TerminalUnreachable, match="DTMS_TERMINAL_KEY"):
        await terminal.connect(PATIENCE_SECONDS)


async def test_a_second_server_is_told_that_there_is_one(hosts: Hosts) -> None:
    where = parse_address(hosts.start().address)
    first, second = LinkedTerminal(where, KEY), LinkedTerminal(where, KEY)
    await first.connect(PATIENCE_SECONDS)
    with pytest.raises(TerminalUnreachable, match="another server is using this terminal"):
        await second.connect(PATIENCE_SECONDS)
    await first.snapshot()
    await first.close()
    await second.close()


async def test_a_login_that_the_terminal_refuses_is_told_with_its_error(hosts: Hosts) -> None:
    where = parse_address(hosts.start().address)
    terminal = LinkedTerminal(where, KEY, Login(login=4711, password="guessed"))
    with pytest.raises(Exception, match="initialize with error -6"):
        await terminal.connect(PATIENCE_SECONDS)
    await terminal.close()


async def test_a_host_that_dies_is_noticed_and_started_again() -> None:
    terminal = LinkedTerminal(STILL, KEY)
    await terminal.connect(PATIENCE_SECONDS)
    with SimulatorControl(terminal.listening[0], KEY) as hand:
        opened = hand.open("EURUSD", Direction.BUY, 0.1)
    session = terminal._session
    assert session is not None
    assert session._host is not None
    session._host.kill()
    with pytest.raises(TerminalUnreachable):
        await terminal.snapshot()
    await terminal.connect(PATIENCE_SECONDS)
    assert (await terminal.snapshot()).positions == (opened,)  # its world outlived it
    await terminal.close()


async def test_a_host_that_misses_a_deadline_is_ended_at_once() -> None:
    terminal = LinkedTerminal(STILL, KEY, deadlines=Deadlines(snapshot=0.1))
    await terminal.connect(PATIENCE_SECONDS)
    with SimulatorControl(terminal.listening[0], KEY) as hand:
        hand.fault("hang")
        with pytest.raises(TerminalSilent):
            await terminal.snapshot()
        session = terminal._session
        assert session is not None
        await asyncio.wait_for(session.gone(), PATIENCE_SECONDS)
        await_end(hand)
    await terminal.close()


async def test_a_spawned_host_belongs_to_its_server_alone(hosts: Hosts) -> None:
    terminal = LinkedTerminal(STILL, KEY)
    await terminal.connect(PATIENCE_SECONDS)
    caller = hosts.call(terminal.listening[0])
    with pytest.raises(RequestRefused, match="belongs to the server that started it"):
        caller.ask(Hello("server"), Welcome, PATIENCE_SECONDS)
    await terminal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 there")
@pytest.mark.parametrize("hangs", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_host_ends_with_its_server_however_that_ends(folder: Path, hangs: bool) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", A_SERVER, *STILL.arguments()],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert server.stdout is not None
    with server, SimulatorControl(server.stdout.readline().decode().strip(), KEY) as hand:
        if hangs:
            hand.fault("hang", {"call": "account_info"})
            await_hang(hand.address)
        server.send_signal(signal.SIGKILL)
        await_end(hand)
    assert not [path for path in folder.iterdir() if path.suffix == ".sock"]
