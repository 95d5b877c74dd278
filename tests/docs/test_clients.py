"""docs/clients.md, followed to the letter in an empty folder, ends with an event printed."""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conformance import languages
from docs.recipe import File, Shell, readers_environment, script, section, steps
from outside import missing
from processes import TERMINAL_KEY, Process, free_address

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(sys.platform == "win32", reason="the page's commands are for bash"),
]
CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "clients.md"
TITLES = {"python": "Python", "go": "Go", "typescript": "TypeScript", "java": "Java"}
TICKET = 50_000_001
EVENT = rf"^\d+ {TICKET} [A-Z_]+$"
BUILD_SECONDS = 1200.0
MOST_LINES = 40
MANIFESTS = {".json", ".xml", ".mod", ".txt", ".toml"}


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A reader's shell, in which the page's service serves a position that was opened."""
    terminal, target = free_address(), free_address()
    shell = readers_environment(
        DTMS=str(CHECKOUT),
        DTMS_TARGET=target,
        DTMS_LISTEN=target,
        DTMS_SIM_LISTEN=terminal,
        DTMS_HTTP_LISTEN="0",
        DTMS_STATE_DIR=str(tmp_path / "state"),
        DTMS_TERMINAL_KEY=TERMINAL_KEY,
    )
    serving, opening = steps(section(PAGE, "A service to play with"))
    with _begun([serving], tmp_path / "service", shell) as service:
        service.expect("guarding", seconds=BUILD_SECONDS)
        with _begun([opening], tmp_path / "service", shell) as opened:
            opened.expect(rf"^{TICKET}$")
            assert opened.wait() == 0
        yield shell


@pytest.mark.parametrize("language", TITLES)
def test_each_path_ends_with_an_event_printed(
    language: str, shell: dict[str, str], tmp_path: Path
) -> None:
    for known in languages.ALL:
        if known.name == language and known.lacks:
            missing(f"{language} needs {', '.join(known.lacks)}")
    folder = tmp_path / language
    with _begun(steps(section(PAGE, TITLES[language])), folder, shell) as bot:
        bot.expect(EVENT, seconds=BUILD_SECONDS)


@pytest.mark.parametrize("title", TITLES.values())
def test_each_bot_is_short_and_its_sample_ends_with_an_event(title: str) -> None:
    path = steps(section(PAGE, title))
    bots = [
        step for step in path if isinstance(step, File) and Path(step.name).suffix not in MANIFESTS
    ]
    assert len(bots) == 1
    assert len(bots[0].text.splitlines()) <= MOST_LINES
    last = path[-1]
    assert isinstance(last, Shell)
    assert re.match(EVENT, last.output.splitlines()[-1])


@contextmanager
def _begun(path: list[File | Shell], folder: Path, shell: dict[str, str]) -> Iterator[Process]:
    """Do what the page says; all that it started ends with the block."""
    folder.mkdir(exist_ok=True)
    with Process(("bash", "-c", script(path, folder)), shell, folder) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.signal_group(signal.SIGKILL)
