"""docs/clients.md, followed to the letter in an empty folder, ends with a bot that goes on."""

import re
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from conformance import languages
from docs.recipe import File, Shell, readers_environment, script, section, steps
from outside import require
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
SERVING, OPENING, CLOSING = (
    step for step in steps(section(PAGE, "A service to play with")) if isinstance(step, Shell)
)
EVENT = rf"^\d+ {TICKET} [A-Z_]+$"
CLOSED_ALREADY = "42 is closed already|POSITION_NOT_FOUND"
TIDY = {"go": Shell(('test -z "$(gofmt -l bot.go dtms/v1/client.go)"', "go vet ./..."), "")}
BUILD_SECONDS = 1200.0
MOST_LINES = 40
MANIFESTS = {".json", ".xml", ".mod", ".txt", ".toml"}


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """A reader's shell, with addresses and a folder of its own for the page's service."""
    terminal, target = free_address(), free_address()
    return readers_environment(
        DTMS=str(CHECKOUT),
        DTMS_TARGET=target,
        DTMS_LISTEN=target,
        DTMS_SIM_LISTEN=terminal,
        DTMS_HTTP_LISTEN="0",
        DTMS_STATE_DIR=str(tmp_path / "state"),
        DTMS_TERMINAL_KEY=TERMINAL_KEY,
    )


@pytest.mark.parametrize("language", TITLES)
def test_each_path_ends_with_a_bot_that_outlives_the_service(
    language: str, shell: dict[str, str], tmp_path: Path
) -> None:
    for known in languages.ALL:
        if known.name == language:
            require(language, known.lacks)
    path = steps(section(PAGE, TITLES[language]))
    folder, service = tmp_path / language, tmp_path / "service"
    with ExitStack() as stack:
        with _served(service, shell):
            assert f"\n{TICKET}\n" in _done(OPENING, service, shell)
            bot = stack.enter_context(_begun(path, folder, shell))
            bot.expect(EVENT, seconds=BUILD_SECONDS)
        with _served(service, shell):
            _done(CLOSING, service, shell)
            bot.expect(rf"^\d+ {TICKET} TRADE_CLOSED$")
            assert re.search(CLOSED_ALREADY, _done(_with_ticket_42(path), folder, shell))
    with _another_server() as target:
        told = _done(_with_ticket_42(path), folder, shell | {"DTMS_TARGET": target}, status=1)
        assert re.search("(?i)unimplemented", told)
    if language in TIDY:
        _done(TIDY[language], folder, shell)


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


@contextmanager
def _served(folder: Path, shell: dict[str, str]) -> Iterator[None]:
    """The page's service guards, until it is killed at the end of the block."""
    with _begun([SERVING], folder, shell) as service:
        service.expect("guarding", seconds=BUILD_SECONDS)
        yield


@contextmanager
def _another_server() -> Iterator[str]:
    """A server of gRPC that is not DTMS; the value is its address."""
    with ThreadPoolExecutor() as threads:
        server = grpc.server(threads)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def _done(step: Shell, folder: Path, shell: dict[str, str], status: int = 0) -> str:
    """Do a step to its end, which must be of this status, and return its output."""
    with _begun([step], folder, shell) as process:
        assert process.wait() == status, process.output
        return process.output


def _with_ticket_42(path: list[File | Shell]) -> Shell:
    """Return the path's last command, for a position that was never there."""
    last = path[-1]
    assert isinstance(last, Shell)
    return Shell((last.commands[-1].replace(str(TICKET), "42"),), "")
