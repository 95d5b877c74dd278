"""Bots that trade and call without pause, and remember what they were told."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade
from dtms_client import DtmsClient, DtmsError
from dtms_client.errors import PositionNotFound
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import ControlRefused, SimulatorControl
from processes import PATIENCE_SECONDS

T = TypeVar("T")
IMPATIENT = {
    "grpc.enable_retries": 0,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 100,
}
"""Options of a client that is back as soon as the server is: its bot repeats its calls itself."""
PAUSE_SECONDS = 0.05
POINT = 0.00001
MOST_HELD = 8
JUMP_POINTS = 90
STOP_POINTS = (40, 400)
"""A jump closes those whose stop or target is near, and leaves the others open."""


class Crew:
    """All bots at work, each in a thread of its own."""

    def __init__(
        self,
        target: str,
        hands: Sequence[SimulatorControl],
        dice: random.Random,
        options: Mapping[str, int | str],
    ) -> None:
        """Take where the server is, a hand at the terminal for each bot, and their client's
        options."""
        self._stop = threading.Event()
        self._at_work = threading.Event()
        self._calls = 0
        self._called = threading.Condition()
        self._bots = [
            Bot(self, DtmsClient(target, options=options), hand, dice.getrandbits(32))
            for hand in hands
        ]
        self._pool = ThreadPoolExecutor(len(self._bots))
        self._running: list[Future[None]] = []

    @property
    def registered(self) -> set[int]:
        """The tickets of which a bot was told that they are registered."""
        return set().union(*(bot.registered for bot in self._bots))

    @property
    def let_go(self) -> dict[int, int]:
        """The states in which trades were, as bots were told, when they released them."""
        return {ticket: state for bot in self._bots for ticket, state in bot.let_go.items()}

    def await_calls(self, count: int) -> None:
        """Return when so many more calls have begun."""
        with self._called:
            wanted = self._calls + count
            assert self._called.wait_for(
                lambda: self._calls >= wanted or self._has_failed(), PATIENCE_SECONDS
            ), "the bots hang"
        self._raise_failure()

    def begin_call(self) -> None:
        """Take note of a call that a bot is about to make."""
        with self._called:
            self._calls += 1
            self._called.notify_all()

    def run(self, bot: "Bot") -> None:
        """Let one bot work until all stop."""
        try:
            while not self._stop.is_set():
                self._at_work.wait()
                with bot.turn:
                    bot.step(self._stop)
        finally:
            self.begin_call()  # wakes who waits, to hear of a failure

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Finish what the bots have begun, and let them rest while the block lasts."""
        self._at_work.clear()
        for bot in self._bots:
            assert bot.turn.acquire(timeout=PATIENCE_SECONDS), "a bot hangs"
        try:
            yield
        finally:
            for bot in self._bots:
                bot.turn.release()
            self._at_work.set()

    def __enter__(self) -> "Crew":
        self._at_work.set()
        self._running = [self._pool.submit(self.run, bot) for bot in self._bots]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._at_work.set()
        self._pool.shutdown()
        for bot in self._bots:
            bot.client.close()
        self._raise_failure()

    def _has_failed(self) -> bool:
        return any(task.done() for task in self._running)

    def _raise_failure(self) -> None:
        for task in self._running:
            if task.done():
                task.result()


class Bot:
    """Opens, registers, releases and closes by its dice, and moves the market into stops."""

    def __init__(self, crew: Crew, client: DtmsClient, hand: SimulatorControl, seed: int) -> None:
        self.client = client
        self.turn = threading.Lock()
        self.registered: set[int] = set()
        self.let_go: dict[int, int] = {}
        self._opened: set[int] = set()
        self._crew = crew
        self._hand = hand
        self._dice = random.Random(seed)

    def step(self, stop: threading.Event) -> None:
        """Do one thing; one that the terminal refuses (a stop was quicker) is left."""
        held = [each.ticket for each in self._hand.positions() if each.ticket in self._opened]
        whim = self._dice.random()
        try:
            if not held or (whim < 0.55 and len(held) < MOST_HELD):
                self._open(stop)
            elif whim < 0.7:
                self._release(self._dice.choice(held), stop)
            elif whim < 0.85:
                self._hand.close(self._dice.choice(held))
            else:
                self._hand.jump("EURUSD", self._dice.choice((-JUMP_POINTS, JUMP_POINTS)))
        except ControlRefused:
            return

    def _open(self, stop: threading.Event) -> None:
        direction = self._dice.choice(list(Direction))
        position = self._hand.open("EURUSD", direction, 0.01)
        self._opened.add(position.ticket)
        sign = 1 if direction is Direction.BUY else -1
        loss, gain = (sign * POINT * self._dice.randint(*STOP_POINTS) for _ in range(2))
        entry = position.entry_price
        self._hand.modify(position.ticket, round(entry - loss, 5), round(entry + gain, 5))
        if self._insist(lambda: self._register(position.ticket, direction), stop):
            self.registered.add(position.ticket)

    def _register(self, ticket: int, direction: Direction) -> pb.RegisterTradeResponse | None:
        try:
            return self.client.register_trade(ticket, "EURUSD", direction)
        except PositionNotFound:  # its stop was quicker
            return None

    def _release(self, ticket: int, stop: threading.Event) -> None:
        if ticket not in self.registered:
            return
        trade: Trade | None = self._insist(lambda: self.client.release_trade(ticket), stop)
        if trade is not None:
            self.let_go[ticket] = trade.state

    def _insist(self, call: Callable[[], T], stop: threading.Event) -> T | None:
        """Call until there is an answer; None where the test ends before."""
        while not stop.is_set():
            self._crew.begin_call()
            try:
                return call()
            except DtmsError as error:
                if not error.is_transient:
                    raise
            stop.wait(PAUSE_SECONDS)
        return None
