"""A terminal at which a test sees every order, and the process dies at the instant it names."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dtms_server.domain.actions import Answer, Order
from dtms_server.domain.charts import Charts
from dtms_server.domain.market import Deal, History, Quote, Snapshot
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.terminal.local import LocalTerminal
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.settings import Settings


class Death(Exception):
    """The process dies here: nothing that follows in it happens."""


class Instant(StrEnum):
    """When, around an order, the process dies."""

    PRICED = "while it is priced, before its intent"
    INTENDED = "after its intent, before the send"
    SENT = "after the send, before the answer"
    ANSWERED = "after the answer, before the outcome is written"


@dataclass(frozen=True, slots=True)
class Sent:
    """An order as the broker got it: its answer (None: the process died), the position that it
    changes as it was then, and the faults in force."""

    comment: str
    order: Order
    answer: Answer | None
    position: TradePosition | None
    faults: frozenset[str]


class Witness:
    """The simulated terminal of this process, as ports.Terminal."""

    def __init__(self, settings: Settings) -> None:
        self._terminal = LocalTerminal(settings)
        self.sent: list[Sent] = []
        self.dies: Instant | None = None

    async def connect(self, timeout_seconds: float) -> None:
        await self._terminal.connect(timeout_seconds)

    async def snapshot(self) -> Snapshot:
        return await self._terminal.snapshot()

    async def clock(self) -> tuple[datetime, float]:
        return await self._terminal.clock()

    async def deals(self, position_id: int) -> tuple[Deal, ...]:
        return await self._terminal.deals(position_id)

    async def charts(self, symbol: str, at: datetime, policy: AnalysisPolicy) -> Charts:
        return await self._terminal.charts(symbol, at, policy)

    async def quote(self, symbol: str) -> Quote:
        self._die_at(Instant.PRICED)
        return await self._terminal.quote(symbol)

    async def history(self, since: datetime) -> History:
        if self.sent and self.sent[-1].answer is not None:
            self._die_at(Instant.ANSWERED)
        return await self._terminal.history(since)

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        self._die_at(Instant.INTENDED)
        position = next((p for p in control.positions() if p.ticket == order.position_ticket), None)
        faults = frozenset(str(fault["type"]) for fault in control.faults())
        answer = await self._terminal.send(order, comment, magic, deviation_points)
        known = None if self.dies is Instant.SENT else answer
        self.sent.append(Sent(comment, order, known, position, faults))
        self._die_at(Instant.SENT)
        return answer

    async def close(self) -> None:
        await self._terminal.close()

    def _die_at(self, instant: Instant) -> None:
        if self.dies is instant:
            self.dies = None
            raise Death(instant)
