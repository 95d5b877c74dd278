import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings


@pytest.fixture
def ticket(hedging: None) -> int:
    position = control.open_position("EURUSD", "BUY", 0.1)
    assert position is not None
    return position.ticket


def connected() -> bool:
    terminal = mt5.terminal_info()
    assert terminal is not None
    return terminal.connected


def listed() -> list[int]:
    positions = mt5.positions_get()
    assert positions is not None
    return [position.ticket for position in positions]


def test_a_lost_connection_refuses_orders_and_still_lists_positions(ticket: int) -> None:
    assert connected()
    control.inject("disconnect")
    assert not connected()
    assert listed() == [ticket]
    sent = mt5.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1})
    assert sent is not None
    assert sent.retcode == mt5.TRADE_RETCODE_CONNECTION
    assert control.close_position(ticket, 0.05)  # by hand, from elsewhere
    control.clear_faults()
    assert connected()


def test_a_lost_connection_may_come_back_by_itself(ticket: int) -> None:
    control.inject("disconnect", seconds=0)
    assert connected()
    control.inject("disconnect", seconds=60)
    control.advance(59)
    assert not connected()
    control.advance(1)
    assert connected()


def test_a_broken_pipe_is_mended_by_initialize_alone(ticket: int) -> None:
    control.inject("pipe")
    for _ in range(2):
        assert mt5.positions_get() is None
        assert mt5.last_error() == (-10004, "No IPC connection")
    assert control.positions()
    assert mt5.initialize()
    assert listed() == [ticket]
    assert control.faults() == []


def test_a_named_call_answers_none_as_often_as_told(ticket: int) -> None:
    control.inject("none", call="positions_get", code=-10005, count=2)
    for _ in range(2):
        assert mt5.positions_get() is None
        assert mt5.last_error() == (-10005, "Terminal: Call failed")
        assert mt5.account_info() is not None
    assert listed() == [ticket]


def test_any_call_answers_none_where_none_is_named(ticket: int) -> None:
    control.inject("none", count=2)
    assert mt5.account_info() is None
    assert mt5.last_error()[0] == -1
    assert mt5.history_deals_get(position=ticket) is None
    assert mt5.account_info() is not None


def test_initialize_and_order_send_can_fail_too(ticket: int) -> None:
    control.inject("none", call="initialize", code=-10003)
    assert mt5.initialize() is False
    assert mt5.last_error()[0] == -10003
    assert mt5.initialize() is True
    control.inject("none", call="order_send", code=-10001)
    assert mt5.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1}) is None
    assert listed() == [ticket]


def test_an_empty_list_comes_with_an_account_that_carries_margin(ticket: int) -> None:
    control.inject("empty", count=2)
    assert listed() == []
    account = mt5.account_info()
    assert account is not None
    assert account.margin > 0
    assert listed() == []
    assert listed() == [ticket]


def test_a_flat_account_looks_flat_on_both_sides_of_the_empty_list(ticket: int) -> None:
    control.inject("empty", flat=True)
    before, none, after = mt5.account_info(), listed(), mt5.account_info()
    assert none == []
    for account in (before, after):
        assert account is not None
        assert (account.margin, account.profit, account.equity) == (0, 0, account.balance)
    assert listed() == [ticket]
    account = mt5.account_info()
    assert account is not None
    assert account.margin > 0


def test_another_login_has_no_positions_and_no_history(ticket: int) -> None:
    control.inject("login", login=77, server="Elsewhere")
    account = mt5.account_info()
    assert account is not None
    assert (account.login, account.server, account.margin) == (77, "Elsewhere", 0)
    assert listed() == []
    assert mt5.history_deals_get(position=ticket) == ()
    assert mt5.history_orders_get(position=ticket) == ()
    sent = mt5.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1})
    assert sent is not None
    assert sent.retcode == mt5.TRADE_RETCODE_TRADE_DISABLED
    control.clear_faults()
    assert listed() == [ticket]
    deals = mt5.history_deals_get(position=ticket)
    assert deals is not None
    assert len(deals) == 1


def test_deals_may_come_late(ticket: int) -> None:
    control.close_position(ticket)
    control.inject("late_deals", count=2)
    assert mt5.history_deals_get(position=ticket) == ()
    assert mt5.history_orders_get(position=ticket) == ()
    deals = mt5.history_deals_get(position=ticket)
    assert deals is not None
    assert len(deals) == 2


def test_a_call_hangs_once_and_answers_late(ticket: int) -> None:
    control.inject("hang", call="account_info", seconds=0.2)
    assert listed() == [ticket]
    answered = threading.Event()

    def call() -> None:
        mt5.account_info()
        answered.set()

    began = time.monotonic()
    threading.Thread(target=call, daemon=True).start()
    assert answered.wait(20)
    assert time.monotonic() - began >= 0.2
    assert control.faults() == []
    assert mt5.account_info() is not None


HANGING = """
import sys
from pathlib import Path
from dtms_server.terminal import simulator
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings

control.start(Settings(seed=1, speed=0, state_path=Path(sys.argv[1])))
simulator.initialize()
control.inject("hang")
control.inject("disconnect")
simulator.positions_get()
"""


def test_a_hang_for_ever_does_not_outlive_its_process(
    tmp_path: Path, begin: Callable[[Settings], None]
) -> None:
    path = tmp_path / "world.json"
    child = subprocess.Popen([sys.executable, "-c", HANGING, str(path)])
    try:
        for _ in range(300):  # until it hangs: the fault is struck off first
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.1)
            faults = json.loads(path.read_text())["faults"] if path.exists() else []
            if [fault["type"] for fault in faults] == ["disconnect"]:
                break
    finally:
        child.kill()
        child.wait()
    begin(Settings(seed=1, speed=0, state_path=path))
    assert [fault["type"] for fault in control.faults()] == ["disconnect"]
    assert listed() == []


def test_nothing_done_by_hand_goes_through_the_faults(ticket: int) -> None:
    control.inject("none", count=50)
    control.inject("pipe")
    assert control.modify_position(ticket, take_profit=2.0).tp == 2.0
    assert control.close_position(ticket) is None


def test_faults_are_shown_with_their_parameters(hedging: None) -> None:
    control.inject("none", call="account_info", count="3")  # as a command line gives it
    control.inject("empty", flat="true")
    assert control.faults() == [
        {"type": "none", "call": "account_info", "code": -1, "count": 3},
        {"type": "empty", "count": 1, "flat": True},
    ]


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("explode", {}, "no fault 'explode'; known are pipe, none, empty, login"),
        ("none", {"cuont": 2}, "takes call, code, count"),
        ("none", {"count": 0}, "takes call, code, count"),
        ("none", {"call": "positions_gett"}, "positions_gett"),
        ("pipe", {"count": 1}, "takes no parameters"),
        ("hang", {"seconds": "soon"}, "takes call, seconds, count"),
        ("login", {"login": "me"}, "takes login, server"),
    ],
)
def test_a_fault_that_is_not_known_is_refused(
    name: str, parameters: dict[str, object], says: str, hedging: None
) -> None:
    with pytest.raises(control.Refused, match=says):
        control.inject(name, **parameters)
    assert control.faults() == []
