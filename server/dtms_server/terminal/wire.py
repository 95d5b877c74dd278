"""One connection of the link: authentication, framing, and a bound on every wait."""

import itertools
import math
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from dtms_server.domain.errors import TerminalFailed, TerminalSilent, TerminalUnreachable
from dtms_server.terminal.messages import (
    Answered,
    Asked,
    Failure,
    Message,
    Refused,
    Reply,
    Request,
    decode_answered,
    encode,
)

R = TypeVar("R", bound=Message)
T = TypeVar("T")

Address = tuple[str, int] | str
"""(host, port), or the path of a local pipe."""

STALL_SECONDS: Final = 5.0
"""How long one read or write of a socket may last once a message has begun."""
LARGEST_REPLY: Final = 64 * 2**20
LENGTH_BYTES: Final = 4
"""What multiprocessing.connection puts before each message of a socket, big end first; one that
needs more says -1 here, which read without its sign is larger than any that is taken."""
READ_BYTES: Final = 2**16


class RequestRefused(Exception):
    """The other end does not do what was asked; the text says why."""


class Wire:
    """A connection as whole messages. Used by one thread; `hang_up` may be called from any."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._open = True
        self._closing = threading.Lock()
        if self._is_socket:
            self._on_socket(_bound)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def check(self, key: bytes) -> None:
        """Check that a caller holds the key; raises AuthenticationError, EOFError, OSError, and
        what a stranger's bytes make of it: AssertionError, ValueError."""
        deliver_challenge(self._connection, key)

    def reassure(self, key: bytes) -> None:
        """Prove to a caller who was checked that we hold the key too; raises as `check` does."""
        answer_challenge(self._connection, key)

    def prove(self, key: bytes) -> None:
        """Prove the key to a terminal host, and check its own; with the connection then closed,
        raises TerminalUnreachable when the other end is no host of ours."""
        try:
            answer_challenge(self._connection, key)
            deliver_challenge(self._connection, key)
        except AuthenticationError as error:
            self.close()
            reason = "the terminal host has another key: give both the same DTMS_TERMINAL_KEY"
            raise TerminalUnreachable(reason=reason) from error
        except (EOFError, OSError, AssertionError, ValueError) as error:
            self.close()
            reason = f"what listens there does not answer as a terminal host ({_why(error)})"
            raise TerminalUnreachable(reason=reason) from error

    def send(self, message: bytes) -> None:
        """Send one message; raises OSError."""
        self._connection.send_bytes(message)

    def receive(self, seconds: float | None, largest: int = LARGEST_REPLY) -> bytes:
        """Wait for a whole message for so long (None: for ever); raises TimeoutError, EOFError,
        OSError."""
        until = math.inf if seconds is None else time.monotonic() + seconds
        if not self._connection.poll(seconds):
            raise TimeoutError
        if not self._is_socket:  # a Windows pipe gives whole messages
            message: bytes = self._connection.recv_bytes(largest)
            return message
        size = int.from_bytes(self._read(LENGTH_BYTES, until), "big")
        if size > largest:
            raise OSError(f"a message of {size} bytes")
        return self._read(size, until)

    def has_word(self) -> bool:
        """Is there something to receive, be it only the end? May be asked from any thread."""
        with self._closing:
            try:
                return not self._open or bool(self._connection.poll(0))
            except OSError:
                return True

    def hang_up(self) -> None:
        """End the connection for both ends at once; what waits on it wakes up."""
        with self._closing:
            if self._open and self._is_socket:
                self._on_socket(_shut)

    def close(self) -> None:
        """Give the connection back to the system."""
        with self._closing:
            if self._open:
                self._open = False
                self._connection.close()

    @property
    def _is_socket(self) -> bool:
        return isinstance(self._connection, Connection)  # the other kind is a Windows pipe

    def _read(self, size: int, until: float) -> bytes:
        """Read so many bytes by then (monotonic): not recv_bytes, which a link that gives byte by
        byte holds up for ever."""
        got = bytearray()
        while len(got) < size:
            left = until - time.monotonic()
            if left <= 0 or not self._connection.poll(min(left, STALL_SECONDS)):
                raise TimeoutError if left <= STALL_SECONDS else BlockingIOError
            wanted = min(size - len(got), READ_BYTES)
            more = self._on_socket(partial(_some, most=wanted))
            if not more:
                raise EOFError
            got += more
        return bytes(got)

    def _on_socket(self, act: Callable[[socket.socket], T]) -> T:
        borrowed = socket.socket(fileno=self._connection.fileno())
        try:
            return act(borrowed)
        finally:
            borrowed.detach()


class Caller:
    """The asking end: one request, then its reply."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._numbers = itertools.count(1)

    def ask(self, request: Request, expected: type[R], seconds: float) -> R:
        """Return the reply. Raises TerminalFailed, RequestRefused, and, with the connection then
        closed, TerminalSilent and TerminalUnreachable."""
        try:
            reply = self._exchange(request, seconds)
        except TimeoutError as silence:
            self.wire.close()
            raise TerminalSilent(call=type(request).__name__, seconds=f"{seconds:g}") from silence
        except (EOFError, OSError) as error:
            self.wire.close()
            raise TerminalUnreachable(reason=f"the connection was lost ({_why(error)})") from error
        match reply:
            case Failure(call=call, code=code, text=text):
                raise TerminalFailed(call=call, code=code, text=text)
            case Refused(text=text):
                raise RequestRefused(text)
            case _ if isinstance(reply, expected):
                return reply
        self.wire.close()
        raise TerminalUnreachable(reason=f"{type(reply).__name__} is no answer to that")

    def _exchange(self, request: Request, seconds: float) -> Reply:
        number = next(self._numbers)
        self.wire.send(encode(Asked(number, seconds, request)))
        answered = _answered(self.wire.receive(seconds))
        if answered.number != number:
            raise OSError("an answer to another question")
        return answered.reply


def _answered(raw: bytes) -> Answered:
    try:
        return decode_answered(raw)
    except (ValueError, RecursionError) as error:  # no msgpack, no UTF-8, or nested without end
        raise OSError(f"what came is no reply: {error}") from error


def dial(address: Address, seconds: float) -> Wire:
    """Connect to a terminal host, whose key is not proved yet; raises OSError."""
    if isinstance(address, str):
        return Wire(Client(address))
    with socket.create_connection(address, seconds) as tcp:
        tcp.setblocking(True)
        return Wire(Connection(tcp.detach()))


def _bound(connected: socket.socket) -> None:
    seconds, rest = divmod(STALL_SECONDS, 1)
    limit: int | bytes = struct.pack("ll", int(seconds), int(rest * 1e6))
    if sys.platform == "win32":
        limit = int(STALL_SECONDS * 1000)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    if connected.family == socket.AF_INET:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _some(connected: socket.socket, most: int) -> bytes:
    return connected.recv(most)


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other end was first


def _why(error: BaseException) -> str:
    if isinstance(error, BlockingIOError):  # how a socket says that its bound was reached
        return f"nothing came for {STALL_SECONDS:g} s"
    return str(error) or type(error).__name__
