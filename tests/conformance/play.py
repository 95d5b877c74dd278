"""Plays a scenario in one language, on a scene of its own."""

from pathlib import Path

from conformance.director import Played, deeds, running
from conformance.languages import HERE, Language
from conformance.scene import scene

SCENARIO = HERE / "scenario.json"
RESTARTS = HERE / "restarts.json"


def play(language: Language, scenario: Path, folder: Path) -> Played:
    """Play it with a terminal and a service in the folder; raises BuildFailed."""
    with scene(folder) as set_, running(language, set_.address, scenario) as runner:
        return runner.direct(deeds(set_))
