"""A scenario that tells something wrong on purpose fails, in every language, and says where."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conformance import languages
from conformance.languages import Language
from conformance.play import SCENARIO, play
from outside import require

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong: the first step of a kind that has something at this path expects this there
    instead. `says`: what must be told of it."""

    kind: str
    path: str
    value: object
    says: str = ""


WRONG: Mapping[str, Wrong] = {
    "another value in an answer": Wrong("call", "answer.trade.volume", 0.3),
    "the ticket that a double would make of it": Wrong("call", "answer.trade.ticket", str(2**53)),
    "nothing, where there is something": Wrong("call", "answer.trade.symbol", None),
    "something, where there is nothing": Wrong("call", "answer.trade.stopLoss", "*"),
    "one trade too many in a list": Wrong("call", "answer.trades", [{}, {}]),
    "a refusal where there is an answer": Wrong("call", "error.code", "OK"),
    "another reason": Wrong("call", "error.reason", "TICKET_CONFLICT"),
    "no reason, where there is one": Wrong("call", "error.reason", ""),
    "another value of the metadata": Wrong("call", "error.metadata.ticket", "1"),
    "metadata that is not there": Wrong("call", "error.metadata", {"price": "*"}),
    "a violation that is left out": Wrong("call", "error.violations", ["ticket", "symbol"]),
    "no time to come back": Wrong("call", "error.retry", False),
    "a deadline that would not pass": Wrong("call", "deadline_seconds", 9.0),
    "another reason of a stream": Wrong("stream", "error.reason", "TERMINAL_LOST"),
    "another event of a stream": Wrong(
        "stream", "events.0.type", "MONITOR_EVENT_TYPE_TRADE_ADOPTED"
    ),
    "another sequence of a stream": Wrong("stream", "events.1.sequence", "1"),
    "another health": Wrong("health", "status", "UNKNOWN"),
    "another event of a follower": Wrong("await", "events.0.ticket", "1"),
    "a follower that is refused": Wrong(
        "follow", "request.resumeToken", "nonsense", "resume token is malformed"
    ),
}


def _broken(wrong: Wrong) -> tuple[list[Step], int]:
    """Return the scenario up to where it must fail, and how many steps come before that: the step
    that is wrong, or where a follower is, the first that awaits it."""
    steps: list[Step] = copy.deepcopy(json.loads(SCENARIO.read_text(encoding="utf-8"))["steps"])
    place = next(
        place for place, step in enumerate(steps) if wrong.kind in step and _has(step, wrong.path)
    )
    _set(steps[place], wrong.path, wrong.value)
    steps[place].pop("retry", None)  # it would be tried for a minute
    name = steps[place].get("follow")
    if name is not None:
        place = next(at for at, step in enumerate(steps) if step.get("await") == name)
    return steps[: place + 1], place


def _has(step: Step, path: str) -> bool:
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


@pytest.mark.parametrize("language", languages.ALL, ids=lambda language: language.name)
def test_what_is_wrong_on_purpose_fails_and_is_named(language: Language, tmp_path: Path) -> None:
    require(language.name, language.lacks)
    for number, (what, wrong) in enumerate(WRONG.items()):
        steps, before = _broken(wrong)
        folder = tmp_path / str(number)
        folder.mkdir()
        scenario = folder / "broken.json"
        scenario.write_text(json.dumps({"steps": steps}), encoding="utf-8")
        played = play(language, scenario, folder)
        assert played.status == 1, f"{what}: {played.account}"
        assert played.steps == before, f"{what}: {played.account}"
        assert played.why, f"{what}: nothing was said"
        assert wrong.says in played.why, what
