"""What came of it: a table by module, and the survivors that are not known to be equivalent."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome
from mutants.sessions import Became, became
from mutants.targets import Target
from rich.console import Console
from rich.table import Column, Table

EQUIVALENT: Final = Path(__file__).with_name("equivalent.toml")
LEAST: Final = 0.85
"""The share of mutants that must be killed, of those that are not equivalent."""
COUNTED: Final = (Became.KILLED, Became.TIMEOUT, Became.EQUIVALENT, Became.SURVIVED)


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """What names a mutant whatever moves around it: where it is, its lines before and after."""

    module: str
    function: str
    before: str
    after: str


def tell(found: Mapping[Target, Path]) -> int:
    """Print the table and what is to be looked at; return the exit status."""
    known = _equivalent()
    table = Table(Column("module", no_wrap=True), "mutants", *COUNTED, "score", box=None)
    total, surviving = Counter[Became](), set[Change]()
    for target, path in found.items():
        count, survivors = _counted(target, path, known)
        table.add_row(*_row(target.module, count))
        total += count
        surviving |= survivors
    table.add_row(*_row("all", total))
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for change in sorted(surviving - known):
        console.print(f"{change.module}, {change.function}\n- {change.before}\n+ {change.after}\n")
    looked_at = {target.module for target in found}
    for change in sorted(known - surviving):
        if change.module in looked_at:
            console.print(f"no survivor any more, take it off {EQUIVALENT.name}: {change}\n")
    console.print(table)
    return 0 if _score(total) >= LEAST else 1


def _counted(target: Target, path: Path, known: set[Change]) -> tuple[Counter[Became], set[Change]]:
    """Return how many of a module's mutants became what, and those that survived."""
    count, survivors = Counter[Became](), set[Change]()
    for change, end in _mutants(target, path):
        if end is Became.SURVIVED:
            survivors.add(change)
        count[Became.EQUIVALENT if change in known and end is Became.SURVIVED else end] += 1
    return count, survivors


def _mutants(target: Target, path: Path) -> Iterator[tuple[Change, Became]]:
    with use_db(path, WorkDB.Mode.open) as session:
        for item, result in session.completed_work_items:
            if result.worker_outcome is not WorkerOutcome.SKIPPED:
                function = item.mutations[0].definition_name or "the module"
                lines = (result.diff or "").splitlines()
                before, after = _side(lines, "-"), _side(lines, "+")
                yield Change(target.module, function, before, after), became(result)


def _side(diff: list[str], sign: str) -> str:
    """Return a side of a difference in one line, with single blanks."""
    own = (line[1:] for line in diff if line.startswith(sign) and not line.startswith(sign * 3))
    return " ".join(" ".join(own).split())


def _equivalent() -> set[Change]:
    entries = tomllib.loads(EQUIVALENT.read_text("utf-8"))["equivalent"]
    return {Change(e["module"], e["function"], e["before"], e["after"]) for e in entries}


def _score(count: Mapping[Became, int]) -> float:
    killed = count[Became.KILLED] + count[Became.TIMEOUT]
    judged = killed + count[Became.SURVIVED]
    return killed / judged if judged else 1.0


def _row(name: str, count: Mapping[Became, int]) -> list[str]:
    counts = [count[each] for each in COUNTED]
    return [name, *map(str, [sum(counts), *counts]), f"{_score(count):.1%}"]
