"""What is mutated, and by which tests: the pure ones, and the engine's for what awaits."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A module below `dtms_server`, and its test files below `tests`, the quickest first."""

    module: str
    tests: tuple[str, ...]

    @property
    def arguments(self) -> Iterator[str]:
        """What pytest is told to run: all but what tests the cases of the tests themselves."""
        yield from (f"tests/{name}" for name in self.tests)
        yield from (f"--deselect=tests/{name}" for name in CASES)

    @property
    def source(self) -> str:
        """The module's file below the tree."""
        return f"server/dtms_server/{self.module}.py"


CASES = (
    "domain/test_decision_laws.py::test_these_cases_take_every_arrow_of_a_score_and_find_every_wish",
    "domain/test_sizing_laws.py"
    "::test_every_kind_of_action_finds_its_order_and_its_refusals_among_these_cases",
)
"""Long ones that say whether the cases are rich enough, and nothing of the code."""
DECISION = (
    "domain/test_decision_wishes.py",
    "domain/test_decision_judging.py",
    "domain/test_decision_grace.py",
    "domain/test_timers.py",
    "domain/test_decision_laws.py",
)
SIZING = (
    "domain/test_sizing_grid.py",
    "domain/test_sizing_limits.py",
    "domain/test_sizing_stops.py",
    "domain/test_sizing_volumes.py",
    "domain/test_sizing_laws.py",
)
RECOVERY = (
    "engine/test_recovery.py",
    "engine/test_pausing.py",
    "engine/test_adoption.py",
    "engine/test_monitor.py",
    "engine/test_exactly_once.py",
)
TARGETS = (
    Target("engine/recovery", RECOVERY),
    Target("domain/sizing/stops", SIZING),
    Target("domain/sizing/closings", SIZING),
    Target("domain/sizing/openings", SIZING),
    Target("domain/sizing/grid", SIZING),
    Target("domain/sizing/__init__", SIZING),
    Target("domain/sizing/sized", SIZING),
    Target("domain/sizing/r", SIZING),
    Target("domain/wishes", DECISION),
    Target("domain/decision", DECISION),
    Target("domain/timers", DECISION),
    Target("domain/situation", DECISION),
    Target("domain/reconcile", ("domain/test_reconcile.py", "domain/test_reconcile_hedges.py")),
    Target("domain/outcome", ("domain/test_outcome.py",)),
    Target("domain/state", ("domain/test_state.py",)),
    Target("domain/scoring", ("domain/test_scoring.py",)),
    Target("terminal/retcodes", ("terminal/test_retcodes.py",)),
)
"""What takes long comes first, so that no worker is left alone with it."""
