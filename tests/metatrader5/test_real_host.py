"""A terminal host with the real package, in a Windows process, and a server beside it on Linux."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.calling import LIVENESS, calling, watching
from processes import Process, Shop, free_address, shop
from windows import WindowsPython

pytestmark = [pytest.mark.metatrader5, pytest.mark.timeout(900)]

NOT_READY = 3
NO_TERMINAL = r"-10003.*IPC initialize failed, MetaTrader 5 x64 not found"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as opened:
        yield opened


def start_host(windows: WindowsPython, town: Shop, address: str) -> Process:
    """Start a host that tells each request (busy, idle), and ends with its input."""
    module = ("-m", "dtms_server.terminal.host", "--module", "metatrader5", "--supervised")
    host = Process(
        windows.command(*module, "--listen", address),
        windows.environment(town.environment),
        town.folder,
        stdin=subprocess.PIPE,
    )
    host.expect(f"listening {address}")
    return host


def status(town: Shop, target: str) -> str:
    """Return what `dtms status` prints."""
    ended = town.run("status", "--target", target)
    assert ended.returncode == 0, ended.stderr
    return " ".join(ended.stdout.split())


def test_without_a_terminal_the_server_says_so_and_tries_again_for_ever(
    windows: WindowsPython, town: Shop
) -> None:
    address = free_address()
    server, target = town.serve(address, "--startup-timeout", "0")
    server.expect("not usable yet.*refused")
    with calling(target) as caller, watching(target, LIVENESS) as alive:
        with start_host(windows, town, address) as host:
            server.expect(f"not usable yet.*{NO_TERMINAL}")
            host.expect("busy", count=3)  # each attempt is one request
            assert caller.readiness() == "NOT_SERVING"
            assert re.search(NO_TERMINAL, status(town, target))
            host.kill()
        server.expect("not usable yet.*refused", count=2)
        assert not re.search(NO_TERMINAL, status(town, target))
        with start_host(windows, town, address):
            server.expect(f"not usable yet.*{NO_TERMINAL}", count=2)
            assert re.search(NO_TERMINAL, status(town, target))
        assert alive.told == ["SERVING"]
    assert server.terminate() == 0
    assert "Traceback" not in server.output


def test_a_start_that_may_not_last_for_ever_ends_with_status_3_and_the_error(
    windows: WindowsPython, town: Shop
) -> None:
    address = free_address()
    with start_host(windows, town, address):
        ended = town.run(
            *("serve", "--terminal", address, "--listen", "127.0.0.1:0", "--startup-timeout", "10")
        )
    assert ended.returncode == NOT_READY, ended.stderr
    assert re.search(rf"^error: .*{NO_TERMINAL}", ended.stderr, re.MULTILINE)


def test_a_supervised_host_ends_with_its_input(windows: WindowsPython, town: Shop) -> None:
    with start_host(windows, town, free_address()) as host:
        host.close_input()
        assert host.wait() == 0
        assert "Traceback" not in host.output
