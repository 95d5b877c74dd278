"""The real package under Wine: the contract suite, and ours that a Windows Python can run."""

import re

import pytest
from windows import WindowsPython

pytestmark = [pytest.mark.metatrader5, pytest.mark.timeout(900)]

SUITE = "tests/metatrader5/contract"
OF_WINDOWS = (
    *("tests/storage/test_database.py", "tests/storage/test_locks.py"),
    *("tests/terminal/simulator/test_state.py", "tests/terminal/simulator/test_chronicle.py"),
    "tests/terminal/test_keys.py",
    "tests/domain/test_analysis_indicators.py",
    *("tests/telemetry/test_pages.py", "tests/telemetry/test_server.py"),
)
"""Files, locks, TA-Lib's numbers and the loop's sockets may be others there; the rest is plain
Python."""
A_LINK = "tests/storage/test_locks.py::test_a_link_to_a_database_is_the_same_database"
"""Wine 8 makes links that it does not resolve."""
QUIET = ("-q", "--color=no", "-m", "not long", "-p", "no:cacheprovider")
LEFT_OPEN = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning")
"""Python 3.13.0 itself leaves folders that it has read open."""


def passed(output: str) -> int:
    """Return how many tests passed, where nothing else is told of any."""
    told = re.search(r"^(\d+) passed(?:, \d+ (?:skipped|deselected))* in ", output, re.MULTILINE)
    assert told, output
    return int(told[1])


def test_the_real_package_passes_the_whole_contract_suite(windows: WindowsPython) -> None:
    ended = windows.run("-m", "pytest", *QUIET, SUITE, seconds=300, API_MODULE="MetaTrader5")
    assert ended.returncode == 0, ended.stdout
    assert passed(ended.stdout) > 500
    assert "skipped" not in ended.stdout


def test_a_windows_python_passes_the_tests_of_what_is_other_there(windows: WindowsPython) -> None:
    flags = (*QUIET, *LEFT_OPEN, "--deselect", A_LINK)
    ended = windows.run("-m", "pytest", *flags, *OF_WINDOWS, seconds=600)
    assert ended.returncode == 0, ended.stdout
    assert passed(ended.stdout) > 60
