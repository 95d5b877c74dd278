"""The demo: a bot, the real service and its simulated terminal, which all end together."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dtms.v1 import trade_pb2
from dtms_server.cli.show import newest
from dtms_server.demo.tally import Tally
from google.protobuf.timestamp_pb2 import Timestamp
from processes import Shop, shop


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as opened:
        opened.environment["TMPDIR"] = str(tmp_path)
        yield opened
        assert not list(tmp_path.glob("dtms-demo-*")), "the demo cleans up"
        assert not _still_there(tmp_path), "its processes end with it"


def _still_there(folder: Path) -> list[str]:
    """Processes that work in the folder; only Linux tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            where = str(entry.readlink())
        except OSError:  # ended meanwhile, or not ours
            continue
        if where.startswith(str(folder)):
            found.append(f"{entry}: {where}")
    return found


def test_it_ends_by_itself_with_a_summary(stage: Shop) -> None:
    demo = stage.start("demo", "--seconds", "10", "--speed", "300")
    assert demo.wait() == 0, demo.output
    registered = int(demo.expect(r"^trades registered +(\d+)")[1])
    assert registered == demo.output.count(" TRADE_REGISTERED ") > 0
    closed = int(demo.expect(r"^trades closed +(\d+)")[1])
    assert closed == demo.output.count(" TRADE_CLOSED ")
    assert demo.expect(r"^profit +[+-]\d+\.\d\d USD")
    assert "Traceback" not in demo.output
    assert "\x1b" not in demo.output


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot press Ctrl-C on Windows")
@pytest.mark.parametrize("when", ["^starting", "TRADE_REGISTERED"])
def test_ctrl_c_drains_it_whenever_it_comes(stage: Shop, when: str) -> None:
    demo = stage.start("demo")
    demo.expect(when)
    os.kill(demo.pid, signal.SIGINT)
    assert demo.wait() == 0, demo.output
    demo.expect("^draining")
    demo.expect("^trades registered")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_it_is_a_live_screen(stage: Shop) -> None:
    ours, theirs = os.openpty()  # type: ignore[attr-defined,unused-ignore]  # not on Windows
    command = [sys.executable, "-m", "dtms_server", "demo", "--speed", "300"]
    environment = {**stage.environment, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"}
    with subprocess.Popen(
        command, cwd=stage.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as demo:
        os.close(theirs)
        screen = _read(ours, "TICKET", "HEALTHY", "TRADE_REGISTERED")
        demo.send_signal(signal.SIGINT)
        screen += _read(ours)
        os.close(ours)
        assert demo.wait() == 0, screen
    assert "\x1b[" in screen
    for shown in ("TICKET", "HEALTHY", "TRADE_REGISTERED", "trades registered"):
        assert shown in screen


def _read(terminal: int, *words: str) -> str:
    """Return what is shown until all words were; without any, to the end."""
    read = b""
    while not words or any(word.encode() not in read for word in words):
        try:
            more = os.read(terminal, 65_536)
        except OSError:  # Linux's word for the end of a pseudo-terminal
            break
        if not more:
            break
        read += more
    return read.decode(errors="replace")


def test_the_screen_has_open_trades_first_then_the_last_to_close() -> None:
    def closed(ticket: int, at: int) -> trade_pb2.Trade:
        return trade_pb2.Trade(ticket=ticket, closed_at=Timestamp(seconds=at))

    trades = [closed(1, 10), closed(2, 30), closed(3, 20), trade_pb2.Trade(ticket=4)]
    assert [trade.ticket for trade in newest(trades, 3)] == [4, 2, 3]


def test_the_summary_counts_by_reason() -> None:
    tally = Tally(events=9, registered=4, profit=-3.456)
    tally.closed.update(["SL", "TP", "SL"])
    assert tally.lines() == [
        "trades registered  4",
        "trades closed      3 (2 by SL, 1 by TP)",
        "profit             -3.46 USD",
        "events             9",
    ]
