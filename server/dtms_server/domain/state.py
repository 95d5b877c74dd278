"""The trade's state machine: the whole of it is the two tables below."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from dtms_server.domain.scoring import Band
from dtms_server.domain.trade import GUARDED, State

HEALTHY: Final = State.HEALTHY
L1: Final = State.WARNING_L1
L2: Final = State.WARNING_L2
HEDGED: Final = State.HEDGED
RECOVERING: Final = State.RECOVERING
CLOSED: Final = State.CLOSED
RELEASED: Final = State.RELEASED

WANT_HEDGE: Final = "WANT_HEDGE"
"""A wish, not a state: the trade becomes WARNING_L2 and gets a hedge, if it can have one."""
Judgement = State | Literal["WANT_HEDGE"]


class Fact(StrEnum):
    """What the terminal, or a caller, makes true; RECOVERED is a score's doing."""

    HEDGE_OPENED = "HEDGE_OPENED"
    HEDGE_GONE = "HEDGE_GONE"
    RECOVERED = "RECOVERED"
    POSITION_GONE = "POSITION_GONE"
    RELEASED = "RELEASED"
    REARMED = "REARMED"


ON_SCORE: Final[Mapping[State, tuple[Judgement, ...]]] = MappingProxyType(
    {
        # STEADY, SOFT, WEAK, FAILING, CRITICAL
        HEALTHY: (HEALTHY, HEALTHY, L1, L2, WANT_HEDGE),
        L1: (HEALTHY, L1, L1, L2, WANT_HEDGE),
        L2: (L1, L1, L2, L2, WANT_HEDGE),
    }
)
ON_FACT: Final[Mapping[tuple[State, Fact], State]] = MappingProxyType(
    {
        (L2, Fact.HEDGE_OPENED): HEDGED,
        (HEDGED, Fact.HEDGE_GONE): RECOVERING,
        (RECOVERING, Fact.RECOVERED): HEALTHY,
        (RELEASED, Fact.REARMED): HEALTHY,
    }
    | {(state, Fact.POSITION_GONE): CLOSED for state in GUARDED}
    | {(state, Fact.RELEASED): RELEASED for state in GUARDED}
)
BANDS: Final = tuple(Band)
SEVERITY: Final = (HEALTHY, L1, L2)
"""The judged states, the mildest first."""


def on_score(state: State, band: Band) -> Judgement:
    """Return what a score makes of a state; one that is no judgement stays."""
    row = ON_SCORE.get(state)
    return state if row is None else row[BANDS.index(band)]


def on_fact(state: State, fact: Fact) -> State:
    """Return what a fact makes of a state; one that it does not concern stays."""
    return ON_FACT.get((state, fact), state)


def is_worse(after: State, before: State) -> bool:
    """Does a judged state lie further down than another?"""
    return SEVERITY.index(after) > SEVERITY.index(before)


def arrows() -> Mapping[tuple[State, State], tuple[str, ...]]:
    """Return every way from a state to another, with the bands and facts that lead there."""
    found: dict[tuple[State, State], list[str]] = {}
    for before in State:
        for band, judged in zip(BANDS, ON_SCORE.get(before, ()), strict=False):
            after = L2 if judged == WANT_HEDGE else State(judged)
            if after is not before:
                found.setdefault((before, after), []).append(band)
        for fact in Fact:
            if (before, fact) in ON_FACT:
                found.setdefault((before, ON_FACT[before, fact]), []).append(fact)
    return {ends: tuple(labels) for ends, labels in found.items()}


def diagram() -> str:
    """Return both tables as a diagram in Mermaid's words; the README shows it."""
    ways = arrows()
    lines = [f"    {a} --> {b}: {', '.join(labels)}" for (a, b), labels in ways.items()]
    left = {before for before, _ in ways}
    ends = [f"    {state} --> [*]" for state in State if state not in left]
    return "\n".join(["stateDiagram-v2", "    [*] --> HEALTHY: registered", *lines, *ends])
