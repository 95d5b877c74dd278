"""A bot: registers a position and follows all that becomes of the trades; `bot.py TICKET`."""

import os
import sys

from dtms.v1.event_pb2 import MonitorEventType
from dtms.v1.trade_pb2 import TradeState
from dtms_client import DEFAULT_TARGET, DtmsClient, DtmsError, errors


def run(dtms: DtmsClient, ticket: int) -> None:
    """Register the ticket, list what is guarded, and print each event; ends with the service's
    refusal."""
    dtms.wait_until_ready()
    dtms.register_trade(ticket, "EURUSD", "BUY", labels={"bot": "example"})
    trades = dtms.list_trades()
    for trade in trades:
        state = TradeState.Name(trade.state).removeprefix("TRADE_STATE_")
        print(trade.ticket, trade.symbol, state, flush=True)
    for event in dtms.events(since=trades.resume_token):  # nothing is missed since the list
        kind = MonitorEventType.Name(event.type).removeprefix("MONITOR_EVENT_TYPE_")
        print(event.sequence, event.ticket, kind, flush=True)


def main() -> int:
    """Return the exit status."""
    ticket = int(sys.argv[1])
    with DtmsClient(os.environ.get("DTMS_TARGET", DEFAULT_TARGET)) as dtms:
        try:
            run(dtms, ticket)
        except errors.PositionNotFound:
            print(ticket, "is closed already")
        except DtmsError as error:
            print(error.reason or error.code.name, error.message, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
