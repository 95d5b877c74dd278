"""The key that hosts and servers share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.terminal.keys import terminal_key

MODES = pytest.mark.skipif(sys.platform == "win32", reason="Windows guards the directory instead")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DTMS_TERMINAL_KEY", raising=False)
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_environment_comes_first(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTMS_TERMINAL_KEY", "shared")
    assert terminal_key() == b"shared"
    assert not state.exists()


def test_the_first_process_makes_it_and_all_others_read_it(state: Path) -> None:
    first = terminal_key()
    assert len(first) == 64
    assert terminal_key() == first == (state / "terminal.key").read_bytes()


def test_processes_that_start_at_once_get_the_same_key() -> None:
    ask = "from dtms_server.terminal.keys import terminal_key; print(terminal_key().decode())"
    asked = [
        subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in asked}) == 1
    assert {process.returncode for process in asked} == {0}


@MODES
def test_only_its_owner_can_read_it(state: Path) -> None:
    terminal_key()
    assert (state / "terminal.key").stat().st_mode & 0o777 == 0o600


@MODES
def test_a_key_that_others_can_read_is_refused(state: Path) -> None:
    terminal_key()
    (state / "terminal.key").chmod(0o644)
    with pytest.raises(ConfigurationInvalid, match="chmod 600"):
        terminal_key()


def test_an_empty_key_is_refused_with_the_remedy(state: Path) -> None:
    terminal_key()
    (state / "terminal.key").write_text("")
    with pytest.raises(ConfigurationInvalid, match="delete it"):
        terminal_key()


def test_a_state_directory_that_is_a_file_is_told_in_one_line(state: Path) -> None:
    state.write_text("")
    with pytest.raises(ConfigurationInvalid, match="cannot be used"):
        terminal_key()
