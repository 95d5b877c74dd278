"""Growth is judged of one process, from minute 10 to the end, and only where there was time."""

from dataclasses import replace

import pytest
from soak.gauges import Sample, growths
from soak.measures import Weight, share

MIB = 1024 * 1024


def _sample(minute: float, rss: int = 100 * MIB, descriptors: int = 20, pid: int = 7) -> Sample:
    server = Weight(pid, rss, descriptors, threads=14)
    return Sample(minute, server, None, None, None, 0, 0, 0, 0, 0, 0, 0)


STEADY = [_sample(minute / 5) for minute in range(1, 151)]


def _ended(**late: int) -> list[Sample]:
    return [s if s.minute < 29 else _sample(s.minute, **late) for s in STEADY]


def test_what_stays_as_it_is_is_kept() -> None:
    assert [growth.share for growth in growths(STEADY)] == [0.0, 0.0]
    assert not any(growth.is_too_much for growth in growths(_ended(rss=105 * MIB, descriptors=21)))


@pytest.mark.parametrize("late", [{"rss": 106 * MIB}, {"descriptors": 22}], ids=["memory", "fds"])
def test_more_than_5_percent_is_too_much(late: dict[str, int]) -> None:
    assert sum(growth.is_too_much for growth in growths(_ended(**late))) == 1


def test_one_high_sample_is_not_growth() -> None:
    *others, last = STEADY
    assert last.server is not None
    high = replace(last, server=replace(last.server, rss_bytes=200 * MIB))
    assert not any(growth.is_too_much for growth in growths([*others, high]))


def test_another_process_is_not_compared() -> None:
    assert growths(_ended(pid=8)) == []


def test_a_short_soak_is_not_judged() -> None:
    assert growths([s for s in STEADY if s.minute < 14]) == []


def test_a_share_of_values_lies_under_the_figure() -> None:
    assert share([float(n) for n in range(1000)], 0.99) == 990.0
    assert share([3.0], 0.99) == 3.0
    assert share([], 0.5) == 0.0
