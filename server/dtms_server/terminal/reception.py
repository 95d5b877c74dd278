"""Lets callers in to a terminal host: listens, checks the key, gives out roles, queues requests."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener
from queue import SimpleQueue
from typing import Final

from dtms_server.terminal.messages import (
    PROTOCOL,
    Answered,
    Asked,
    Hello,
    Refused,
    Reply,
    Request,
    Role,
    Welcome,
    decode_asked,
    encode,
)
from dtms_server.terminal.wire import Address, Wire

LARGEST_REQUEST: Final = 2**20
LONGEST_SECONDS: Final = 600.0
"""The longest deadline that is believed: a supervisor waits for it before it kills."""
PROOF_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.5
"""How often to look whether a visitor still waits for its answer."""
LEAVING_SECONDS: Final = 1.0
"""How long a server waits for the one before it, whose end may not have been seen yet."""
MOST_STRANGERS: Final = 64
"""How many may be about to prove the key at once: who holds it needs one round trip."""
QUEUED: Final = 1024
"""How many may wait to be let in: one more is told nothing, and tries again only after a second."""
NO_MESSAGE: Final = (ValueError, RecursionError)
"""What bytes that are no message come to: no msgpack, no UTF-8, or nested without end."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for the main thread; after `expires` (monotonic) nobody wants it."""

    request: Request
    role: Role
    expires: float
    answer: Future[Reply] = field(default_factory=Future)

    def is_wanted(self) -> bool:
        """Is it still waited for? Asked once, right before it is answered."""
        return self.answer.set_running_or_notify_cancel() and self.is_in_time()

    def is_in_time(self) -> bool:
        """Has it not expired yet? What must not be done too late asks again right before it."""
        return time.monotonic() < self.expires


class Visitor:
    """One authenticated connection; `waits`: it has asked and not been answered."""

    def __init__(self, wire: Wire, *, by_pipe: bool) -> None:
        self.wire = wire
        self.by_pipe = by_pipe
        self.waits = False

    @property
    def has_gone(self) -> bool:
        """One that waits for its answer has nothing to say but its end."""
        return self.waits and self.wire.has_word()


class Strangers:
    """Those who have not proved the key yet. One too many sends any of them away, so that nobody
    who says nothing keeps others out, or takes threads and files from the terminal; not always the
    first, lest one who needs long be sent away by all who come after."""

    def __init__(self) -> None:
        self._wires: dict[Wire, None] = {}
        self._changing = threading.Lock()

    def enter(self, wire: Wire) -> None:
        """Take note of one more."""
        with self._changing:
            self._wires[wire] = None
            if len(self._wires) > MOST_STRANGERS:
                unlucky = random.choice(list(self._wires))  # noqa: S311 - no secret hangs on it
                del self._wires[unlucky]
                unlucky.hang_up()

    def leave(self, wire: Wire) -> None:
        """Forget one that is known by now, or gone."""
        with self._changing:
            self._wires.pop(wire, None)


