"""`python -m soak`: server, terminal, bots, dashboards, faults and kills together, for hours."""

import argparse
import logging
import random
import sys
from pathlib import Path

from soak.report import Result, as_json, table
from soak.run import run


def main() -> int:
    """Run a soak and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long, of our time")
    parser.add_argument("--seed", type=int, help="that of an earlier soak, for the same plan")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    asked = parser.parse_args()
    logging.getLogger("dtms_client").setLevel(logging.CRITICAL)  # servers are killed all the time
    seed = random.SystemRandom().getrandbits(32) if asked.seed is None else asked.seed

    def finish(result: Result) -> None:
        say(table(result))
        if asked.json is not None:
            asked.json.write_text(as_json(result), encoding="utf-8")

    return run(asked.minutes, seed, say, finish)


def say(line: str) -> None:
    """Tell it at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
