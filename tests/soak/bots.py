"""Bots that trade by their dice, put their trades under guard, and remember what they were told."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dtms_client import AsyncDtmsClient, DtmsClient, DtmsError
from dtms_client.errors import FailedPrecondition
from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction
from processes import PATIENCE_SECONDS
from soak.grip import Grip
from soak.place import SYMBOLS, Place
from soak.promises import Promises
from soak.tally import Tally

T = TypeVar("T")
PAUSE_SECONDS = (0.1, 0.6)
RETRY_SECONDS = 0.1
MOST_HELD = 4
LOTS = (0.02, 0.04, 0.1)
STOP_POINTS = (80, 600)
POINT = 0.00001
OPTIONS = {"grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 500}
"""Options of a client that is back soon after its server is."""


class Bot:
    """One bot, in a thread of its own; its trades have its magic number."""

    def __init__(self, place: Place, tally: Tally, magic: int, seed: int, *, sync: bool) -> None:
        self.promises = Promises()
        self.turn = threading.Lock()
        self._magic = magic
        self._grip = Grip(place.hand)
        self._tally = tally
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._target = place.target
        self._loop = None if sync else asyncio.new_event_loop()
        self._client: Any = None
        self._thread = threading.Thread(target=self._run, name=f"bot {magic}", daemon=True)
        self._thread.start()

    def raise_failure(self) -> None:
        """Raise what ended the bot, if anything did."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Let it end, and wait for that."""
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        try:
            kind = DtmsClient if self._loop is None else AsyncDtmsClient
            self._client = kind(self._target, options=OPTIONS)
            while not self._stop.wait(self._dice.uniform(*PAUSE_SECONDS)):
                with self.turn:
                    self._step()
            self._answer(self._client.close())
        except BaseException as failure:  # noqa: BLE001 - told by the main thread
            self._failure = failure
        finally:
            self._grip.let_go()
            if self._loop is not None:
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.close()

    def _step(self) -> None:
        held = self._held()
        if held is None:
            return
        known = self.promises.copy()
        if new := [each for each in held if each.ticket not in known]:
            self._register(new[0])
            return
        whim = self._dice.random()
        if not held or (whim < 0.35 and len(held) < MOST_HELD):
            self._open()
            return
        one = self._dice.choice(held)
        if known[one.ticket].let_go or whim < 0.5:
            self._grip.attempt(lambda hand: hand.close(one.ticket))
        else:
            self._change(one, whim)

    def _change(self, one: Position, whim: float) -> None:
        if whim < 0.6:
            self._tighten(one)
        elif whim < 0.75:
            self._update(one.ticket)
        elif whim < 0.82:
            self._release(one.ticket)
        elif whim < 0.9:
            self._insist(lambda: self._client.get_trade(one.ticket))
        elif whim < 0.95:
            self._insist(lambda: self._client.list_trades(labels={"bot": str(self._magic)}))
        else:
            self._insist(lambda: self._client.list_actions(one.ticket, limit=20))

    def _held(self) -> list[Position] | None:
        positions = self._grip.attempt(lambda hand: hand.positions())
        if positions is None:
            return None
        return [each for each in positions if each.magic == self._magic]

    def _open(self) -> None:
        symbol = self._dice.choice(SYMBOLS)
        direction, lots = self._dice.choice(list(Direction)), self._dice.choice(LOTS)
        opened = self._grip.attempt(
            lambda hand: hand.open(symbol, direction, lots, magic=self._magic)
        )
        if opened is None:
            return
        if self._dice.random() < 0.8:
            loss, gain = (direction.sign * POINT * self._dice.randint(*STOP_POINTS) for _ in "ab")
            stop, target = round(opened.entry_price - loss, 5), round(opened.entry_price + gain, 5)
            self._grip.attempt(lambda hand: hand.modify(opened.ticket, stop, target))
        self._register(opened)

    def _register(self, one: Position) -> None:
        labels = {"bot": str(self._magic), "note": str(self._dice.randrange(1000))}
        answer = self._insist(
            lambda: self._client.register_trade(
                one.ticket, one.symbol, one.direction.value, labels=labels
            )
        )
        if answer is not None:
            self.promises.told(answer.trade)

    def _tighten(self, one: Position) -> None:
        """Bring the stop nearer, as a bot that trails it does; none is ever loosened."""
        if one.stop_loss is not None:
            nearer = round(one.stop_loss + 0.3 * (one.current_price - one.stop_loss), 5)
            self._grip.attempt(lambda hand: hand.modify(one.ticket, nearer))

    def _update(self, ticket: int) -> None:
        labels = {"bot": str(self._magic), "note": str(self._dice.randrange(1000))}
        protection = self._dice.choice(("PROTECT", "PROTECT", "OBSERVE"))
        self.promises.asked(ticket, labels)
        trade = self._insist(
            lambda: self._client.update_trade(ticket, protection=protection, labels=labels)
        )
        if trade is not None:
            self.promises.told(trade)

    def _release(self, ticket: int) -> None:
        hedge = self._dice.choice(("UNSPECIFIED", "CLOSE"))
        trade = self._insist(lambda: self._client.release_trade(ticket, hedge=hedge))
        if trade is not None:
            self.promises.told_let_go(trade)

    def _insist(self, call: Callable[[], T]) -> Any:
        """Call until there is an answer; None where it is a refusal, or the soak ends before."""
        while not self._stop.is_set():
            try:
                answer = self._answer(call())
            except DtmsError as error:
                self._tally.failed(error)
                if isinstance(error, FailedPrecondition):  # a stop was quicker, or a hedge is open
                    return None
                if not error.is_transient:
                    raise
                self._stop.wait(RETRY_SECONDS)
            else:
                self._tally.answered()
                return answer
        return None

    def _answer(self, call: Any) -> Any:
        return call if self._loop is None else self._loop.run_until_complete(call)


class Crew:
    """All bots."""

    def __init__(self, bots: list[Bot]) -> None:
        self.bots = bots

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Finish what the bots have begun, and let them rest while the block lasts."""
        taken: list[Bot] = []
        try:
            for bot in self.bots:
                bot.raise_failure()
                assert bot.turn.acquire(timeout=2 * PATIENCE_SECONDS), "a bot hangs"
                taken.append(bot)
            yield
        finally:
            for bot in taken:
                bot.turn.release()

    def stop(self) -> None:
        """End them all."""
        for bot in self.bots:
            bot.stop()