class Reception:
    """The threads that listen. Requests of all visitors land on one queue, to be answered in turn
    by whoever reads it; a mute or a slow visitor holds up nobody else."""

    def __init__(self, key: bytes, module: str, silence_seconds: float) -> None:
        """Take the shared key, the module's name, and how long a server may be silent."""
        self.requests: SimpleQueue[Pending | None] = SimpleQueue()
        self.served = threading.Event()
        self.link_ended: Callable[[], None] | None = None
        """Set for a host that belongs to the server on its pipe: what to do when that has gone."""
        self._key = key
        self._module = module
        self._silence_seconds = silence_seconds
        self._listeners: list[Listener] = []
        self._listening: list[str] = []
        self._strangers = Strangers()
        self._server: Visitor | None = None
        self._roles = threading.Condition()

    def listen(self, address: Address) -> str:
        """Let visitors in at an address from now on; return it with its real port. Raises
        OSError."""
        listener = Listener(address, backlog=QUEUED)
        self._listeners.append(listener)
        by_pipe = isinstance(address, str)
        bound = listener.address if by_pipe else "{}:{}".format(*listener.address)
        if not by_pipe:
            self._listening.append(bound)
        _start(self._accept, listener, by_pipe)
        return str(bound)

    def close(self) -> None:
        """Let nobody in any more."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _accept(self, listener: Listener, by_pipe: bool) -> None:
        while listener in self._listeners:
            try:
                wire = Wire(listener.accept())
            except OSError:  # closed, or the caller has gone, or too many files are open
                time.sleep(0.1)
                continue
            if not by_pipe:  # the owner's own: nobody else finds it
                self._strangers.enter(wire)
            try:
                _start(self._receive, wire, by_pipe)
            except RuntimeError:  # no thread is to be had: later there may be
                self._strangers.leave(wire)
                wire.close()

    def _receive(self, wire: Wire, by_pipe: bool) -> None:
        with wire:
            mute = threading.Timer(PROOF_SECONDS, wire.hang_up)
            mute.daemon = True
            try:
                mute.start()
                wire.check(self._key)
                self._strangers.leave(wire)
                wire.reassure(self._key)
                first = decode_asked(wire.receive(PROOF_SECONDS, LARGEST_REQUEST))
            except (AuthenticationError, AssertionError, *NO_MESSAGE, EOFError, OSError):
                return  # a stranger, or no thread for the timer
            finally:
                mute.cancel()
                self._strangers.leave(wire)
            self._welcome(Visitor(wire, by_pipe=by_pipe), first)

    def _welcome(self, visitor: Visitor, first: Asked) -> None:
        role, refusal = self._role(visitor, first.request)
        reply = refusal or Welcome(self._module, tuple(self._listening))
        try:
            visitor.wire.send(encode(Answered(first.number, reply)))
            if role is not None and refusal is None:
                self._attend(visitor, role)
        except (EOFError, OSError):
            return  # gone, which is how every visit ends
        finally:
            self._leave(visitor)

    def _role(self, visitor: Visitor, request: Request) -> tuple[Role | None, Refused | None]:
        match request:
            case Hello(protocol=protocol) if protocol != PROTOCOL:
                return None, Refused(
                    f"this terminal host speaks version {PROTOCOL} of the link, not {protocol}: "
                    "update the older of the two"
                )
            case Hello(role="control") if self._module != "simulator":
                return None, Refused("only a simulated terminal takes commands")
            case Hello(role="server"):
                return "server", self._claim(visitor)
            case Hello(role=role):
                return role, None
        return None, Refused("the first message is not Hello")

    def _claim(self, visitor: Visitor) -> Refused | None:
        with self._roles:
            if self.link_ended is not None and not visitor.by_pipe:
                return Refused("this terminal host belongs to the server that started it")
            if not self._roles.wait_for(self._is_free, LEAVING_SECONDS):
                return Refused("another server is using this terminal: stop it first")
            self._server = visitor
            self.served.set()
            return None

    def _is_free(self) -> bool:
        return self._server is None or self._server.has_gone

    def _leave(self, visitor: Visitor) -> None:
        with self._roles:
            held = self._server is visitor
            if held:
                self._server = None
                self._roles.notify()
        if held and self.link_ended is not None:
            self.link_ended()

    def _attend(self, visitor: Visitor, role: Role) -> None:
        silence = self._silence_seconds if role == "server" else None
        while True:
            try:
                asked = decode_asked(visitor.wire.receive(silence, LARGEST_REQUEST))
            except NO_MESSAGE:
                return  # it speaks another language
            expires = time.monotonic() + min(asked.seconds, LONGEST_SECONDS)
            reply = self._answered(visitor, Pending(asked.request, role, expires))
            visitor.wire.send(encode(Answered(asked.number, reply)))

    def _answered(self, visitor: Visitor, pending: Pending) -> Reply:
        """Wait for the main thread, but no longer than the visitor does; raises EOFError."""
        visitor.waits = True
        if visitor.has_gone:  # before its words got here: an order may not be sent for nobody
            raise EOFError
        self.requests.put(pending)
        while True:
            try:
                reply = pending.answer.result(LOOK_SECONDS)
            except TimeoutError:
                if visitor.has_gone:
                    pending.answer.cancel()  # what nobody waits for is better not begun
                    raise EOFError from None
            else:
                visitor.waits = False
                return reply


def _start(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()
