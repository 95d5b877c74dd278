"""A scripted registry, whose answers wait while it is shut."""

import asyncio
import threading
from typing import Any, Final

from client.scripted import Context, Journal
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade

PATIENCE_SECONDS: Final = 30.0


class Registry(Journal):
    """A journal that also registers."""

    def __init__(self, events: int = 0) -> None:
        super().__init__(events)
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.gone = threading.Semaphore(0)

    def RegisterTrade(self, request: Any, context: Context) -> pb.RegisterTradeResponse:  # noqa: N802
        if not context.add_callback(self.gone.release):
            self.gone.release()
        self.entered.release()
        self.open.wait(PATIENCE_SECONDS)
        return pb.RegisterTradeResponse(trade=Trade(ticket=request.ticket))


async def until(happened: threading.Semaphore) -> None:
    assert await asyncio.to_thread(happened.acquire, timeout=PATIENCE_SECONDS)
