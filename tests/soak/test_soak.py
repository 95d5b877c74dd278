"""The soak itself, as a program: it keeps its word when all is well, tells a breach, and ends what
it has started."""

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from processes import Process

SHORT, LONG = "0.3", "20"
HOUR_SECONDS = 150.0
"""More than the 12 s of an hour and all that its audit may wait for."""

pytestmark = [
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="a soak measures by /proc"),
    pytest.mark.timeout(300),
]


@pytest.fixture(params=[LONG])
def soaking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    """A soak that has begun, of so many minutes."""
    environment = os.environ | {"PYTHONPATH": _python_path(), "TMPDIR": str(tmp_path)}
    command = (sys.executable, "-m", "soak", "--minutes", request.param, "--seed", "5")
    with Process((*command, "--json", "told.json"), environment, tmp_path) as process:
        yield process


@pytest.mark.long
@pytest.mark.parametrize("soaking", [SHORT], indirect=True)
def test_a_short_soak_keeps_every_invariant_and_leaves_nothing_behind(
    soaking: Process, tmp_path: Path
) -> None:
    soaking.expect(r"^hour +1 ", seconds=HOUR_SECONDS)
    soaking.expect("^every invariant was kept", seconds=HOUR_SECONDS)
    assert soaking.wait() == 0, soaking.output
    assert [left.name for left in tmp_path.iterdir()] == ["told.json"]


def test_a_journal_that_somebody_cuts_is_told_and_kept(soaking: Process, tmp_path: Path) -> None:
    folder = _folder(soaking)
    soaking.expect(r"^hour +1 ", seconds=HOUR_SECONDS)
    with closing(sqlite3.connect(folder / "dtms.db", timeout=30)) as file, file:
        file.execute("DELETE FROM events WHERE sequence = 3")
    soaking.expect("^BREACH: the journal lacks events", seconds=HOUR_SECONDS)
    assert soaking.wait() == 1, soaking.output
    kept = {left.name for left in folder.iterdir()}
    assert kept >= {"dtms.db", "world.json", "breach.txt", "000-terminal.log", "001-server.log"}
    assert _left_running(folder) == []


@pytest.mark.long
def test_ctrl_c_ends_all_that_was_started(soaking: Process) -> None:
    folder = _folder(soaking)
    soaking.expect(r"^hour +1 ", seconds=HOUR_SECONDS)
    soaking.signal(signal.SIGINT)
    assert soaking.wait() == 130, soaking.output
    soaking.expect("^every invariant was kept")
    assert _left_running(folder) == []


def _folder(soaking: Process) -> Path:
    return Path(soaking.expect(r"minutes, in (\S+)")[1])


def _left_running(folder: Path) -> list[str]:
    """Return the commands of processes that name a file in the folder."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            commands.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in commands if str(folder) in command]


def _python_path() -> str:
    tests = str(Path(__file__).parents[1])
    return os.pathsep.join(filter(None, (tests, os.environ.get("PYTHONPATH"))))
