"""Markets whose first cycle brings an order of each kind, and faults that strike it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest
from dtms_server.domain.actions import Verb, Verdict
from dtms_server.domain.events import ActionFailed
from dtms_server.terminal.retcodes import TABLE
from dtms_server.terminal.simulator import control
from scripts import CRASHED, SAGGING, SINKING, Script
from stages import Stage
from stepping import Steps
from witness import Sent


@dataclass(frozen=True, slots=True)
class Scene:
    """A market whose first cycle brings an action, and the verb of its order."""

    script: Script
    action: str
    verb: Verb
    fault: str
    """The simulator's word for such orders."""

    def __str__(self) -> str:
        return self.action


OPENING = Scene(CRASHED, "OPEN_HEDGE", Verb.OPEN, "open")
CLOSING = Scene(SINKING, "CLOSE_HALF", Verb.CLOSE, "close")
MOVING = Scene(SAGGING, "TIGHTEN_STOP", Verb.PROTECT, "stops")
SCENES = (OPENING, CLOSING, MOVING)
on_every_kind_of_order = pytest.mark.parametrize("scene", SCENES, ids=str)


def codes(*verdicts: Verdict) -> list[int]:
    """Return the retcodes that mean one of these."""
    return [code for code, _, verdict in TABLE if verdict in verdicts]


def in_turn(*verdicts: Verdict, scenes: Sequence[Scene] = SCENES) -> pytest.MarkDecorator:
    """Take every retcode that means one of these, and a kind of order for each in turn."""
    cases = list(zip(codes(*verdicts), cycle(scenes), strict=False))
    return pytest.mark.parametrize(("code", "scene"), cases, ids=str)


def sent(stage: Stage, scene: Scene) -> list[Sent]:
    """Return the scene's orders so far."""
    return [each for each in stage.sent if each.order.verb is scene.verb]


def retcodes(stage: Stage, scene: Scene) -> list[int | None]:
    """Return what the scene's orders were answered, in turn."""
    return [each.answer.retcode for each in sent(stage, scene) if each.answer is not None]


def strike(scene: Scene, name: str, **parameters: Any) -> None:
    """Let a fault strike the scene's next order."""
    control.inject(name, order=scene.fault, **parameters)


async def failures(house: Steps, ticket: int) -> int:
    """Count what was told to have failed."""
    return sum(isinstance(event, ActionFailed) for event in await house.told(ticket))
