"""The terminal host: who is let in, what it answers, when it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from dtms_server.domain.errors import TerminalSilent, TerminalUnreachable
from dtms_server.domain.trade import Direction
from dtms_server.terminal.commands import ListPositions
from dtms_server.terminal.messages import (
    Clock,
    Connect,
    Deadlines,
    Done,
    Held,
    Hello,
    ReadClock,
    ReadSnapshot,
    Seen,
    Welcome,
)
from dtms_server.terminal.options import parse_address
from dtms_server.terminal.wire import Caller, RequestRefused
from hosts import PATIENCE_SECONDS, STILL, Hosts, RunningHost, call, refusal

ALONE = """
import pathlib, sys, sysconfig

installed = pathlib.Path(sysconfig.get_path("purelib")).iterdir()
others = {path.name.split(".")[0] for path in installed} - {"dtms_server", "numpy", "msgspec"}

class Without:
    def find_spec(self, name, path=None, target=None):
        if name in others:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
from dtms_server.terminal.host import HostOptions, _dispatch
_dispatch(HostOptions(module="simulator"))
print(*{".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("dtms_server.")})
"""


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    """One host for all tests that leave it as they found it."""
    running = RunningHost(STILL)
    yield running
    running.end()


def enter(hosts: Hosts, address: str, role: str = "server") -> Caller:
    caller = hosts.call(address)
    caller.ask(Hello(role), Welcome, PATIENCE_SECONDS)  # type: ignore[arg-type] # a literal
    return caller


def test_it_needs_only_what_runs_beside_a_terminal() -> None:
    alone = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(alone.stdout.split()) == {"dtms_server.domain", "dtms_server.terminal"}


def test_a_caller_with_another_key_is_refused(host: RunningHost, hosts: Hosts) -> None:
    with pytest.raises(TerminalUnreachable, match="another key"):
        call(host.address, b"guessed")
    assert hosts.control(host.address).positions() == ()


def test_mute_callers_hold_up_nobody(host: RunningHost, hosts: Hosts) -> None:
    where = parse_address(host.address)
    mute = [socket.create_connection(where, PATIENCE_SECONDS) for _ in range(20)]
    assert hosts.control(host.address).positions() == ()
    for connection in mute:
        connection.close()


@pytest.mark.long
def test_a_mute_caller_is_dropped(hosts: Hosts) -> None:
    host = hosts.start()
    with socket.create_connection(parse_address(host.address), PATIENCE_SECONDS) as mute:
        while mute.recv(1024):
            pass  # the challenge; then the end


def test_a_stranger_s_noise_ends_only_its_own_connection(host: RunningHost, hosts: Hosts) -> None:
    with socket.create_connection(parse_address(host.address), PATIENCE_SECONDS) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: terminal\r\n\r\n" * 100)
        with suppress(ConnectionError):
            while stranger.recv(1024):
                pass
    assert hosts.control(host.address).positions() == ()


def test_one_server_at_a_time_and_the_next_when_it_has_gone(hosts: Hosts) -> None:
    host = hosts.start()
    first = enter(hosts, host.address)
    with pytest.raises(RequestRefused, match="another server is using this terminal"):
        enter(hosts, host.address)
    first.wire.close()
    second = enter(hosts, host.address)
    assert second.ask(ReadClock(), Clock, PATIENCE_SECONDS)


def test_a_server_that_comes_while_another_leaves_waits_for_that(hosts: Hosts) -> None:
    host = hosts.start()
    leaving = threading.Timer(0.2, enter(hosts, host.address).wire.close)
    leaving.start()
    assert enter(hosts, host.address).ask(ReadClock(), Clock, PATIENCE_SECONDS)
    leaving.join()


def test_a_silent_server_loses_the_role(hosts: Hosts) -> None:
    host = hosts.start(replace(hosts.options, silence=0.2))
    silent = enter(hosts, host.address)
    enter(hosts, host.address)
    with pytest.raises(TerminalUnreachable):
        silent.ask(ReadClock(), Clock, PATIENCE_SECONDS)


def test_a_server_that_gave_up_a_hanging_call_gets_the_role_again(hosts: Hosts) -> None:
    host = hosts.start()
    first = enter(hosts, host.address)
    first.ask(Connect(1.0), Done, PATIENCE_SECONDS)
    hosts.control(host.address).fault("hang")  # for ever: only the listening threads still turn
    with pytest.raises(TerminalSilent):
        first.ask(ReadSnapshot(), Seen, 0.05)
    assert enter(hosts, host.address)


def test_what_was_asked_too_long_ago_is_not_done_any_more(hosts: Hosts) -> None:
    host = hosts.start()
    server = enter(hosts, host.address)
    server.ask(Connect(1.0), Done, PATIENCE_SECONDS)
    control, hasty = (
        hosts.control(host.address, Deadlines(control=seconds)) for seconds in (60.0, 0.5)
    )
    control.fault("hang", {"seconds": 4.0})
    with pytest.raises(TerminalSilent):
        server.ask(ReadSnapshot(), Seen, 1.0)
    with pytest.raises(TerminalSilent):
        hasty.open("EURUSD", Direction.BUY, 0.1)
    assert control.positions() == ()


def test_roles_keep_to_their_own_questions(hosts: Hosts) -> None:
    host = hosts.start()
    server, control = enter(hosts, host.address), enter(hosts, host.address, "control")
    with pytest.raises(RequestRefused, match="ListPositions is not for a server"):
        server.ask(ListPositions(), Held, PATIENCE_SECONDS)
    with pytest.raises(RequestRefused, match="ReadSnapshot is not for a control"):
        control.ask(ReadSnapshot(), Seen, PATIENCE_SECONDS)


def test_another_version_of_the_link_is_refused_with_the_remedy(hosts: Hosts) -> None:
    host = hosts.start()
    caller = hosts.call(host.address)
    with pytest.raises(RequestRefused, match="update the older of the two"):
        caller.ask(Hello("server", protocol=99), Welcome, PATIENCE_SECONDS)


def test_a_world_in_a_file_outlives_its_host(hosts: Hosts, tmp_path: Path) -> None:
    kept = replace(hosts.options, sim_state=str(tmp_path / "world.json"))
    first = hosts.start(kept)
    opened = hosts.control(first.address).open("EURUSD", Direction.BUY, 0.1)
    first.end()
    assert hosts.control(hosts.start(kept).address).positions() == (opened,)


def test_a_supervised_host_tells_each_request_and_ends_with_its_input(hosts: Hosts) -> None:
    host = hosts.start(replace(hosts.options, supervised=True))
    caller = enter(hosts, host.address)
    caller.ask(ReadClock(), Clock, 7.0)
    busy, seconds = host.line().split()
    assert busy == "busy"
    assert 0 < float(seconds) <= 7
    assert host.line() == "idle"
    assert host.process.stdin is not None
    host.process.stdin.close()
    assert host.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_a_supervised_host_leaves_signals_to_its_owner(hosts: Hosts) -> None:
    host = hosts.start(replace(hosts.options, supervised=True))
    host.process.send_signal(signal.SIGINT)
    host.process.send_signal(signal.SIGTERM)
    assert enter(hosts, host.address).ask(ReadClock(), Clock, PATIENCE_SECONDS)


def test_what_it_cannot_start_with_is_one_line_and_status_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(status=1, listen=(f"127.0.0.1:{port}",))  # it may be free soon
        assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "--allow-remote" in refusal(listen=("0.0.0.0:0",))
    assert "is not HOST:PORT" in refusal(listen=("here",))
    assert "nothing to listen on" in refusal(listen=())
    assert "DTMS_TERMINAL_KEY" in refusal(key=b"")
    assert "nowhere.csv" in refusal(replay=str(tmp_path / "nowhere.csv"))
    assert "Nowhere/Land" in refusal(server_offset="Nowhere/Land")
    (tmp_path / "torn.json").write_text("{")
    assert "torn.json" in refusal(sim_state=str(tmp_path / "torn.json"))


@pytest.mark.skipif(sys.platform == "win32", reason="there the package is installed")
def test_without_its_module_it_does_not_start() -> None:
    assert "MetaTrader5 is not installed" in refusal(module="metatrader5")
