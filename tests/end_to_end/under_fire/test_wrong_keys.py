"""A wrong key, and a second server on one terminal: refused in words, and nobody is disturbed."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dtms_server.domain.trade import Direction
from end_to_end.calling import LIVENESS, OK, calling
from end_to_end.under_fire.traffic import LET_GO, NOT_SERVING, SERVING, Traffic, traffic
from processes import QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address, shop

NOT_READY = 3
GUESSED = {"DTMS_TERMINAL_KEY": "guessed"}
REMEDY = "give both the same DTMS_TERMINAL_KEY"


@dataclass(frozen=True)
class Place:
    """A terminal, and calls without pause of the server that has it, which nothing must disturb."""

    town: Shop
    terminal: str
    calls: Traffic


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with shop(tmp_path_factory.mktemp("keys")) as town:
        _, terminal = town.terminal(*QUICK_TERMINAL)
        with town.control(terminal) as hand:
            opened = [hand.open("EURUSD", Direction.BUY, 0.01).ticket for _ in range(LET_GO)]
        server, target = town.serve(terminal, *QUICK_SERVER)
        server.expect("guarding")
        with traffic(target, opened) as calls:
            yield Place(town, terminal, calls)
            calls.await_round()
            calls.end()
        assert {told for _, told in calls.outcomes} == {OK}
        assert "terminal lost" not in server.output


def guessing(town: Shop, terminal: str, *flags: str) -> tuple[Process, str]:
    """Start a server with another key and another database."""
    right = town.environment
    town.environment = right | GUESSED
    try:
        return town.serve(terminal, "--database", "other.db", *flags)
    finally:
        town.environment = right


def test_a_server_with_another_key_ends_in_time_and_names_the_remedy(
    place: Place,
) -> None:
    server, _ = guessing(place.town, place.terminal, "--startup-timeout", "5")
    server.expect(f"error: .*connecting to the terminal.*{REMEDY}")
    assert server.wait() == NOT_READY
    assert "Traceback" not in server.output


def test_a_server_with_another_key_that_may_wait_is_alive_and_not_ready(
    place: Place,
) -> None:
    server, target = guessing(place.town, place.terminal, "--startup-timeout", "0")
    server.expect(f"not usable yet .*{REMEDY}")
    with calling(target) as caller:
        assert caller.readiness() == NOT_SERVING
        assert caller.health(LIVENESS) == SERVING
        assert caller.register(next(iter(place.calls.registered))) == "NOT_READY"
        assert REMEDY in caller.status().not_ready_reason
    assert server.terminate() == 0


@pytest.mark.long
def test_a_terminal_that_comes_back_with_another_key_is_lost_until_it_has_the_right_one(
    town: Shop,
) -> None:
    flags = ("--listen", free_address(), "--sim-state", "world.json", *QUICK_TERMINAL)
    host, terminal = town.terminal(*flags)
    server, target = town.serve(terminal, "--lost-grace", "0", *QUICK_SERVER)
    server.expect("guarding")
    host.kill()
    server.expect("terminal lost")
    right = town.environment
    town.environment = right | GUESSED
    stranger, _ = town.terminal(*flags)
    town.environment = right
    server.expect(f"not usable yet .*{REMEDY}")
    with calling(target) as caller:
        assert caller.readiness() == NOT_SERVING
        assert caller.health(LIVENESS) == SERVING
    stranger.kill()
    town.terminal(*flags)
    server.expect("guarding", count=2)
    with calling(target) as caller:
        assert caller.readiness() == SERVING


def test_a_second_server_on_a_terminal_is_refused_and_told_why(
    place: Place,
) -> None:
    ended = place.town.run(
        *("serve", "--terminal", place.terminal, "--listen", "127.0.0.1:0"),
        *("--database", "second.db", "--startup-timeout", "5"),
    )
    assert ended.returncode == NOT_READY, ended.stderr
    assert "another server is using this terminal: stop it first" in ended.stderr


@pytest.mark.long
def test_a_second_server_that_may_wait_takes_over_when_the_first_has_died(
    town: Shop,
) -> None:
    _, terminal = town.terminal(*QUICK_TERMINAL)
    first, _ = town.serve(terminal, *QUICK_SERVER)
    first.expect("guarding")
    second, target = town.serve(
        terminal, "--database", "second.db", "--startup-timeout", "0", *QUICK_SERVER
    )
    second.expect("not usable yet .*another server is using this terminal")
    first.kill()
    second.expect("guarding")
    with calling(target) as caller:
        assert caller.readiness() == SERVING
