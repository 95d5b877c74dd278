"""What goes wrong in the module, and what the broker refuses."""

import time
from typing import Final, NoReturn

from dtms_server.terminal.simulator import constants as c

SUCCESS: Final = (c.RES_S_OK, "Success")


class Failed(Exception):
    """A call of the module fails: `code` and `text` are what `last_error()` tells then."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.text = text


class Refused(Exception):
    """The broker refuses a request: `retcode` is one of TRADE_RETCODE_…, 0 for what is no request
    to a broker; `text` says why."""

    def __init__(self, retcode: int, text: str) -> None:
        super().__init__(f"{text} ({retcode})" if retcode else text)
        self.retcode = retcode
        self.text = text


def hang(seconds: float | None) -> None:
    """Answer no sooner than in so many seconds of our clock; None never does."""
    if seconds is not None:
        time.sleep(seconds)
        return
    while True:
        time.sleep(3600)


def not_connected() -> Failed:
    """Return what every call answers before `initialize()` or after the pipe broke."""
    return Failed(c.RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection")


def not_found() -> Failed:
    """Return what a call answers that names a symbol which is not there."""
    return Failed(c.RES_E_NOT_FOUND, "Terminal: Not found")


def unsupported(_: object = None) -> NoReturn:
    """Fail as a part of the API does that the simulated terminal is without."""
    raise Failed(c.RES_E_UNSUPPORTED, "Unsupported")
