"""One connection: what is asked is answered, or the connection is over."""

import socket
from collections.abc import Iterator
from multiprocessing import Pipe

import pytest
from dtms_server.domain.errors import TerminalFailed, TerminalSilent, TerminalUnreachable
from dtms_server.terminal import wire
from dtms_server.terminal.messages import (
    Answered,
    Dealt,
    Done,
    Failure,
    ReadClock,
    Refused,
    Reply,
    decode_asked,
    encode,
)
from dtms_server.terminal.wire import Caller, RequestRefused, Wire, dial
from hosts import PATIENCE_SECONDS

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


def test_what_is_no_message_ends_the_connection(ends: Ends) -> None:
    caller, host = ends
    host.send(b"\xc1 never msgpack")
    with pytest.raises(TerminalUnreachable):
        caller.ask(ReadClock(), Done, PATIENCE_SECONDS)


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
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = Caller(dial(server.getsockname(), PATIENCE_SECONDS))
        frozen, _ = server.accept()
        with frozen:
            frozen.sendall(b"\x00\x00\x01\x00half of it")
            with pytest.raises(TerminalUnreachable, match="nothing came"):
                caller.ask(ReadClock(), Done, PATIENCE_SECONDS)
