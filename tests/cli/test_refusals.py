"""What cannot be served is refused at the start, in one line, and leaves everything as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Shop, shop

SIMULATOR = ("serve", "--terminal", "simulator", "--listen", "127.0.0.1:0", "--sim-listen", "0")
REPLAY = ("--symbol", "EURUSD", "--startup-timeout", "20", "--replay")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as opened:
        yield opened


def refused(house: Shop, *arguments: str, status: int = 2) -> str:
    done = house.run(*arguments)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert "error: " in last
    return last


def test_a_replay_that_is_not_there(house: Shop) -> None:
    assert "no.csv" in refused(house, *SIMULATOR, *REPLAY, "no.csv")


def test_a_replay_that_cannot_be_read(house: Shop) -> None:
    (house.folder / "words.csv").write_text("this is\nno table of prices\n")
    assert "words.csv" in refused(house, *SIMULATOR, *REPLAY, "words.csv")


def test_a_terminal_with_a_replay_that_is_not_there(house: Shop) -> None:
    arguments = ("terminal", "--module", "simulator", "--listen", "127.0.0.1:0")
    done = house.run(*arguments, "--symbol", "EURUSD", "--replay", "no.csv")
    assert done.returncode == 2
    assert "no.csv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_of_another_kind_is_left_as_it_was(house: Shop) -> None:
    database = house.folder / "notes.txt"
    database.write_text("not a database\n" * 100)
    for command in (SIMULATOR, ("migrate",)):
        assert "notes.txt cannot be used" in refused(house, *command, "--database", "notes.txt")
    assert database.read_text() == "not a database\n" * 100


def test_a_database_that_is_due_for_migration_with_no_migrate(house: Shop) -> None:
    assert "dtms migrate" in refused(house, *SIMULATOR, "--no-migrate")


def test_a_database_that_is_in_use_names_its_holder(house: Shop) -> None:
    _, target = house.serve("simulator")
    told = refused(house, *SIMULATOR)
    assert "in use" in told
    assert house.run("status", "--target", target).returncode == 0


def test_an_address_beyond_loopback_without_tls(house: Shop) -> None:
    told = refused(house, *SIMULATOR[:3], "--sim-listen", "0", "--listen", "0.0.0.0:0")
    assert "--tls-cert" in told


def test_a_terminal_that_is_not_there_within_the_startup_timeout(house: Shop) -> None:
    arguments = ("serve", "--terminal", "127.0.0.1:1", "--listen", "127.0.0.1:0")
    told = refused(house, *arguments, "--startup-timeout", "5", status=3)
    assert "127.0.0.1:1" in told


def test_migrate_makes_a_database_once(house: Shop) -> None:
    first = house.run("migrate", "--database", "new.db")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("new.db migrated from nothing to ")
    again = house.run("migrate", "--database", "new.db")
    assert "already" in again.stdout


def test_migrate_takes_the_database_from_the_settings_file(house: Shop) -> None:
    (house.folder / "dtms.toml").write_text('database = "named.db"\nterminal = "metatrader5"\n')
    assert house.run("migrate").stdout.startswith("named.db migrated")
    assert (house.folder / "named.db").exists()
