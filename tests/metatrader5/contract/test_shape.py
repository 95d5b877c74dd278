"""What the module consists of, without a terminal; for each API module."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from api_module import API, DIFFERENCES, differs, made
from outside import shared

MANUAL = Path(__file__).parents[3] / "docs" / "metatrader5-package.md"
CONTRACT: dict[str, Any] = {}
STRUCTS = [
    "AccountInfo",
    "BookInfo",
    "OrderCheckResult",
    "OrderSendResult",
    "SymbolInfo",
    "TerminalInfo",
    "Tick",
    "TradeDeal",
    "TradeOrder",
    "TradePosition",
    "TradeRequest",
]


@pytest.fixture
def contract() -> dict[str, Any]:
    if not CONTRACT:
        CONTRACT.update(json.loads(shared("metatrader5", "contract.json").read_text()))
    return CONTRACT


def test_it_is_of_the_contracts_version(contract: dict[str, Any]) -> None:
    assert API.__version__ == contract["version"]


def test_it_has_all_constants_of_the_contract_and_no_others(contract: dict[str, Any]) -> None:
    numbers = {name: value for name, value in vars(API).items() if type(value) is int}
    assert numbers == contract["constants"]


def test_it_has_all_functions_of_the_contract(contract: dict[str, Any]) -> None:
    for name in contract["functions"]:
        assert inspect.isroutine(getattr(API, name)), name


def test_its_structs_have_the_fields_of_the_contract_in_order(contract: dict[str, Any]) -> None:
    assert sorted(contract["structs"]) == STRUCTS
    for name, struct in contract["structs"].items():
        assert list(getattr(API, name).__match_args__) == struct["fields"], name


@pytest.mark.parametrize("struct", STRUCTS)
def test_a_struct_is_a_tuple_that_can_be_read_by_name(struct: str) -> None:
    fields = getattr(API, struct).__match_args__
    values = tuple(range(len(fields)))
    one = made(struct, values)
    assert issubclass(type(one), tuple)
    assert (one, hash(one)) == (values, hash(values))
    assert [getattr(one, field) for field in fields] == list(values)
    assert one._asdict() == dict(zip(fields, values, strict=True))
    shown = ", ".join(f"{field}={value}" for field, value in zip(fields, values, strict=True))
    assert repr(one) == str(one) == f"{struct}({shown})"


@pytest.mark.parametrize("struct", STRUCTS)
def test_a_struct_cannot_be_changed(struct: str) -> None:
    one = made(struct, range(len(getattr(API, struct).__match_args__)))
    for name in (type(one).__match_args__[0], "of_no_struct"):
        with pytest.raises(AttributeError):
            setattr(one, name, 5)
    with pytest.raises(TypeError):
        vars(one)


@differs("structs")
def test_a_struct_is_made_of_a_sequence_and_has_no_fields_nor_replace() -> None:
    tick = API.Tick(range(8))
    assert (API.Tick.n_fields, API.Tick.n_sequence_fields, API.Tick.n_unnamed_fields) == (8, 8, 0)
    assert not any(hasattr(tick, name) for name in ("_fields", "_replace", "_make"))


@differs("functions")
def test_a_function_tells_no_signature() -> None:
    with pytest.raises(ValueError, match="no signature found"):
        inspect.signature(API.positions_get)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("Buy", "(symbol, volume, price=None, *, comment=None, ticket=None)"),
        ("Sell", "(symbol, volume, price=None, *, comment=None, ticket=None)"),
        ("Close", "(symbol, *, comment=None, ticket=None)"),
    ],
)
def test_the_shortcuts_take_these_arguments(name: str, signature: str) -> None:
    found = inspect.signature(getattr(API, name))
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    assert str(found.replace(parameters=bare, return_annotation=found.empty)) == signature


@differs("shortcuts")
def test_a_shortcut_breaks_on_the_missing_tick() -> None:
    API.shutdown()
    with pytest.raises(AttributeError):
        API.Buy("EURUSD", 0.1)


def test_the_manual_tells_every_difference_and_its_reason() -> None:
    manual = " ".join(MANUAL.read_text("utf-8").split())
    for name, reason in DIFFERENCES.items():
        assert f"| {name} |" in manual
        assert reason in manual
