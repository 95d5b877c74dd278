"""`python -m conformance.python ADDRESS SCENARIO`: the runner in Python."""

import json
import sys
from pathlib import Path

from conformance.python.player import Player
from conformance.python.service import Service


def main() -> int:
    """Play the scenario; 0: all came out as told."""
    address, scenario = sys.argv[1:]
    service = Service(address)
    try:
        steps = json.loads(Path(scenario).read_text(encoding="utf-8"))["steps"]
        return 0 if Player(service).play(steps) else 1
    finally:
        service.close()


if __name__ == "__main__":
    sys.exit(main())
