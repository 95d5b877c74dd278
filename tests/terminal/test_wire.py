"""One connection: what is asked is answered, or the connection is over."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe

import pytest
from dtms_server.domain.errors import TerminalFailed, TerminalSilent, TerminalUnreachable
from dtms_server.terminal import wire
from dtms_server.terminal.messages import (
    ROW_BYTES,
    Answered,
    Charted,
    Dealt,
    Done,
    Failure,
    ReadClock,
    Refused,
    Reply,
    Rows,
    decode_asked,
    encode,
)
from dtms_server.terminal.wire import Caller, RequestRefused, Wire, dial
from hosts import PATIENCE_SECONDS
from hypothesis import given
from hypothesis import strategies as st

DEEP = b"\x91" * 100_000 + b"\xc0"
ROWS = Rows(2, bytes(2 * ROW_BYTES))
BARS = Charted("EURUSD", 1e-5, 5, 7200, True, ROWS, ROWS, None)
Ends = tuple[Caller, Wire]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = Pipe()
    with Wire(ours) as asking, Wire(theirs) as answering:
        yield Caller(asking), answering


def answer(host: Wire, reply: Reply, number: int = 1) -> None:
    host.send(encode(Answered(number, reply)))


def test_a_question_carries_its_deadline(ends: Ends) -> None:
    caller, host = ends
    answer(host, Done())
    assert caller.ask(ReadClock(), Done, 7.5) == Done()
    asked = decode_asked(host.receive(PATIENCE_SECONDS))
    assert (asked.seconds, asked.request) == (7.5, ReadClock())


def test_an_error_of_the_module_is_raised_with_its_code(ends: Ends) -> None:
    caller, host = ends
    answer(host, Failure("positions_get", -10004, "No IPC connection"))
    with pytest.raises(TerminalFailed, match="positions_get with error -10004: No IPC connection"):
        caller.ask(ReadClock(), Done, PATIENCE_SECONDS)
    answer(host, Done(), number=2)
    assert caller.ask(ReadClock(), Done, PATIENCE_SECONDS)  # the connection lives


def test_a_refusal_is_raised_in_its_own_words(ends: Ends) -> None:
    caller, host = ends
    answer(host, Refused("not today"))
    with pytest.raises(RequestRefused, match="not today"):
        caller.ask(ReadClock(), Done, PATIENCE_SECONDS)


@pytest.mark.parametrize(("number", "reply"), [(9, Done()), (1, Dealt(()))])
def test_an_answer_out_of_turn_ends_the_connection(ends: Ends, number: int, reply: Reply) -> None:
    caller, host = ends
    answer(host, reply, number)
    with pytest.raises(TerminalUnreachable):
        caller.ask(ReadClock(), Done, PATIENCE_SECONDS)
    host.receive(PATIENCE_SECONDS)
    with pytest.raises((EOFError, OSError)):
        host.receive(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "noise",
    [
        b"\xc1 never msgpack",
        encode(Answered(1, Failure("positions_get", -1, "cut short")))[:-4],
        encode(Answered(1, Refused("not UTF-8"))).replace(b"not", b"\xff\xfe\xfd"),
        encode(Answered(1, Done()))[:-5].replace(b"\x81", b"\x82") + b"\xa4Done\xa1x" + DEEP,
        encode(Answered(1, BARS)).replace(b"\x92\x02", b"\x92\x03"),
    ],
    ids=["no msgpack", "cut short", "no UTF-8", "nested without end", "fewer bars than told"],
)
def test_what_is_no_message_ends_the_connection(ends: Ends, noise: bytes) -> None:
    caller, host = ends
    host.send(noise)
    with pytest.raises(TerminalUnreachable, match="what came is no reply"):
        caller.ask(ReadClock(), Done, PATIENCE_SECONDS)
    host.receive(PATIENCE_SECONDS)
    with pytest.raises((EOFError, OSError)):
        host.receive(PATIENCE_SECONDS)


def test_a_length_that_no_reply_has_is_not_waited_for() -> None:
    with stranger() as (caller, host):
        host.sendall(b"\xff\xff\xff\xff\x00\x00\x00\x10")
        with pytest.raises(TerminalUnreachable, match="a message of 4294967295 bytes"):
            caller.ask(ReadClock(), Done, PATIENCE_SECONDS)


REPLY = encode(Answered(1, Charted("EURUSD", 1e-5, 5, 7200, True, ROWS, ROWS, (3, 4))))


@given(changes=st.lists(st.tuples(st.integers(0, len(REPLY) - 1), st.integers(0, 255)), max_size=9))
def test_noise_on_a_reply_is_a_reply_or_ends_the_connection(changes: list[tuple[int, int]]) -> None:
    noise = bytearray(REPLY)
    for place, byte in changes:
        noise[place] = byte
    ours, theirs = Pipe()
    with Wire(ours) as asking, Wire(theirs) as host:
        host.send(bytes(noise))
        with suppress(TerminalFailed, TerminalUnreachable, RequestRefused):
            assert Caller(asking).ask(ReadClock(), Charted, PATIENCE_SECONDS)


def test_silence_ends_the_connection_so_that_no_late_answer_is_taken(ends: Ends) -> None:
    caller, host = ends
    with pytest.raises(TerminalSilent, match=r"ReadClock within 0\.01 s"):
        caller.ask(ReadClock(), Done, 0.01)
    with pytest.raises(OSError):  # noqa: PT011 - there is nobody to take it
        answer(host, Done())
    with pytest.raises(TerminalUnreachable):
        caller.ask(ReadClock(), Done, PATIENCE_SECONDS)


def test_half_a_message_does_not_hold_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "STALL_SECONDS", 0.1)
    with stranger() as (caller, frozen):
        frozen.sendall(b"\x00\x00\x01\x00half of it")
        with pytest.raises(TerminalUnreachable, match="nothing came"):
            caller.ask(ReadClock(), Done, PATIENCE_SECONDS)


def test_a_message_that_comes_byte_by_byte_has_no_longer_than_its_deadline() -> None:
    with stranger() as (caller, slow):
        feeding = threading.Thread(target=feed, args=(slow, b"\x00\x00\x10\x00" + bytes(4096)))
        feeding.start()
        with pytest.raises(TerminalSilent, match=r"ReadClock within 0\.2 s"):
            caller.ask(ReadClock(), Done, 0.2)
        feeding.join(PATIENCE_SECONDS)
        assert not feeding.is_alive(), "the connection is still open"


def feed(slow: socket.socket, message: bytes) -> None:
    """Send bytes one by one, never far apart, for as long as somebody takes them."""
    pace = threading.Event()
    with suppress(ConnectionError):
        for place in range(len(message)):
            slow.sendall(message[place : place + 1])
            pace.wait(0.02)
        pytest.fail("all of it was taken")


@contextmanager
def stranger() -> Iterator[tuple[Caller, socket.socket]]:
    """Connect to whoever listens, who has the raw bytes in hand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = Caller(dial(server.getsockname(), PATIENCE_SECONDS))
        accepted, _ = server.accept()
        with accepted, caller.wire:
            yield caller, accepted
