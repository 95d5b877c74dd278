"""A Ctrl-C that is lost in a finaliser or a callback ends a soak all the same."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from soak.ctrl_c import CtrlC


@pytest.fixture
def ctrl_c() -> Iterator[CtrlC]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield CtrlC()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_was_lost_is_raised_again(ctrl_c: CtrlC, number: signal.Signals) -> None:
    ctrl_c.require_not_pressed()
    with suppress(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        ctrl_c.require_not_pressed()
