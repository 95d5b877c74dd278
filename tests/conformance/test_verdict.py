"""What the director finds wrong in a course that its runner calls good."""

import sys
from pathlib import Path

import pytest
from conformance.director import Played
from conformance.languages import Language
from conformance.play import play
from conformance.verdict import judge

SCENARIO = {
    "steps": [{"call": "GetStatus"}, {"repeat": 2, "steps": [{"await": "all"}]}, {"end": "all"}],
    "told": {"all": "each", "some": 2},
}


def course(steps: int, every: list[int], some: list[int]) -> Played:
    return Played("any", steps=steps, status=0, told={"all": every, "some": some})


def test_a_whole_course_passes() -> None:
    played = course(4, [1, 2, 3], [2, 3])
    judge(played, SCENARIO)
    assert played.passed


@pytest.mark.parametrize(
    ("steps", "every", "some", "why"),
    [
        (3, [1, 2, 3], [2, 3], "played 3 steps of 4"),
        (4, [1, 3], [2, 3], "all has missed"),
        (4, [1, 2, 2, 3], [2, 3], "all was told events twice"),
        (4, [2, 1], [2, 3], "all was told events twice, or out of order"),
        (4, [], [2, 3], "all was told nothing"),
        (4, [1, 2], [2], "some was told 1 events, not 2"),
        (4, [1, 2], [2, 3, 4], "some was told 3 events, not 2"),
    ],
)
def test_a_course_with_a_hole_does_not(
    steps: int, every: list[int], some: list[int], why: str
) -> None:
    played = course(steps, every, some)
    judge(played, SCENARIO)
    assert why in played.why
    assert not played.passed


def test_a_runner_that_babbles_is_ended(tmp_path: Path) -> None:
    babbler = Language("python", (), (), (sys.executable, "-c", "print('hello'); input()"))
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"steps": []}', encoding="utf-8")
    played = play(babbler, scenario, tmp_path)
    assert not played.passed
    assert "it wrote 'hello" in played.why
