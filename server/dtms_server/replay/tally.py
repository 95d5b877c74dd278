"""What a replay counts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.events import (
    ActionBlocked,
    ActionDone,
    ActionFailed,
    StateChanged,
    TradeClosed,
    TradeEvent,
    TradeRegistered,
)
from dtms_server.domain.policy.scoring import PointsPolicy
from dtms_server.domain.rails import Rail
from dtms_server.domain.scoring import Score
from dtms_server.domain.signals import possible
from dtms_server.domain.state import arrows
from dtms_server.domain.trade import State, Trade


def _fresh(names: Iterable[Any]) -> Counter[Any]:
    return Counter(dict.fromkeys(names, 0))


@dataclass(slots=True)
class Tally:
    """`signals` counts the points that each part of a score gave, by its name, to either side at
    each closed bar; `states` how often each state was entered, `transitions` from which to which;
    `actions` those that were done, `not_done` those that came to nothing, and `blocked` those held
    back, by the rail. What may be and never was counts 0."""

    signals: dict[str, Counter[float]]
    states: Counter[State] = field(default_factory=lambda: _fresh(State))
    transitions: Counter[tuple[State, State]] = field(default_factory=lambda: _fresh(arrows()))
    actions: Counter[ActionKind] = field(default_factory=lambda: _fresh(ActionKind))
    not_done: Counter[ActionKind] = field(default_factory=Counter)
    blocked: Counter[Rail] = field(default_factory=Counter)

    @classmethod
    def of(cls, points: PointsPolicy) -> Self:
        """Begin to count under a policy."""
        return cls({name: _fresh(values) for name, values in possible(points).items()})

    def score(self, score: Score) -> None:
        """Count what each part gave."""
        for name, points in score.parts.items():
            self.signals[name][points] += 1

    def event(self, before: Trade | None, event: TradeEvent) -> None:
        """Count what is told of a trade; `before` is the trade until then."""
        match event:
            case TradeRegistered(trade=trade):
                self.states[trade.state] += 1
            case StateChanged(before=left, after=entered):
                self._moved(left, entered)
            case TradeClosed():
                assert before is not None, "a trade closes that was not there"
                self._moved(before.state, State.CLOSED)
            case ActionDone(action=action):
                self.actions[action.kind] += 1
            case ActionFailed(action=action):
                self.not_done[action.kind] += 1
            case ActionBlocked(rail=rail):
                self.blocked[rail] += 1

    def _moved(self, left: State, entered: State) -> None:
        self.states[entered] += 1
        self.transitions[left, entered] += 1
