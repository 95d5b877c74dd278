"""All runners agree on what is like what, and on what is no step."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conformance import languages
from conformance.director import Played, deeds, running
from conformance.languages import HERE, PYTHON, Language
from conformance.scene import Scene, scene
from conformance.verdict import count
from outside import require

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
Case = Mapping[str, Any]


@pytest.mark.parametrize("language", languages.ALL, ids=lambda language: language.name)
def test_on_what_a_service_says_that_waits_for_its_terminal(
    language: Language, tmp_path: Path
) -> None:
    require(language.name, language.lacks)
    with _scene([], tmp_path) as waiting:
        _all_as_told(language, waiting, _read("agreement.json"), tmp_path)


@pytest.mark.parametrize("language", languages.ALL, ids=lambda language: language.name)
def test_on_the_numbers_of_a_trade(language: Language, tmp_path: Path) -> None:
    require(language.name, language.lacks)
    told = _read("numbers.json")
    with _scene(told["steps"], tmp_path) as guarding:
        _all_as_told(language, guarding, told["cases"], tmp_path)


def _read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@contextmanager
def _scene(steps: Sequence[Any], folder: Path) -> Iterator[Scene]:
    """Set a scene, and play what comes before the cases."""
    with scene(folder) as set_:
        assert _played(PYTHON, set_, steps, folder).status == 0
        yield set_


def _all_as_told(language: Language, on: Scene, cases: Sequence[Case], folder: Path) -> None:
    right = [case["step"] for case in cases if case["passes"]]
    played = _played(language, on, right, folder)
    assert (played.status, played.steps) == (0, count(right)), played.account
    for case in cases:
        if not case["passes"]:
            played = _played(language, on, [case["step"]], folder)
            assert (played.status, played.steps) == (1, 0), case["say"]
            assert played.why, f"{case['say']}: nothing was said"


def _played(language: Language, on: Scene, steps: Sequence[Any], folder: Path) -> Played:
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps({"steps": steps}), encoding="utf-8")
    with running(language, on.address, scenario) as runner:
        return runner.direct(deeds(on))
