"""Strangers at a terminal host: however many come, and whatever they say, they take nothing."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from dtms_server.domain.errors import TerminalUnreachable
from dtms_server.terminal.control import SimulatorControl
from dtms_server.terminal.link import LinkedTerminal
from dtms_server.terminal.options import parse_address
from dtms_server.terminal.reception import MOST_STRANGERS
from hosts import KEY, PATIENCE_SECONDS, Hosts, RunningHost, call

STRANGERS = 1000
COUNTS = Path(f"/proc/{os.getpid()}/fd").exists()
"""Only Linux tells of another process how many threads and files it has."""


def taken(host: RunningHost) -> tuple[int, int]:
    """Return how many threads and how many open files a host has."""
    process = Path(f"/proc/{host.process.pid}")
    return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


def guess_the_key(address: str) -> None:
    with pytest.raises(TerminalUnreachable, match="another key"):
        call(address, b"guessed")


def make_noise(address: str) -> None:
    where = parse_address(address)
    with socket.create_connection(where, PATIENCE_SECONDS) as noisy, suppress(ConnectionError):
        noisy.sendall(b"\x00\x00\x00\x10" + os.urandom(16) + b"GET / HTTP/1.1\r\n\r\n")
        while noisy.recv(1024):
            pass


def come_and_go(address: str) -> None:
    socket.create_connection(parse_address(address), PATIENCE_SECONDS).close()


@contextmanager
def mute(address: str, count: int) -> Iterator[None]:
    """Let so many be connected who say nothing, while the block lasts."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(parse_address(address), PATIENCE_SECONDS))
        yield


@pytest.mark.parametrize("strange", [guess_the_key, make_noise, come_and_go])
async def test_a_thousand_strangers_disturb_neither_server_nor_control(
    hosts: Hosts, strange: Callable[[str], None]
) -> None:
    host = hosts.start()
    terminal = LinkedTerminal(parse_address(host.address), KEY)
    await terminal.connect(PATIENCE_SECONDS)
    before = taken(host) if COUNTS else None
    for number in range(STRANGERS):
        strange(host.address)
        if number % 100 == 0:
            assert (await terminal.snapshot()).positions == ()
            with SimulatorControl(host.address, KEY) as hand:
                assert hand.positions() == ()
    await terminal.close()
    await terminal.connect(PATIENCE_SECONDS)
    await terminal.close()
    if before is not None:
        await_no_more_than(host, before)


async def test_a_thousand_who_say_nothing_keep_nobody_out_and_take_little(hosts: Hosts) -> None:
    host = hosts.start()
    terminal = LinkedTerminal(parse_address(host.address), KEY)
    await terminal.connect(PATIENCE_SECONDS)
    before = taken(host) if COUNTS else None
    with mute(host.address, STRANGERS):
        assert (await terminal.snapshot()).positions == ()
        with SimulatorControl(host.address, KEY) as hand:
            assert hand.positions() == ()
        await terminal.close()
        await terminal.connect(PATIENCE_SECONDS)
        if before is not None:  # each has a thread that reads, and one that ends it in time
            threads, files = before
            await_no_more_than(host, (threads + 2 * MOST_STRANGERS, files + MOST_STRANGERS))
    assert (await terminal.snapshot()).positions == ()
    if before is not None:
        await_no_more_than(host, before)
    await terminal.close()


def await_no_more_than(host: RunningHost, most: tuple[int, int]) -> None:
    """Wait until a host has no more threads and open files than these."""
    until, look = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while any(has > may for has, may in zip(taken(host), most, strict=True)):
        assert time.monotonic() < until, f"{taken(host)} threads and files, not {most}"
        look.wait(0.02)
