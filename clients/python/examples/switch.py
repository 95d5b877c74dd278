"""An operator's switch: `switch.py pause REASON`, `switch.py resume` or `switch.py show`."""

import os
import sys

from dtms.v1.action_pb2 import ActionKind
from dtms_client import DEFAULT_TARGET, DtmsClient, DtmsError

ORDER_SECONDS = 40  # a pause waits for an order in flight


def pause(dtms: DtmsClient, reason: str) -> None:
    """Let no order leave, and name those whose outcome is not known yet."""
    for action in dtms.pause_actions(reason, timeout=ORDER_SECONDS):
        print("not known yet:", ActionKind.Name(action.kind), action.ticket)


def show(dtms: DtmsClient) -> None:
    """Print whether orders leave, and what holds openings back."""
    status = dtms.status()
    print("paused" if status.actions_paused else "orders leave")
    for rail in status.rails:
        print(rail.rail, rail.reason)


def main(command: str, *reason: str) -> int:
    """Return the exit status."""
    with DtmsClient(os.environ.get("DTMS_TARGET", DEFAULT_TARGET)) as dtms:
        try:
            match command:
                case "pause":
                    pause(dtms, " ".join(reason))
                case "resume":
                    dtms.resume_actions(" ".join(reason))
                case "show":
                    pass
                case _:
                    print(__doc__, file=sys.stderr)
                    return 2
            show(dtms)
        except DtmsError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["show"]))
