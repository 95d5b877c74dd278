"""`make demo`: it shows what there is to show, ends when told, and leaves nothing behind."""

import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from outside import missing
from processes import Process, Shop, shop

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="make is not at home on Windows"),
]
CHECKOUT = Path(__file__).parents[2]
SUMMARY = (r"trades registered +\d+", r"trades closed +\d+", r"profit +[+-]", r"events +[1-9]")


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose processes keep their temporary files, and so their names, in its folder."""
    with shop(tmp_path) as town:
        town.environment["TMPDIR"] = str(tmp_path)
        yield town


def left_behind(folder: Path) -> list[str]:
    """Return the command lines of all processes that were started in the theatre."""
    mark = f"TMPDIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def by_make(theatre: Shop, *arguments: str) -> Process:
    if shutil.which("make") is None:
        missing("make is not installed")
    return theatre.spawn("make", "-C", str(CHECKOUT), "demo", *arguments)


def test_make_demo_stops_by_itself_with_a_summary(theatre: Shop) -> None:
    demo = by_make(theatre, "SECONDS=20")
    assert demo.wait() == 0, demo.output
    assert "TRADE_REGISTERED" in demo.output
    for line in SUMMARY:
        assert re.search(line, demo.output), demo.output
    registered = re.search(r"trades registered +(\d+)", demo.output)
    assert registered
    assert int(registered[1]) > 0
    assert "Traceback" not in demo.output
    assert left_behind(theatre.folder) == []


def by_command(theatre: Shop) -> Process:
    return theatre.spawn(*theatre.dtms, "demo")


@pytest.mark.parametrize("start", [by_command, by_make], ids=["dtms demo", "make demo"])
def test_ctrl_c_drains_the_demo(theatre: Shop, start: Callable[[Shop], Process]) -> None:
    demo = start(theatre)
    demo.expect("TRADE_REGISTERED")
    demo.signal_group(signal.SIGINT)
    status = demo.wait()
    assert "draining" in demo.output
    assert re.search(SUMMARY[0], demo.output), demo.output
    assert "Traceback" not in demo.output
    if start is by_command:  # make itself ends by the signal, whatever its command does
        assert status == 0, demo.output
    assert left_behind(theatre.folder) == []
