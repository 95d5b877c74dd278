"""The simulated terminal in this very process, for what needs speed more than isolation."""

from datetime import datetime

from dtms_server.domain.actions import Answer, Order
from dtms_server.domain.charts import Charts
from dtms_server.domain.errors import TerminalUnreachable
from dtms_server.domain.market import Deal, History, Quote, Snapshot
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.terminal import charts, requests, simulator
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.messages import Connect
from dtms_server.terminal.metatrader import MetaTrader
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings


class LocalTerminal:
    """The adapter on the simulator here, as ports.Terminal; calls block the loop. The simulator is
    a module, so a process has one world: that of whoever started it last."""

    def __init__(self, settings: Settings) -> None:
        """Start a world; raises ValueError."""
        control.start(settings)
        self._terminal = MetaTrader(
            simulator, ServerClock(settings.server_offset), control.shown_clock
        )
        self._connected = False

    async def connect(self, timeout_seconds: float) -> None:
        """See ports.Terminal."""
        self._connected = False
        self._terminal.connect(Connect(timeout_seconds))
        self._connected = True

    async def snapshot(self) -> Snapshot:
        """See ports.Terminal."""
        self._check()
        return self._terminal.snapshot()

    async def clock(self) -> tuple[datetime, float]:
        """See ports.Terminal."""
        self._check()
        return self._terminal.now()

    async def deals(self, position_id: int) -> tuple[Deal, ...]:
        """See ports.Terminal."""
        self._check()
        return self._terminal.deals(position_id)

    async def charts(self, symbol: str, at: datetime, policy: AnalysisPolicy) -> Charts:
        """See ports.Terminal."""
        self._check()
        wanted = charts.request(symbol, at, policy)
        return charts.unpack(self._terminal.charts(wanted))

    async def quote(self, symbol: str) -> Quote:
        """See ports.Terminal."""
        self._check()
        return self._terminal.quote(symbol)

    async def history(self, since: datetime) -> History:
        """See ports.Terminal."""
        self._check()
        return self._terminal.history(since)

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        """See ports.Terminal; raises ValueError, with nothing sent, for what no order can be."""
        request = requests.request(order, comment, magic, deviation_points)
        self._check()
        return self._terminal.send(request)

    async def close(self) -> None:
        """See ports.Terminal; the world stays as it is."""
        self._connected = False

    def _check(self) -> None:
        if not self._connected:
            raise TerminalUnreachable(reason="there is no connection")
