"""Calls are counted by what they came to, and a status that no table has is noticed."""

import pytest
from dtms_client.errors import DeadlineExceeded, DtmsError, Internal, TerminalLost, Unavailable
from grpc import StatusCode
from soak.tally import Tally

FORESEEN = [
    TerminalLost(StatusCode.UNAVAILABLE, "gone", "TERMINAL_LOST"),
    Unavailable(StatusCode.UNAVAILABLE, "failed to connect"),
    DeadlineExceeded(StatusCode.DEADLINE_EXCEEDED, "too late"),
]
UNFORESEEN = [
    Internal(StatusCode.INTERNAL, "a fault", "INTERNAL"),
    Internal(StatusCode.INTERNAL, "received RST_STREAM"),
    DtmsError(StatusCode.UNKNOWN, "?"),
    Unavailable(StatusCode.UNAVAILABLE, "?", "NO_SUCH_REASON"),
    DtmsError(StatusCode.NOT_FOUND, "?", "TERMINAL_LOST"),
]


def test_what_the_table_has_is_foreseen() -> None:
    tally = Tally()
    tally.answered()
    for error in FORESEEN:
        tally.failed(error)
    assert not tally.unforeseen
    assert tally.by_status == {
        "OK": 1,
        "UNAVAILABLE TERMINAL_LOST": 1,
        "UNAVAILABLE": 1,
        "DEADLINE_EXCEEDED": 1,
    }


@pytest.mark.parametrize("error", UNFORESEEN, ids=str)
def test_what_it_has_not_is_told(error: DtmsError) -> None:
    tally = Tally()
    tally.failed(error)
    assert list(tally.unforeseen.values()) == [1]
