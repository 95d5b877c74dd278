"""A terminal host that passes on what a true one answers, but for a lie now and then."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Listener
from typing import Final, Self

from dtms_server.terminal.messages import (
    Answered,
    Asked,
    Done,
    ReadSnapshot,
    Request,
    decode_answered,
    decode_asked,
    encode,
)
from dtms_server.terminal.options import parse_address
from dtms_server.terminal.wire import LARGEST_REPLY, Wire, dial
from processes import PATIENCE_SECONDS

Tell = Callable[[Wire, bytes, bytes], None]
"""Takes the server's wire, the true answer, and the one before it."""


@dataclass(frozen=True, slots=True)
class Lie:
    """What is told instead of the next answer to a kind of request."""

    tell: Tell
    to: type[Request] = ReadSnapshot


def the_one_before(server: Wire, true: bytes, before: bytes) -> None:
    """Answer late: only now what was asked before, and then the true answer."""
    server.send(before)
    server.send(true)


def twice(server: Wire, true: bytes, _: bytes) -> None:
    """Answer, and answer again."""
    server.send(true)
    server.send(true)


def with_another_number(server: Wire, true: bytes, _: bytes) -> None:
    """Answer a question that was not asked yet."""
    answered = decode_answered(true)
    server.send(encode(Answered(answered.number + 1, answered.reply)))


def of_another_type(server: Wire, true: bytes, _: bytes) -> None:
    """Answer something else."""
    server.send(encode(Answered(decode_answered(true).number, Done())))


def cut_short(server: Wire, true: bytes, _: bytes) -> None:
    """Answer with what is no whole message."""
    server.send(true[: len(true) // 2])


def not_in_utf8(server: Wire, true: bytes, _: bytes) -> None:
    """Answer with text that is none."""
    server.send(true.replace(b"type\xa4S", b"type\xa4\xff"))  # Seen and Sent


def nested_without_end(server: Wire, true: bytes, _: bytes) -> None:
    """Answer with more brackets than can be opened."""
    number = bytes([decode_answered(true).number % 128])
    server.send(b"\x92" + number + b"\x82\xa4type\xa4Done\xa1x" + b"\x91" * 100_000 + b"\xc0")


def of_a_huge_length(server: Wire, true: bytes, _: bytes) -> None:
    """Announce more than any answer has, and begin with it."""
    _raw(server, b"\xff\xff\xff\xff" + (2**40).to_bytes(8, "big") + true)


def of_the_greatest_length(server: Wire, true: bytes, _: bytes) -> None:
    """Announce just what is taken at most, and never come to the end."""
    _raw(server, LARGEST_REPLY.to_bytes(4, "big") + true)


LIES: Final = (
    the_one_before,
    twice,
    with_another_number,
    of_another_type,
    cut_short,
    not_in_utf8,
    nested_without_end,
    of_a_huge_length,
)
"""All that are noticed at once."""


class Liar:
    """Listens as a host does, with the key of a true one that it asks for everything."""

    def __init__(self, target: str, key: str) -> None:
        """Take HOST:PORT of the true host, and the key of both."""
        self._target = parse_address(target)
        self._key = key.encode()
        self._door = Listener(("127.0.0.1", 0))
        self._lies: list[Lie] = []
        self._told = threading.Condition()

    @property
    def address(self) -> str:
        """Where it listens."""
        return "{}:{}".format(*self._door.address)

    def plan(self, lie: Lie) -> None:
        """Tell a lie once, at the next occasion."""
        with self._told:
            self._lies.append(lie)

    def lie(self, lie: Lie) -> None:
        """Tell a lie once, and return when it was told."""
        with self._told:
            self._lies.append(lie)
            assert self._told.wait_for(lambda: lie not in self._lies, PATIENCE_SECONDS), lie

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                wire = Wire(self._door.accept())
            except OSError:
                return
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, server: Wire) -> None:
        with server, suppress(EOFError, OSError):
            server.check(self._key)
            server.reassure(self._key)
            with dial(self._target, PATIENCE_SECONDS) as host:
                host.prove(self._key)
                before = b""
                while True:
                    asked = server.receive(PATIENCE_SECONDS)
                    host.send(asked)
                    true = host.receive(PATIENCE_SECONDS)
                    self._answer(server, decode_asked(asked), true, before)
                    before = true

    def _answer(self, server: Wire, asked: Asked, true: bytes, before: bytes) -> None:
        with self._told:
            lie = next((lie for lie in self._lies if isinstance(asked.request, lie.to)), None)
            if lie is not None:
                self._lies.remove(lie)
                self._told.notify_all()
        if lie is None:
            server.send(true)
        else:
            lie.tell(server, true, before)


def _raw(server: Wire, noise: bytes) -> None:
    """Send bytes without a length before them."""
    with socket.socket(fileno=server._connection.fileno()) as link:
        link.sendall(noise)
        link.detach()
