import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.trader import (
    BUY,
    DONE,
    SELL,
    close,
    close_by,
    deal,
    deals,
    held,
    opened,
    points,
    protect,
    send,
    tick,
)


def test_a_fault_may_wait_for_orders_of_one_kind(hedging: None) -> None:
    long, short = opened(BUY), opened(SELL)
    for kind, code in (("close", 10006), ("stops", 10007), ("close_by", 10011), ("open", 10018)):
        control.inject("retcode", order=kind, code=code)
    assert deal().retcode == 10018
    assert close_by(long, short).retcode == 10011
    assert protect(long, sl=points(tick().bid, -100)).retcode == 10007
    assert close(long).retcode == 10006
    assert close_by(long, short).retcode == DONE


def test_an_order_that_breaks_a_rule_leaves_the_fault_for_the_next(hedging: None) -> None:
    control.inject("timeout", executed=False)
    assert deal(volume=0.001).retcode == mt5.TRADE_RETCODE_INVALID_VOLUME
    assert deal().retcode == mt5.TRADE_RETCODE_TIMEOUT
    assert deal().retcode == DONE


@pytest.mark.parametrize(("volume", "share", "got"), [(0.3, 0.5, 0.15), (0.05, 0.5, 0.02)])
def test_a_deal_may_be_filled_in_part(
    volume: float, share: float, got: float, hedging: None
) -> None:
    control.inject("partial", share=share, count=2)
    assert deal(volume=volume).volume == volume  # all or nothing
    sent = deal(volume=volume, type_filling=mt5.ORDER_FILLING_IOC)
    assert (sent.retcode, sent.volume) == (mt5.TRADE_RETCODE_DONE_PARTIAL, got)
    assert held()[sent.order].volume == got
    sent = close(sent.order, type_filling=mt5.ORDER_FILLING_IOC)
    assert sent.retcode == mt5.TRADE_RETCODE_DONE_PARTIAL


def test_a_partial_fill_is_never_under_the_step(hedging: None) -> None:
    control.inject("partial")
    sent = deal(volume=0.01, type_filling=mt5.ORDER_FILLING_IOC)
    assert sent.volume == 0.01


def test_somebody_may_close_a_position_just_before_an_order_on_it(hedging: None) -> None:
    ticket = opened()
    control.inject("hand")
    assert deal().retcode == DONE  # an order on no position is not meant
    sent = close(ticket)
    assert sent.retcode == mt5.TRADE_RETCODE_POSITION_CLOSED
    assert deals(ticket)[-1].reason == mt5.DEAL_REASON_CLIENT
    assert control.faults() == []


def test_somebody_may_halve_a_position_just_before_an_order_on_it(hedging: None) -> None:
    ticket = opened(volume=0.3)
    control.inject("hand", does="halve", order="close")
    assert protect(ticket, sl=points(tick().bid, -100)).retcode == DONE
    assert close(ticket).retcode == mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    assert held()[ticket].volume == 0.15


def test_somebody_may_take_the_stops_away_just_before_an_order(hedging: None) -> None:
    ticket = opened(sl=points(tick().bid, -100))
    control.inject("hand", does="unprotect")
    assert close(ticket, volume=0.05).retcode == DONE
    assert held()[ticket].sl == 0


def test_what_the_broker_lets_no_hand_do_does_not_happen(hedging: None) -> None:
    ticket = opened(volume=0.01)
    control.symbol("EURUSD", freeze_level=10)
    control.modify_position(ticket, stop_loss=points(tick().bid, -20))
    control.jump("EURUSD", -12)
    control.inject("hand", does="unprotect")
    assert protect(ticket).retcode == mt5.TRADE_RETCODE_FROZEN
    assert held()[ticket].sl > 0


HANGING = """
import sys
from pathlib import Path
from dtms_server.terminal import simulator
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings

control.start(Settings(seed=1, speed=0, state_path=Path(sys.argv[1])))
simulator.initialize()
control.inject("no_answer", hang=True)
simulator.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1, "comment": "done"})
"""


def test_an_order_that_is_never_answered_is_done_and_on_disk(
    tmp_path: Path, begin: Callable[[Settings], None]
) -> None:
    path = tmp_path / "world.json"
    child = subprocess.Popen([sys.executable, "-c", HANGING, str(path)])
    try:
        for _ in range(300):  # until it hangs: what it did is written first
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.1)
            if path.exists() and json.loads(path.read_text())["book"]["positions"]:
                break
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
    begin(Settings(seed=1, speed=0, state_path=path))
    assert [position.comment for position in held().values()] == ["done"]
    assert control.faults() == []


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("retcode", {}, "takes code, executed, seconds, order, count"),
        ("timeout", {"order": "hedge"}, "takes executed"),
        ("timeout", {"seconds": -1}, "takes executed"),
        ("no_answer", {"code": -2}, "takes code, hang"),
        ("late_fill", {"code": 10012}, "takes code, seconds"),
        ("partial", {"share": 1}, "takes share"),
        ("hand", {"does": "nothing"}, "takes does, order, count"),
    ],
)
def test_a_fault_of_orders_says_what_it_takes(
    name: str, parameters: dict[str, object], says: str, hedging: None
) -> None:
    with pytest.raises(control.Refused, match=says):
        control.inject(name, **parameters)
    assert control.faults() == []


def test_orders_of_no_known_action_meet_no_fault(hedging: None) -> None:
    control.inject("retcode", code=10006)
    assert send(action=99).retcode == mt5.TRADE_RETCODE_INVALID
    assert len(control.faults()) == 1
