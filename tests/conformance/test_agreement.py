"""All runners agree on what is like what, and on what is no step: the cases of agreement.json."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conformance import languages
from conformance.director import Played, deeds, running
from conformance.languages import HERE, Language
from conformance.scene import Scene, scene
from outside import missing

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
CASES: list[Mapping[str, Any]] = json.loads((HERE / "agreement.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A service that waits for its terminal: the cases need no more."""
    with scene(tmp_path_factory.mktemp("scene")) as set_:
        yield set_


@pytest.mark.parametrize("language", languages.ALL, ids=lambda language: language.name)
def test_runners_agree(language: Language, waiting: Scene, tmp_path: Path) -> None:
    if language.lacks:
        missing(f"{language.name} needs {', '.join(language.lacks)}")
    right = [case["step"] for case in CASES if case["passes"]]
    played = _played(language, waiting, right, tmp_path)
    assert (played.passed, played.steps) == (True, len(right)), played.account
    for case in CASES:
        if not case["passes"]:
            played = _played(language, waiting, [case["step"]], tmp_path)
            assert (played.status, played.steps) == (1, 0), case["say"]
            assert played.why, f"{case['say']}: nothing was said"


def _played(language: Language, waiting: Scene, steps: list[Any], folder: Path) -> Played:
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps({"steps": steps}), encoding="utf-8")
    with running(language, waiting.address, scenario) as runner:
        return runner.direct(deeds(waiting))
