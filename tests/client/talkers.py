"""Things on a port that are no gRPC server."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket], object]


def speak_http_1(caller: socket.socket) -> None:
    """Answer as a web server of old does."""
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def speak_smtp(caller: socket.socket) -> None:
    """Greet first, in lines of text."""
    caller.sendall(b"220 mail.example.com ESMTP ready\r\n")
    caller.recv(4096)


def hang_up(caller: socket.socket) -> None:
    """Take the call and end it."""


def say_nothing(caller: socket.socket) -> None:
    """Take the call, and never say a word."""
    with suppress(OSError):
        while caller.recv(4096):
            pass


@contextmanager
def talker(talk: Talk) -> Iterator[str]:
    """Listen on loopback, talk so to everyone who calls, and give the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, talk), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, talk: Talk) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=_serve, args=(caller, talk), daemon=True).start()


def _serve(caller: socket.socket, talk: Talk) -> None:
    with caller, suppress(OSError):
        talk(caller)
