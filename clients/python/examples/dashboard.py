"""A dashboard that misses nothing: it keeps its place in a file; `dashboard.py FILE`."""

import os
import sys
import time
from pathlib import Path

from dtms.v1.event_pb2 import MonitorEvent, MonitorEventType
from dtms.v1.trade_pb2 import TradeState
from dtms_client import DEFAULT_TARGET, DtmsClient, DtmsError, errors

PAUSE_SECONDS = 1.0  # before another attempt, where the server asks for none


def place(dtms: DtmsClient, kept: Path) -> str:
    """Return the place to go on from: the kept one, or that of a fresh list, which is shown."""
    if kept.exists():
        return kept.read_text()
    trades = dtms.list_trades()
    for trade in trades:
        state = TradeState.Name(trade.state).removeprefix("TRADE_STATE_")
        print("trade", trade.ticket, trade.symbol, trade.volume, state, flush=True)
    keep(kept, trades.resume_token)
    return trades.resume_token


def keep(kept: Path, token: str) -> None:
    """Write the place down; a crash leaves the old one or the new one."""
    half_written = kept.with_suffix(".new")
    half_written.write_text(token)
    half_written.replace(kept)


def show(event: MonitorEvent) -> None:
    """Print an event."""
    kind = MonitorEventType.Name(event.type).removeprefix("MONITOR_EVENT_TYPE_")
    print("event", event.sequence, event.ticket, kind, flush=True)


def follow(dtms: DtmsClient, kept: Path) -> None:
    """Show all events, and keep the place after each of them once it is shown."""
    with dtms.events(since=place(dtms, kept)) as stream:
        for event in stream:
            show(event)
            keep(kept, stream.resume_token)


def attempt(dtms: DtmsClient, kept: Path) -> None:
    """Follow until something comes between that passes, or that a new list mends."""
    try:
        dtms.wait_until_ready()
        follow(dtms, kept)
    except (errors.ResumeTokenExpired, errors.ResumeTokenInvalid) as error:
        print("the place is gone, a new list:", error.reason, flush=True)
        kept.unlink(missing_ok=True)
    except DtmsError as error:
        if not error.is_transient:
            raise
        print("waiting:", error, flush=True)
        time.sleep(error.retry_after or PAUSE_SECONDS)


def main() -> int:
    """Return the exit status."""
    kept = Path(sys.argv[1])
    with DtmsClient(os.environ.get("DTMS_TARGET", DEFAULT_TARGET)) as dtms:
        try:
            while True:
                attempt(dtms, kept)
        except DtmsError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
