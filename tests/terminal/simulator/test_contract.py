import json
from typing import get_args

from dtms_server.terminal.simulator.faults import Call
from outside import shared


def test_a_fault_can_strike_every_call_that_can_fail() -> None:
    contract = json.loads(shared("metatrader5", "contract.json").read_text())
    assert set(get_args(Call)) == set(contract["functions"]) - {"shutdown", "last_error"}
