"""The host's options and its command line."""

import pytest
from dtms_server.terminal.options import HostOptions, is_loopback, parse_address
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
OPTIONS = st.builds(
    HostOptions,
    module=st.sampled_from(["simulator", "metatrader5"]),
    listen=st.lists(WORDS, max_size=3).map(tuple),
    pipe=st.none() | WORDS,
    allow_remote=st.booleans(),
    replay=st.none() | WORDS,
    symbol=st.none() | WORDS,
    speed=st.none() | st.floats(0, 1e6),
    seed=st.none() | st.integers(),
    sim_state=st.none() | WORDS,
    server_offset=st.sampled_from(["EET", "+05:30", "-05:00"]),
    min_spread=st.integers(1, 100),
    account=st.sampled_from(["hedging", "netting"]),
    login=st.none() | st.integers(1),
    faults=st.none() | WORDS,
    supervised=st.booleans(),
    ends_with_link=st.booleans(),
    silence=st.floats(0.1, 1000),
)


@given(OPTIONS)
def test_a_command_line_carries_every_option(options: HostOptions) -> None:
    assert HostOptions.parse(options.arguments()) == options


@pytest.mark.parametrize(
    "wrong", [[], ["--module", "other"], ["--module", "simulator", "--spede", "2"]]
)
def test_a_wrong_command_line_ends_with_status_2(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        HostOptions.parse(wrong)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["", "18813", ":18813", "host:", "host:65536", "host:-1", "h:²"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        parse_address(wrong)


def test_an_address_is_host_and_port() -> None:
    assert parse_address("127.0.0.1:18813") == ("127.0.0.1", 18813)


@pytest.mark.parametrize(
    ("host", "within"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.9.9.9", "localhost", "::1")],
        *[(host, False) for host in ("0.0.0.0", "10.0.0.1", "example.org", "")],
    ],
)
def test_only_loopback_stays_within_this_machine(host: str, within: bool) -> None:
    assert is_loopback(host) is within
