"""The link to a terminal goes bad: calls go by the table, and all comes back by itself."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dtms_server.domain.trade import Direction
from end_to_end.calling import OK
from end_to_end.under_fire.liar import LIES, Liar, Lie, Tell, of_the_greatest_length
from end_to_end.under_fire.relay import Relay, Strike, Then, To
from end_to_end.under_fire.traffic import NOT_SERVING, SERVING, Traffic, traffic
from processes import NEVER_JUDGED, QUICK_SERVER, QUICK_TERMINAL, TERMINAL_KEY, shop

POSITIONS = 20
LOST = "UNAVAILABLE TERMINAL_LOST"


@dataclass(frozen=True)
class Place:
    """A server on one end of a relay, behind it who may lie, and behind that the terminal."""

    relay: Relay
    liar: Liar
    target: str
    tickets: tuple[int, ...]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with shop(tmp_path_factory.mktemp("links")) as town:
        (town.folder / "dtms.toml").write_text(NEVER_JUDGED)
        _, terminal = town.terminal(*QUICK_TERMINAL)
        with (
            town.control(terminal) as hand,
            Liar(terminal, TERMINAL_KEY) as liar,
            Relay(liar.address) as relay,
        ):
            opened = [hand.open("EURUSD", Direction.BUY, 0.01) for _ in range(POSITIONS)]
            server, target = town.serve(relay.address, "--lost-grace", "0", *QUICK_SERVER)
            server.expect("guarding")
            yield Place(relay, liar, target, tuple(position.ticket for position in opened))
            assert "Traceback" not in server.output
            assert server.terminate() == 0


@pytest.fixture
def calls(place: Place) -> Iterator[Traffic]:
    """Calls without pause; all is well at their begin, and must be at their end."""
    with traffic(place.target, place.tickets) as running:
        running.await_round()
        yield running
        running.await_outcome("RegisterTrade", OK)
        running.await_round()
        running.end()


def losses(calls: Traffic) -> tuple[int, int]:
    """Return how often the terminal was told to be lost, and to be connected."""
    return calls.follower.count("TERMINAL_LOST"), calls.follower.count("TERMINAL_CONNECTED")


def await_back(calls: Traffic, before: tuple[int, int]) -> None:
    """Wait for one loss and the return from it; readiness has told both and nothing else."""
    lost, connected = before
    calls.follower.await_count("TERMINAL_LOST", lost + 1)
    calls.follower.await_count("TERMINAL_CONNECTED", connected + 1)
    calls.readiness.await_told(SERVING, NOT_SERVING, SERVING)


def test_a_mute_link_is_a_loss_until_it_speaks_again(place: Place, calls: Traffic) -> None:
    before = losses(calls)
    place.relay.hold()
    calls.follower.await_count("TERMINAL_LOST", before[0] + 1)
    calls.await_outcome("RegisterTrade", LOST)
    calls.await_round()
    place.relay.flow()  # and what was asked before is answered now, to nobody
    await_back(calls, before)


BREAKS = [(1, Then.IS_CUT), (60, Then.IS_CUT)]
MORE_BREAKS = [(4, Then.IS_CUT), (5, Then.IS_CUT), (1, Then.STANDS_STILL), (5, Then.STANDS_STILL)]


@pytest.mark.parametrize(
    ("length", "then"),
    [*BREAKS, *(pytest.param(*each, marks=pytest.mark.long) for each in MORE_BREAKS)],
)
def test_an_answer_that_breaks_off_is_none(
    place: Place, calls: Traffic, length: int, then: Then
) -> None:
    before = losses(calls)
    place.relay.strike(Strike(To.SERVER, lambda answer: answer[:length], then))
    await_back(calls, before)


@pytest.mark.parametrize("to", [To.SERVER, To.HOST])
def test_noise_is_no_answer_and_no_question(
    place: Place, calls: Traffic, dice: random.Random, to: To
) -> None:
    before = losses(calls)
    place.relay.strike(Strike(to, lambda told: dice.randbytes(len(told)), Then.GOES_ON))
    await_back(calls, before)


def test_a_link_that_is_too_slow_is_a_loss_until_it_is_quicker(
    place: Place, calls: Traffic
) -> None:
    before = losses(calls)
    place.relay.bytes_a_second = 50
    calls.follower.await_count("TERMINAL_LOST", before[0] + 1)
    calls.await_outcome("RegisterTrade", LOST)
    calls.await_round()
    place.relay.bytes_a_second = 0
    await_back(calls, before)


def test_a_slow_link_that_is_quick_enough_is_no_loss(place: Place, calls: Traffic) -> None:
    before = losses(calls)
    place.relay.bytes_a_second = 40_000
    for _ in range(3):
        calls.await_outcome("RegisterTrade", OK)
        calls.await_round()
    place.relay.bytes_a_second = 0
    assert losses(calls) == before
    assert calls.readiness.told == [SERVING]


@pytest.mark.parametrize(
    "tell", [*LIES, pytest.param(of_the_greatest_length, marks=pytest.mark.long)]
)
def test_an_answer_that_is_none_is_not_believed(place: Place, calls: Traffic, tell: Tell) -> None:
    before = losses(calls)
    place.liar.lie(Lie(tell))
    await_back(calls, before)
