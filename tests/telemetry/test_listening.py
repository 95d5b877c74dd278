"""`dtms serve` and its pages: where they are, who may read them, and until when."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from dtms_server import config, parts
from dtms_server.domain.errors import ConfigurationInvalid
from processes import PATIENCE_SECONDS, QUICK_SERVER, Shop, free_address, shop

UNUSABLE = 2
ANY = ("--http-listen", "127.0.0.1:0")
DEFAULT = config.Settings.model_fields["http_listen"].default
SIMULATED = ("--terminal", "simulator", "--listen", "127.0.0.1:0", "--sim-listen", "0")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as opened:
        yield opened


def status(address: str, path: str = "/health") -> int:
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=PATIENCE_SECONDS)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def refusal(town: Shop, *flags: str) -> str:
    """Return why a server with these flags does not start; it has touched nothing."""
    ended = town.run("serve", *SIMULATED, *flags)
    assert ended.returncode == UNUSABLE, ended.stderr
    assert "listening" not in ended.stdout
    assert "guarding" not in ended.stderr
    (line,) = ended.stderr.splitlines()
    return line


@contextmanager
def default_taken() -> Iterator[None]:
    """The default address is in use: by this, or by whoever has it; tests beside this one share it,
    lest the one that has it lets it go for all."""
    host, _, port = DEFAULT.rpartition(":")
    shared = hasattr(socket, "SO_REUSEPORT")
    with ExitStack() as taken:
        with suppress(OSError):
            taken.enter_context(socket.create_server((host, int(port)), reuse_port=shared))
        yield


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot send SIGTERM on Windows")
def test_they_are_there_from_before_the_terminal_to_after_the_drain(town: Shop) -> None:
    terminal = free_address()
    drain = ("--startup-timeout", "0", "--drain-delay", "6")  # a full machine asks late
    server, _ = town.serve(terminal, *ANY, *drain, *QUICK_SERVER)
    http = server.expect(r"^http (\S+)$")[1]
    assert status(http) == 503
    assert status(http, "/live") == 200
    assert status(http, "/metrics") == 200
    town.terminal("--listen", terminal)
    server.expect("guarding")
    assert status(http) == 200
    server.signal(signal.SIGTERM)
    server.expect("draining")
    assert status(http) == 503
    assert status(http, "/live") == 200
    assert server.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        status(http)


def test_a_port_in_use_is_named_with_the_remedy_before_anything_is_guarded(town: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        line = refusal(town, "--http-listen", address)
    assert address in line
    assert "--http-listen" in line
    assert list(town.folder.glob("*.db*")) == []


def test_a_default_port_in_use_keeps_nobody_from_guarding(town: Shop) -> None:
    del town.environment["DTMS_HTTP_LISTEN"]
    with default_taken():
        server = town.start("serve", *SIMULATED)
        server.expect(f"no pages .*{DEFAULT}.*--http-listen")
        server.expect("guarding")
    assert "http " not in server.output


@pytest.mark.parametrize("how", ["environment", "file"])
def test_the_default_port_is_asked_for_where_it_is_named(town: Shop, how: str) -> None:
    del town.environment["DTMS_HTTP_LISTEN"]
    if how == "environment":
        town.environment["DTMS_HTTP_LISTEN"] = DEFAULT
    else:
        (town.folder / "dtms.toml").write_text(f'http_listen = "{DEFAULT}"')
    with default_taken():
        assert DEFAULT in refusal(town)


def test_beyond_loopback_they_want_a_word_of_their_own(town: Shop) -> None:
    line = refusal(town, "--http-listen", "0.0.0.0:0", "--insecure")
    assert "0.0.0.0:0" in line
    assert "--http-remote" in line
    assert list(town.folder.glob("*.db*")) == []


@pytest.mark.parametrize("address", ["[::]:1", "192.168.0.1:1", "example.com:1", "[fe80::1]:1"])
def test_all_that_is_not_loopback_is_beyond_it(address: str) -> None:
    settings = config.load(terminal="simulator", http_listen=address, insecure=True)
    with pytest.raises(ConfigurationInvalid, match="--http-remote"):
        parts.http_address(settings)
    assert parts.http_address(settings.model_copy(update={"http_remote": True})) == address


@pytest.mark.parametrize("address", ["18880", "here", "127.0.0.1:65536", ":18880", ""])
def test_an_address_has_a_host_and_a_port(address: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="--http-listen"):
        config.load(terminal="simulator", http_listen=address)


def test_0_is_none(town: Shop) -> None:
    server, _ = town.serve("simulator", "--http-listen", "0")
    server.expect("guarding")
    assert "http " not in server.output
