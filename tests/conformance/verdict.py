"""What the director demands beside a runner's own word: all steps, and nothing missed or twice."""

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.director import Played

EACH = "each"


def judge(played: Played, scenario: Mapping[str, Any]) -> None:
    """Note as `why` what is wrong with a course that its runner found good."""
    if played.status != 0 or played.why:
        return
    wanted = count(scenario["steps"])
    if played.steps != wanted:
        played.why = f"it played {played.steps} steps of {wanted}"
    for name, told in scenario.get("told", {}).items():
        played.why = played.why or _misheard(name, told, played.told.get(name, []))


def count(steps: Sequence[Mapping[str, Any]]) -> int:
    """Return how many steps are played, with those of repeats."""
    return sum(step["repeat"] * count(step["steps"]) if "repeat" in step else 1 for step in steps)


def _misheard(name: str, told: str | int, sequences: list[int]) -> str:
    """Return how what a follower was told differs from what it should have been; "" if not."""
    if sequences != sorted(set(sequences)):
        return f"{name} was told events twice, or out of order: {sequences}"
    if told == EACH and sequences != list(range(1, len(sequences) + 1)):
        return f"{name} has missed events: {sequences}"
    if told != EACH and len(sequences) != told:
        return f"{name} was told {len(sequences)} events, not {told}: {sequences}"
    return "" if sequences else f"{name} was told nothing"
