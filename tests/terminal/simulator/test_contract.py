import inspect
import json
from typing import Any, get_args

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import constants
from dtms_server.terminal.simulator.faults import Call
from outside import shared


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(shared("metatrader5", "contract.json").read_text())
    return read


def test_all_constants_have_the_real_values(contract: dict[str, Any]) -> None:
    ours = {name: value for name, value in vars(constants).items() if name.isupper()}
    assert ours == contract["constants"]
    assert all(getattr(mt5, name) == value for name, value in ours.items())


def test_all_functions_are_there(contract: dict[str, Any]) -> None:
    functions = {name for name, value in vars(mt5).items() if inspect.isfunction(value)}
    assert set(contract["functions"]) <= functions


def test_all_structs_have_the_real_fields_in_their_order(contract: dict[str, Any]) -> None:
    for name, struct in contract["structs"].items():
        assert list(getattr(mt5, name)._fields) == struct["fields"], name


def test_a_fault_can_strike_every_call_that_can_fail(contract: dict[str, Any]) -> None:
    assert set(get_args(Call)) == set(contract["functions"]) - {"shutdown", "last_error"}
