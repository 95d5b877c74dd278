"""A scenario that tells something wrong on purpose fails, in every language, and says where."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from conformance import languages
from conformance.languages import Language
from conformance.play import SCENARIO, play
from outside import missing

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
Step = dict[str, Any]


def _steps() -> list[Step]:
    steps: list[Step] = json.loads(SCENARIO.read_text(encoding="utf-8"))["steps"]
    return steps


def _expects(step: Step, path: str) -> bool:
    """Is there anything, be it null, at this path of a step?"""
    found: Any = step
    for part in path.split("."):
        match found:
            case dict() if part in found:
                found = found[part]
            case list() if int(part) < len(found):
                found = found[int(part)]
            case _:
                return False
    return True


def _set(step: Step, path: str, value: object) -> None:
    *way, last = path.split(".")
    found: Any = step
    for part in way:
        found = found[int(part)] if isinstance(found, list) else found[part]
    found[last] = value


WRONG = {
    "another value in an answer": ("answer.trade.volume", 0.3),
    "a ticket that is off by one, as one that went through a double would be": (
        "answer.trade.ticket",
        str(2**53 + 2),
    ),
    "a field that is not there": ("answer.trade.stopLoss", "*"),
    "one trade too many in a list": ("answer.trades", [{}, {}]),
    "a refusal where there is an answer": ("error.code", "OK"),
    "another reason": ("error.reason", "TICKET_CONFLICT"),
    "a deadline that would not pass": ("deadline_seconds", 9.0),
    "other metadata": ("error.metadata", {"ticket": "1"}),
    "a violation that is left out": ("error.violations", ["ticket", "symbol", "direction"]),
    "no time to come back": ("error.retry", False),
    "another event": ("events.0.type", "MONITOR_EVENT_TYPE_TRADE_RELEASED"),
    "another health": ("status", "UNKNOWN"),
}
"""What is wrong: the first step that expects something at this path expects this instead."""


def _broken(path: str, value: object) -> tuple[list[Step], int]:
    """Return the scenario up to a step that is wrong, and how many steps come before that."""
    steps = copy.deepcopy(_steps())
    place = next(place for place, step in enumerate(steps) if _expects(step, path))
    _set(steps[place], path, value)
    steps[place].pop("retry", None)  # it would be tried for a minute
    return steps[: place + 1], place


@pytest.mark.parametrize("language", languages.ALL, ids=lambda language: language.name)
def test_what_is_wrong_on_purpose_fails_and_is_named(language: Language, tmp_path: Path) -> None:
    if language.lacks:
        missing(f"{language.name} needs {', '.join(language.lacks)}")
    for number, (what, (path, value)) in enumerate(WRONG.items()):
        steps, before = _broken(path, value)
        folder = tmp_path / str(number)
        folder.mkdir()
        scenario = folder / "broken.json"
        scenario.write_text(json.dumps({"steps": steps}), encoding="utf-8")
        played = play(language, scenario, folder)
        assert not played.passed, what
        assert played.status == 1, f"{what}: {played.account}"
        assert played.steps == before, f"{what}: {played.account}"
        assert played.why, f"{what}: nothing was said"
