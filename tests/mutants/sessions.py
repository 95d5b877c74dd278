"""Runs: a session of Cosmic Ray for each module, on a copy of the tree; it survives a break."""

import ast
import compileall
import difflib
import hashlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from multiprocessing.queues import Queue
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

import cosmic_ray.plugins
import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code, use_mutation
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult
from mutants import forks
from mutants.operators import operators
from mutants.targets import Target

log = logging.getLogger("mutants")
ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".mutants"
"""Not in git: the sessions, and a tree for each worker."""
COPIED: Final = (
    "server",
    "tests",
    "clients",
    "generated",
    "alembic",
    "README.md",
    "pyproject.toml",
)
TEST_SECONDS: Final = 20
"""How long one test may take; each takes far less on the code as it is."""
PYTEST: Final = (
    "-x",
    "-q",
    "--no-header",
    f"--timeout={TEST_SECONDS}",
    "--hypothesis-profile=mutants",
    "-pno:cacheprovider",
)


class Became(StrEnum):
    """The end of a mutant. BROKEN cannot even be imported, so that no test had a say: it does not
    count."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    EQUIVALENT = "equivalent"
    SURVIVED = "survived"
    BROKEN = "broken"


class BrokenTests(Exception):
    """The tests fail on the code as it is: no mutant could tell anything."""


def plant(name: str) -> Path:
    """Copy what is tested into a tree of its own, compiled, and return where it is."""
    tree = FOLDER / name
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for each in COPIED:
        if (ROOT / each).is_dir():
            shutil.copytree(ROOT / each, tree / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / each, tree / each)
    beside = FOLDER / "shared"
    if (ROOT.parent / "shared").exists() and not beside.exists():
        beside.symlink_to(ROOT.parent / "shared", target_is_directory=True)
    compileall.compile_dir(
        tree / "server", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
    )
    return tree


def session_of(target: Target, tree: Path) -> Path:
    """Return the file of the session that fits the server and the tests as they are now."""
    tests = tree / "tests"
    own = [tests / name for name in target.tests]
    beside = {path.with_name("conftest.py") for path in own}
    ours = [tests / "mutants" / name for name in ("operators.py", "syntax.py")]
    files = [*(tree / "server").rglob("*.py"), *tests.glob("*.py"), *own, *beside, *ours]
    told = hashlib.sha256()
    for path in sorted(path for path in files if path.exists()):
        told.update(path.read_bytes())
    name = target.module.replace("/", ".")
    return FOLDER / "sessions" / f"{name}-{told.hexdigest()[:12]}.sqlite"


def enter(trees: "Queue[Path]") -> None:
    """Make this process a worker: it takes a tree for itself alone."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    os.chdir(trees.get())
    cosmic_ray.plugins.OPERATOR_PROVIDERS.clear()
    cosmic_ray.plugins.OPERATOR_PROVIDERS["dtms"] = operators()
    os.environ["PYTHONPATH"] = os.pathsep.join(_paths())  # for what the tests start
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("CI", None)


def run(target: Target) -> Path:
    """Test what is left of a module's mutants, in a worker, and return its session.

    Raises BrokenTests.
    """
    path = session_of(target, Path.cwd())
    path.parent.mkdir(exist_ok=True)
    arguments = [*PYTEST, *target.arguments]
    if not path.exists():
        _begin(path, target)
    with use_db(path) as session:
        pending = session.pending_work_items
        if pending:
            limit_seconds = 20 + 5 * _seconds(arguments)
            for done, item in enumerate(pending):
                if done % 25 == 0:
                    log.info("%s: %d to go", target.module, len(pending) - done)
                result = _tested(item.mutations[0], arguments, limit_seconds)
                session.set_result(item.job_id, result)
    return path


def _paths() -> list[str]:
    return [str(Path.cwd() / each) for each in ("server", "clients/python", "generated")]


def _seconds(arguments: Sequence[str]) -> float:
    """Return how long the tests take on the code as it is, where they pass."""
    begun = time.monotonic()
    sys.dont_write_bytecode = False  # of the tests, for the runs that follow
    status, printed = forks.run(arguments, _paths(), 600)
    sys.dont_write_bytecode = True
    if status:
        raise BrokenTests(printed)
    return time.monotonic() - begun


def _tested(mutation: MutationSpec, arguments: Sequence[str], limit_seconds: float) -> WorkResult:
    operator = cosmic_ray.plugins.get_operator(mutation.operator_name)()
    with use_mutation(mutation.module_path, operator, mutation.occurrence) as (before, after):
        status, printed = forks.run(arguments, _paths(), limit_seconds)
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return WorkResult(
        worker_outcome=WorkerOutcome.NORMAL,
        test_outcome=_OUTCOME.get(status, TestOutcome.INCOMPETENT),
        output="timeout" if status == forks.TIMEOUT else printed[-2000:],
        diff="\n".join(diff),
    )


_OUTCOME: Final = {
    pytest.ExitCode.OK: TestOutcome.SURVIVED,
    pytest.ExitCode.TESTS_FAILED: TestOutcome.KILLED,
    forks.TIMEOUT: TestOutcome.KILLED,
}


def _begin(path: Path, target: Target) -> None:
    """Write a session that has all mutants of a module, whole or not at all."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with use_db(unfinished) as session:
        _fill(session, Path(target.source))
    unfinished.rename(path)


def _fill(session: WorkDB, source: Path) -> None:
    """Write down all mutants of a file; what is none, or was there before, is skipped."""
    init([source], session, {})
    seen = {source.read_text("utf-8")}
    for item, mutation in _in_order(session):
        operator = cosmic_ray.plugins.get_operator(mutation.operator_name)()
        code = mutate_code(source.read_text("utf-8"), operator, mutation.occurrence)
        same = code is None or code in seen or _is_left_alone(source, mutation)
        if same or not _is_change(source.read_text("utf-8"), code):
            skipped = WorkResult(worker_outcome=WorkerOutcome.SKIPPED)
            session.set_result(item.job_id, skipped)
        seen.add(code)


def _in_order(session: WorkDB) -> Iterator[tuple[WorkItem, MutationSpec]]:
    """Yield all mutants, so that of two that are the same it is always the same one that counts."""
    found = [(item, item.mutations[0]) for item in session.work_items]
    yield from sorted(found, key=lambda each: (each[1].operator_name, each[1].occurrence))


def _is_left_alone(source: Path, mutation: MutationSpec) -> bool:
    """Is it in a decorator, since how a class is stored is no behaviour, or the mark between
    parameters that Cosmic Ray takes for a product?"""
    line, column = mutation.start_pos
    code: str = source.read_text("utf-8").splitlines()[line - 1]
    return code.lstrip().startswith("@") or code[column:].startswith("*,")


def _is_change(before: str, after: str) -> bool:
    """Is it code, and another but for its types and its list of names?"""
    try:
        return _untyped(after) != _untyped(before)
    except SyntaxError:
        return False


def _untyped(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign() | ast.arg():
                node.annotation = ast.Constant(None)
            case ast.Assign(targets=[ast.Name("__all__")]):
                node.value = ast.Constant(None)
    return ast.dump(tree)


def became(result: WorkResult) -> Became:
    """Return what became of a mutant that was tested."""
    match result.test_outcome:
        case TestOutcome.SURVIVED:
            return Became.SURVIVED
        case TestOutcome.KILLED:
            return Became.TIMEOUT if result.output == "timeout" else Became.KILLED
    return Became.BROKEN
