"""An asyncio bot: fills come in a callback that cannot await; `async_bot.py TICKET ...`."""

import asyncio
import logging
import os
import sys

from dtms.v1.event_pb2 import MonitorEventType
from dtms.v1.service_pb2 import RegisterTradeResponse
from dtms.v1.trade_pb2 import TradeState
from dtms_client import DEFAULT_TARGET, AsyncDtmsClient, DtmsError

OVER = {TradeState.TRADE_STATE_CLOSED, TradeState.TRADE_STATE_RELEASED}


class Bot:
    """Puts each position under guard as it is filled, and ends once none of them is guarded: each
    is closed, released, or could not be registered."""

    def __init__(self, dtms: AsyncDtmsClient, since: str) -> None:
        self.dtms = dtms
        self.events = dtms.events(since=since)
        self.open: set[int] = set()

    def on_fill(self, ticket: int) -> None:
        """What a broker's library calls inside the loop; a failure is logged by dtms_client."""
        self.open.add(ticket)
        registration = self.dtms.register_trade_soon(
            ticket, "EURUSD", "BUY", labels={"bot": "async"}
        )
        registration.add_done_callback(lambda done: self.on_answer(ticket, done))

    def on_answer(self, ticket: int, registration: asyncio.Task[RegisterTradeResponse]) -> None:
        """No event will tell of a position that was refused, or was closed before."""
        failed = registration.cancelled() or registration.exception() is not None
        if failed or registration.result().trade.state in OVER:
            self.forget(ticket)

    def forget(self, ticket: int) -> None:
        """Follow the others only; without any the stream ends."""
        self.open.discard(ticket)
        if not self.open:
            self.events.end()

    async def follow(self) -> None:
        """Print each event until no position is open."""
        async for event in self.events:
            kind = MonitorEventType.Name(event.type).removeprefix("MONITOR_EVENT_TYPE_")
            print(event.sequence, event.ticket, kind, flush=True)
            if kind in ("TRADE_CLOSED", "TRADE_RELEASED"):
                self.forget(event.ticket)


async def main(tickets: list[int]) -> int:
    """Return the exit status."""
    async with AsyncDtmsClient(os.environ.get("DTMS_TARGET", DEFAULT_TARGET)) as dtms:
        try:
            await dtms.wait_until_ready()
            bot = Bot(dtms, since=(await dtms.list_trades()).resume_token)
            for ticket in tickets:
                bot.on_fill(ticket)
            await bot.follow()
        except DtmsError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    logging.basicConfig()
    sys.exit(asyncio.run(main([int(ticket) for ticket in sys.argv[1:]])))
