"""`make mutants`: change the code on purpose, and see whether its tests notice."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from mutants import report, sessions
from mutants.targets import TARGETS

WORKERS = 2


def main() -> int:
    """Run all modules, or those whose names hold one of the words given; 1 is below the score."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of modules' names; none: all")
    words = parser.parse_args().words
    targets = [each for each in TARGETS if not words or any(word in each.module for word in words)]
    context = get_context("spawn")
    trees = context.Queue()
    for number in range(WORKERS):
        trees.put(sessions.plant(f"tree-{number + 1}"))
    with ProcessPoolExecutor(WORKERS, context, sessions.enter, (trees,)) as workers:
        running = {workers.submit(sessions.run, target): target for target in targets}
        found = {running[each]: each.result() for each in as_completed(running)}
    return report.tell({target: found[target] for target in targets})


if __name__ == "__main__":
    sys.exit(main())
