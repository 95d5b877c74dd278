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


class Broken(Failed):
    """A call of the module fails by SystemError, as it does for numbers that it cannot convert;
    the cause says why."""

    def __init__(self, text: str) -> None:
        super().__init__(c.RES_E_INVALID_PARAMS, text)


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


def invalid(text: str = "Invalid arguments") -> Failed:
    """Return what a call answers to wrong arguments."""
    return Failed(c.RES_E_INVALID_PARAMS, text)


def outdated() -> Failed:
    """Return what calls about all symbols answer before `initialize()`."""
    return Failed(
        c.RES_E_INVALID_VERSION,
        "Terminal: Incompatible versions, please install the latest version of Terminal and Python "
        "module",
    )


def unsupported(_: object = None) -> NoReturn:
    """Fail as a part of the API does that the simulated terminal is without."""
    raise Failed(c.RES_E_UNSUPPORTED, "Unsupported")
