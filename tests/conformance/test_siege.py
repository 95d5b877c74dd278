"""Twenty kills of the service under clients in all languages at once."""

import random
import sys

import pytest
from conformance import languages
from conformance.siege import Outcome, besiege
from outside import require

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted as Linux does"),
]
KILLS = 20
SETTLED = 5
"""By then a client has opened all that it needs."""
SLACK = 2
"""Descriptors that a runtime may open by itself: a class file, a timer."""


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All clients that this machine can build, and what came of them."""
    for language in languages.ALL:
        require(language.name, language.lacks)
    seed = random.getrandbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown where it fails
    outcome = besiege(list(languages.ALL), tmp_path_factory.mktemp("siege"), random.Random(seed))
    assert [each.account for each in outcome.played if not each.passed] == []
    return outcome


def test_each_client_outlives_every_kill(siege: Outcome) -> None:
    assert len(siege.calling) == KILLS
    assert len(siege.played) == len(languages.ALL)


def test_the_kills_strike_amid_calls(siege: Outcome) -> None:
    assert sum(map(bool, siege.calling)) > KILLS // 2, siege.calling


def test_no_client_sees_a_gap_or_a_repeat(siege: Outcome) -> None:
    for played in siege.played:
        sequences = played.told["all"]
        assert sequences == list(range(1, len(sequences) + 1)), played.language
        assert len(sequences) > KILLS * len(languages.ALL), played.language


def test_no_client_leaks_a_connection(siege: Outcome) -> None:
    for client in siege.clients:
        language, seen = client.runner.played.language, client.descriptors
        assert client.connections == [1] * KILLS, language
        assert max(seen[SETTLED:]) <= seen[SETTLED] + SLACK, f"{language}: {seen}"
