"""A link between server and terminal host that can be made as bad as links get."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Self

from dtms_server.terminal.options import parse_address
from processes import PATIENCE_SECONDS

READ_BYTES: Final = 2**16
SLICES_A_SECOND: Final = 50


class To(Enum):
    """A direction."""

    SERVER = auto()
    HOST = auto()


class Then(Enum):
    """What becomes of a connection after a strike."""

    GOES_ON = auto()
    IS_CUT = auto()
    STANDS_STILL = auto()


@dataclass(frozen=True, slots=True)
class Strike:
    """What is made of the next bytes in one direction, and then of their connection."""

    to: To
    twist: Callable[[bytes], bytes]
    then: Then


class Relay:
    """Passes bytes between those who connect and a target. It never makes bytes twice."""

    def __init__(self, target: str) -> None:
        """Take HOST:PORT of the target."""
        self._target = parse_address(target)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._flows = threading.Event()
        self._flows.set()
        self._ended = threading.Event()
        self._strikes: list[Strike] = []
        self._changing = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.bytes_a_second = 0.0
        """How much passes in each direction of each connection; 0 is all there is."""

    @property
    def address(self) -> str:
        """Where to connect to."""
        return "{}:{}".format(*self._door.getsockname())

    def hold(self) -> None:
        """Take everything in, and pass nothing on; connections open as before."""
        self._flows.clear()

    def flow(self) -> None:
        """Pass on what was held, and what comes."""
        self._flows.set()

    def strike(self, strike: Strike) -> None:
        """Let the next bytes that go that way be struck."""
        with self._changing:
            self._strikes.append(strike)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._flows.set()
        self._door.close()
        with self._changing:
            for each in self._sockets:
                _shut(each)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                caller, _ = self._door.accept()
            except OSError:
                return
            try:
                target = socket.create_connection(self._target, PATIENCE_SECONDS)
            except OSError:  # nobody there: so it is for the caller
                caller.close()
                continue
            target.settimeout(None)
            with self._changing:
                self._sockets += (caller, target)
            for source, sink, to in ((caller, target, To.HOST), (target, caller, To.SERVER)):
                threading.Thread(target=self._pass, args=(source, sink, to), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, to: To) -> None:
        try:
            while more := source.recv(READ_BYTES):
                self._flows.wait()
                strike = self._struck(to)
                if strike is None:
                    self._send(sink, more)
                    continue
                self._send(sink, strike.twist(more))
                if strike.then is Then.IS_CUT:
                    break
                if strike.then is Then.STANDS_STILL:
                    while source.recv(READ_BYTES):
                        pass
        except OSError:
            pass  # one end has gone, and the other one then has
        finally:
            self._flows.wait()
            _shut(source)
            _shut(sink)

    def _struck(self, to: To) -> Strike | None:
        with self._changing:
            for strike in self._strikes:
                if strike.to is to:
                    self._strikes.remove(strike)
                    return strike
        return None

    def _send(self, sink: socket.socket, message: bytes) -> None:
        while message:
            rate = self.bytes_a_second
            size = max(1, round(rate / SLICES_A_SECOND)) if rate else len(message)
            sink.sendall(message[:size])
            message = message[size:]
            if rate:
                self._ended.wait(size / rate)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
