"""The command behind `make demo`: a bot at work, and its guard."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Annotated, Final

import typer
from dtms.v1 import event_pb2, trade_pb2
from dtms_client import DtmsClient, DtmsError
from dtms_client.errors import NotReady

from dtms_server.cli import words
from dtms_server.cli.output import say
from dtms_server.cli.show import Show, show
from dtms_server.demo import service
from dtms_server.demo.bot import Bot
from dtms_server.demo.tally import Tally
from dtms_server.terminal.control import SimulatorControl

READY_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.25


def demo(
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="Stop after so long; else at Ctrl-C.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", min=0, help="Of the market's clock.")] = 60.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the market and the bot.")] = 7,
) -> None:
    """Show a bot and its guard at work on a simulated terminal.

    Example: dtms demo --seconds 20
    """
    tally = Tally()
    with _stop_asked() as stop:
        say("starting a service on a simulated terminal; Ctrl-C stops it")
        with (
            service.running(speed, seed) as running,
            DtmsClient(running.target) as client,
        ):
            if _is_ready(client, stop):
                with SimulatorControl(running.terminal, running.key) as control:
                    _perform(client, Bot(control, client, seed), tally, seconds, stop)
            say("draining")
    for line in tally.lines():
        say(line)


def _is_ready(client: DtmsClient, stop: threading.Event) -> bool:
    """Wait until the service is ready (False: or `stop`), in short turns so that it is heard."""
    deadline = time.monotonic() + READY_SECONDS
    while not stop.is_set():
        try:
            client.wait_until_ready(timeout=1.0)
        except NotReady:
            if time.monotonic() > deadline:
                raise
        else:
            return True
    return False


def _perform(
    client: DtmsClient, bot: Bot, tally: Tally, seconds: float | None, stop: threading.Event
) -> None:
    """Let the bot trade and show what happens, until `stop` or for so many seconds."""
    deadline = time.monotonic() + seconds if seconds is not None else float("inf")
    told: SimpleQueue[event_pb2.MonitorEvent] = SimpleQueue()
    with (
        client.events(start_from="EARLIEST") as events,
        ThreadPoolExecutor(max_workers=2) as pool,
        show() as shown,
    ):
        working = [pool.submit(bot.run, stop), pool.submit(_follow, events, told)]
        try:
            while not any(task.done() for task in working):
                if stop.wait(LOOK_SECONDS) or time.monotonic() > deadline:
                    break
                _look(client, told, tally, shown)
            stop.set()
            working[0].exception()  # waits for the bot's last deed, which is shown too
            _look(client, told, tally, shown)
        finally:
            stop.set()
            events.close()  # else the thread that follows them would be waited for in vain
    for task in working:
        task.result()


def _follow(
    events: Iterator[event_pb2.MonitorEvent], told: SimpleQueue[event_pb2.MonitorEvent]
) -> None:
    for event in events:
        told.put(event)


def _look(
    client: DtmsClient, told: SimpleQueue[event_pb2.MonitorEvent], tally: Tally, shown: Show
) -> None:
    while not told.empty():
        event = told.get()
        _count(tally, event)
        shown.event(event)
    try:
        shown.draw(client)
    except DtmsError as error:
        if not error.is_transient:
            raise


def _count(tally: Tally, event: event_pb2.MonitorEvent) -> None:
    tally.events += 1
    match event.WhichOneof("facts"):
        case "trade_registered":
            tally.registered += 1
        case "trade_closed":
            fact = event.trade_closed
            tally.closed[words.name(trade_pb2.CloseReason, fact.reason)] += 1
            tally.profit += fact.profit


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Turn the signals that end a program into an event, so that all is taken down in order."""
    stop = threading.Event()
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
