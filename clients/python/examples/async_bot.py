"""An asyncio bot: fills come in a callback that cannot await; `async_bot.py TICKET ...`."""

import asyncio
import logging
import os
import sys

from dtms.v1.event_pb2 import MonitorEventType
from dtms_client import DEFAULT_TARGET, AsyncDtmsClient, DtmsError


class Bot:
    """Puts each position under guard as it is filled, and ends once all of them are closed."""

    def __init__(self, dtms: AsyncDtmsClient) -> None:
        self.dtms = dtms
        self.open: set[int] = set()

    def on_fill(self, ticket: int) -> None:
        """What a broker's library calls inside the loop; a failure is logged by dtms_client."""
        self.open.add(ticket)
        self.dtms.register_trade_soon(ticket, "EURUSD", "BUY", labels={"bot": "async"})

    async def follow(self, since: str) -> None:
        """Print each event until no position is open."""
        async with self.dtms.events(since=since) as events:
            async for event in events:
                kind = MonitorEventType.Name(event.type).removeprefix("MONITOR_EVENT_TYPE_")
                print(event.sequence, event.ticket, kind, flush=True)
                if kind == "TRADE_CLOSED":
                    self.open.discard(event.ticket)
                if not self.open:
                    return


async def main(tickets: list[int]) -> int:
    """Return the exit status."""
    async with AsyncDtmsClient(os.environ.get("DTMS_TARGET", DEFAULT_TARGET)) as dtms:
        try:
            await dtms.wait_until_ready()
            bot = Bot(dtms)
            since = (await dtms.list_trades()).resume_token
            for ticket in tickets:
                bot.on_fill(ticket)
            await bot.follow(since)
        except DtmsError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    logging.basicConfig()
    sys.exit(asyncio.run(main([int(ticket) for ticket in sys.argv[1:]])))
