"""What is done to a server while its event loop is measured."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Final

from dtms_client import DtmsClient
from dtms_client.errors import DtmsError
from place import Place

Fire = Callable[[Place, threading.Event], None]
"""Burns until the event is set."""
CALLERS: Final = 16
ORDINARY_PACE_SECONDS: Final = 0.05
KILL_PACE_SECONDS: Final = 1.0
LATE_SECONDS: Final = 7.0
"""Past the deadline of a snapshot, which is 5 s."""


def quiet(_: Place, over: threading.Event) -> None:
    """Nothing."""
    over.wait()


def mute(place: Place, over: threading.Event) -> None:
    """The terminal host stands still: it is given up at its deadline, ended and started again."""
    os.kill(_host(place), signal.SIGSTOP)
    over.wait()


def killed(place: Place, over: threading.Event) -> None:
    """The terminal host is killed, again and again."""
    while True:
        with suppress(ProcessLookupError):
            os.kill(_host(place), signal.SIGKILL)
        if over.wait(KILL_PACE_SECONDS):
            return


def late(place: Place, over: threading.Event) -> None:
    """The terminal answers after the deadline."""
    with place.hand() as hand:
        hand.fault("hang", {"call": "positions_get", "seconds": LATE_SECONDS})
    over.wait()


def storm(place: Place, over: threading.Event) -> None:
    """Sixteen bots register and read their trades, each as fast as it gets answers."""

    def call() -> None:
        with DtmsClient(place.target) as client:
            tickets = cycle(trade.ticket for trade in client.list_trades())
            while not over.is_set():
                ticket = next(tickets)
                with suppress(DtmsError):
                    client.register_trade(ticket, "EURUSD", "BUY")
                    client.get_trade(ticket)

    with ThreadPoolExecutor(CALLERS) as pool:
        calling = [pool.submit(call) for _ in range(CALLERS)]
    for each in calling:
        each.result()


@contextmanager
def ordinary_calls(place: Place) -> Iterator[None]:
    """Let a bot and a dashboard work while the block lasts, in every round the same."""
    over = threading.Event()

    def work() -> None:
        with DtmsClient(place.target) as client:
            while not over.wait(ORDINARY_PACE_SECONDS):
                with suppress(DtmsError):
                    client.status()
                    client.list_trades()

    def follow() -> None:
        with DtmsClient(place.target) as client, client.messages(heartbeat_interval=1) as messages:
            for _ in messages:
                if over.is_set():
                    return

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work), pool.submit(follow)]
        try:
            yield
        finally:
            over.set()
    for each in working:
        each.result()


def _host(place: Place) -> int:
    """Return the process id of the host that the server has started."""
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit():
                state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z" and int(parent) == place.server.pid:
                    return int(process.name)
    place.await_ready()
    return _host(place)
