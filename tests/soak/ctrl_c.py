"""Ctrl-C, which must not be lost."""

import signal
from types import FrameType
from typing import NoReturn


class CtrlC:
    """Raises KeyboardInterrupt at a signal to stop, as Python does, and remembers it: one that
    strikes amid a finaliser or a callback is lost."""

    def __init__(self) -> None:
        self._pressed = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._press)

    def require_not_pressed(self) -> None:
        """Raise KeyboardInterrupt where it was pressed, and was lost."""
        if self._pressed:
            raise KeyboardInterrupt

    def _press(self, number: int, frame: FrameType | None) -> NoReturn:
        self._pressed = True
        raise KeyboardInterrupt
