"""`python -m conformance.python ADDRESS SCENARIO`: the runner in Python."""

import sys
from pathlib import Path

from conformance.python.director import tell
from conformance.python.player import Player
from conformance.python.service import Service
from conformance.python.steps import Malformed, read


def main() -> int:
    """Play the scenario; 0: all came out as told."""
    address, scenario = sys.argv[1:]
    service = Service(address)
    try:
        return 0 if Player(service).play(read(Path(scenario))) else 1
    except Malformed as fault:
        tell({"step": 0, "ok": False, "why": str(fault)})
        return 1
    finally:
        service.close()


if __name__ == "__main__":
    sys.exit(main())
