"""The market's week: a soak knows when it is closed, and when it opens again."""

from datetime import UTC, datetime, timedelta

import pytest
from soak.week import is_open, until_open


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2025, 1, 10, 21, 59, tzinfo=UTC), True),  # Friday 23:59 of the broker
        (datetime(2025, 1, 10, 22, 1, tzinfo=UTC), False),
        (datetime(2025, 1, 12, 21, 59, tzinfo=UTC), False),
        (datetime(2025, 1, 12, 22, 1, tzinfo=UTC), True),
    ],
)
def test_it_rests_on_weekends_of_the_broker(at: datetime, expected: bool) -> None:
    assert is_open(at) is expected


@pytest.mark.parametrize("hours", [0.1, 12.0, 30.0, 47.9])
def test_a_leap_ends_on_monday(hours: float) -> None:
    at = datetime(2025, 1, 10, 22, tzinfo=UTC) + timedelta(hours=hours)
    assert at + timedelta(seconds=until_open(at)) == datetime(2025, 1, 12, 22, 5, tzinfo=UTC)
