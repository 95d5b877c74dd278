"""A server that cannot start says why in one line, and harms nothing."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import QUICK_TERMINAL, Shop, free_address, shop

UNUSABLE, NOT_READY = 2, 3
OURS, OTHER = "5001", "5002"
TIMELY = ("--startup-timeout", "5")
"""Long enough for a first look at the terminal, also on a machine that is full."""
SIMULATED = ("--terminal", "simulator", "--sim-listen", "0")


def serve(town: Shop, *flags: str) -> "subprocess.CompletedProcess[str]":
    """Run a server that should end by itself."""
    return town.run("serve", "--listen", "127.0.0.1:0", *flags)


def refusal(ended: "subprocess.CompletedProcess[str]", status: int) -> str:
    """Return the one line of a command that ended with that status."""
    assert ended.returncode == status, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert ended.stderr.endswith(f"{line}\n"), "it has the last word"
    assert "Traceback" not in ended.stderr
    return line


def test_without_a_terminal_it_ends_in_time_and_names_the_step_and_the_error(town: Shop) -> None:
    nowhere = free_address()
    line = refusal(serve(town, "--terminal", nowhere, *TIMELY), NOT_READY)
    for word in ("5.0 s", "connecting to the terminal", nowhere, "refused"):
        assert word in line


def test_a_terminal_that_is_mute_does_not_hold_it_up(town: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = "{}:{}".format(*mute.getsockname())
        line = refusal(serve(town, "--terminal", address, "--startup-timeout", "1"), NOT_READY)
    assert "connecting to the terminal" in line


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot send SIGTERM on Windows")
def test_with_no_timeout_it_keeps_trying_until_it_is_stopped(town: Shop) -> None:
    address = free_address()
    server, _ = town.serve(address, "--startup-timeout", "0")
    server.expect("terminal not usable yet")
    town.start("terminal", "--module", "simulator", "--listen", address)
    server.expect("guarding")
    assert server.terminate() == 0
    assert "Traceback" not in server.output


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, int]]:
    """A shop where a server guards account OURS in ours.db; its process id too."""
    with shop(tmp_path_factory.mktemp("guarded")) as town:
        _, terminal = town.terminal(*QUICK_TERMINAL, "--login", OURS)
        server, _ = town.serve(terminal, "--database", "ours.db")
        server.expect("guarding")
        yield town, server.pid


def test_a_second_server_on_a_database_is_refused_and_told_the_holder(
    guarded: tuple[Shop, int],
) -> None:
    town, holder = guarded
    line = refusal(serve(town, *SIMULATED, "--database", "ours.db"), UNUSABLE)
    assert "ours.db" in line
    assert f"process {holder}" in line


def test_a_second_server_on_an_account_is_refused_and_told_the_holder(
    guarded: tuple[Shop, int],
) -> None:
    town, holder = guarded
    _, terminal = town.terminal(*QUICK_TERMINAL, "--login", OURS)
    line = refusal(serve(town, "--terminal", terminal, "--database", "mine.db"), UNUSABLE)
    assert f"{OURS}@" in line
    assert f"process {holder}" in line


def test_a_database_of_another_account_is_left_alone_and_both_are_named(town: Shop) -> None:
    _, ours = town.terminal(*QUICK_TERMINAL, "--login", OURS)
    server, _ = town.serve(ours)
    server.expect("guarding")
    server.kill()
    _, other = town.terminal(*QUICK_TERMINAL, "--login", OTHER)
    line = refusal(serve(town, "--terminal", other, *TIMELY), NOT_READY)
    for word in ("WRONG_ACCOUNT", f"{OURS}@", f"{OTHER}@"):
        assert word in line
    with closing(sqlite3.connect(town.folder / "dtms.db")) as database:
        accounts = database.execute("SELECT DISTINCT account FROM events").fetchall()
    assert [account.split("@")[0] for (account,) in accounts] == [OURS]


def test_a_configured_account_that_the_terminal_does_not_let_in_is_named(town: Shop) -> None:
    _, terminal = town.terminal(*QUICK_TERMINAL, "--login", OURS)
    asked = ("--login", OTHER, "--server", "Broker-Live")
    ended = serve(town, "--terminal", terminal, *TIMELY, *asked)
    line = refusal(ended, NOT_READY)
    for word in (OTHER, "Broker-Live", "initialize", "Authorization failed"):
        assert word in line


def not_a_database(path: Path) -> None:
    path.write_text("Dear diary, " * 1000)


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE trades (song TEXT)")
        database.execute("INSERT INTO trades VALUES ('Yesterday')")
        database.commit()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()


def damaged(path: Path) -> None:
    whole = path.read_bytes()
    page = int.from_bytes(whole[16:18], "big")
    path.write_bytes(whole[:page] + os.urandom(2 * page) + whole[3 * page :])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database."""
    with shop(tmp_path_factory.mktemp("fresh")) as town:
        assert town.run("migrate", "--database", "fresh.db").returncode == 0
        return town.folder / "fresh.db"


@pytest.mark.parametrize("spoil", [not_a_database, of_another_program, newer, damaged, cut_short])
def test_a_database_that_cannot_be_used_stays_as_it_is(
    town: Shop, fresh: Path, spoil: Callable[[Path], None]
) -> None:
    database = town.folder / "spoilt.db"
    if spoil not in (not_a_database, of_another_program):
        shutil.copy(fresh, database)
    spoil(database)
    before = database.read_bytes()
    line = refusal(serve(town, *SIMULATED, "--database", "spoilt.db"), UNUSABLE)
    assert str(database) in line
    assert database.read_bytes() == before
    assert not list(town.folder.glob("spoilt.db*bak")), "there is nothing to copy"


def test_a_migration_that_is_due_is_refused_where_none_is_wanted(town: Shop) -> None:
    line = refusal(serve(town, *SIMULATED, "--database", "new.db", "--no-migrate"), UNUSABLE)
    assert "dtms migrate" in line
    assert not (town.folder / "new.db").exists()


@pytest.mark.parametrize("command", ["serve", "terminal"])
@pytest.mark.parametrize("replay", ["missing.csv", "diary.csv"])
def test_a_replay_that_cannot_be_read_is_refused_and_named(
    town: Shop, command: str, replay: str
) -> None:
    (town.folder / "diary.csv").write_text("Dear diary,\n")
    flags = ("--replay", replay, "--symbol", "EURUSD")
    if command == "serve":
        ended = serve(town, *SIMULATED, *flags)
        line = refusal(ended, UNUSABLE)
    else:
        ended = town.run("terminal", "--module", "simulator", "--listen", "127.0.0.1:0", *flags)
        assert ended.returncode == UNUSABLE
        (line,) = ended.stderr.splitlines()
    assert replay in line


def test_beyond_loopback_it_wants_tls(town: Shop) -> None:
    line = refusal(town.run("serve", *SIMULATED, "--listen", "0.0.0.0:0"), UNUSABLE)
    assert "--tls-cert" in line
    assert "--insecure" in line
    assert list(town.folder.glob("*.db*")) == []


def test_a_port_in_use_is_named(town: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        line = refusal(town.run("serve", *SIMULATED, "--listen", address), UNUSABLE)
    assert address in line
