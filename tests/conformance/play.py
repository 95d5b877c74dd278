"""Plays a scenario in one language, on a scene of its own."""

import json
from pathlib import Path

from conformance.director import Played, deeds, running
from conformance.languages import HERE, Language
from conformance.scene import scene
from conformance.verdict import judge

SCENARIO = HERE / "scenario.json"
RESTARTS = HERE / "restarts.json"


def play(language: Language, scenario: Path, folder: Path) -> Played:
    """Play it with a terminal and a service in the folder; raises BuildFailed."""
    with scene(folder) as set_, running(language, set_.address, scenario) as runner:
        played = runner.direct(deeds(set_))
    judge(played, json.loads(scenario.read_text(encoding="utf-8")))
    return played
