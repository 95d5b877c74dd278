"""The retcodes: one table, and it knows them all."""

import json

import pytest
from dtms_server.domain.actions import Verdict
from dtms_server.terminal import retcodes, simulator
from outside import shared

PREFIX = "TRADE_RETCODE_"


def test_every_retcode_of_the_package_has_its_row_and_its_name() -> None:
    constants = json.loads(shared("metatrader5", "contract.json").read_text())["constants"]
    known = {v: k.removeprefix(PREFIX) for k, v in constants.items() if k.startswith(PREFIX)}
    ours = {code: name for code, name, _ in retcodes.TABLE}
    assert ours == known | {10046: "HEDGE_PROHIBITED"}


def test_the_simulated_terminal_gives_its_codes_the_same_names() -> None:
    constants = {k: v for k, v in vars(simulator).items() if k.startswith(PREFIX)}
    assert {v: retcodes.name(v) for v in constants.values()} == {
        v: k.removeprefix(PREFIX) for k, v in constants.items()
    }
    assert simulator.TRADE_RETCODE_INVALID_FILL == retcodes.INVALID_FILL


MEANINGS = {
    Verdict.DONE: {10008, 10009, 10010, 10025},
    Verdict.FRESH_PRICE: {10004, 10020, 10021},
    Verdict.UNKNOWN: {10011, 10012, 10031},
    Verdict.BACK_OFF: {10024, 10028, 10029},
    Verdict.RECOMPUTE: {10014, 10015, 10016, 10030, 10038},
    Verdict.GONE: {10036},
    Verdict.FAULT: {10013, 10035},
    Verdict.MARKET_CLOSED: {10018},
    Verdict.PARKED: {
        10017,
        10019,
        *range(10026, 10028),
        *range(10032, 10035),
        10040,
        *range(10042, 10045),
    },
    Verdict.FINAL: {10006, 10007, 10022, 10023, 10039, 10041},
    Verdict.FIFO: {10045},
    Verdict.NO_HEDGING: {10046},
}
"""What is done about each retcode, as the design lays it down."""


def test_every_retcode_means_what_is_laid_down_for_it() -> None:
    means = {code: verdict for verdict, codes in MEANINGS.items() for code in codes}
    assert {code: verdict for code, _, verdict in retcodes.TABLE} == means
    assert {code: retcodes.of_retcode(code) for code in means} == means


def test_no_code_and_no_name_stands_twice() -> None:
    codes = [code for code, _, _ in retcodes.TABLE]
    names = [name for _, name, _ in retcodes.TABLE]
    assert codes == sorted(set(codes))
    assert len(names) == len(set(names))


def test_every_verdict_but_one_is_some_retcode_s() -> None:
    found = {verdict for _, _, verdict in retcodes.TABLE}
    assert found == set(Verdict) - {Verdict.NOT_SENT}  # what has a retcode was sent


@pytest.mark.parametrize("code", [0, 1, 10001, 10005, 10037, 10047, -1])
def test_a_code_that_is_not_listed_leaves_the_outcome_unknown(code: int) -> None:
    assert retcodes.of_retcode(code) is Verdict.UNKNOWN
    assert str(code) in retcodes.name(code)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (-2, Verdict.FAULT),
        (-10004, Verdict.NOT_SENT),
        (-1, Verdict.UNKNOWN),
        (-10001, Verdict.UNKNOWN),
        (-10002, Verdict.UNKNOWN),
        (-10005, Verdict.UNKNOWN),
        (1, Verdict.UNKNOWN),
    ],
)
def test_without_an_answer_only_two_errors_say_that_nothing_was_sent(
    code: int, verdict: Verdict
) -> None:
    assert retcodes.of_error(code) is verdict
