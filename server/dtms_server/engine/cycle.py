"""One cycle: read the terminal, settle, compare, score, defend."""

from datetime import datetime

from dtms_server.engine.adoption import Adoption
from dtms_server.engine.defence import Defence
from dtms_server.engine.rails import Rails
from dtms_server.engine.reconciliation import Reconciliation
from dtms_server.engine.scores import Scores
from dtms_server.engine.settling import Settling
from dtms_server.engine.strays import Strays
from dtms_server.engine.view import TerminalView


class Cycle:
    """What is done each time, in this order: no order leaves before older ones are settled."""

    def __init__(
        self,
        view: TerminalView,
        settling: Settling,
        reconciliation: Reconciliation,
        adoption: Adoption,
        scores: Scores,
        rails: Rails,
        defence: Defence,
        strays: Strays,
    ) -> None:
        self._view = view
        self._settling = settling
        self._reconciliation = reconciliation
        self._adoption = adoption
        self._scores = scores
        self._rails = rails
        self._defence = defence
        self._strays = strays

    async def take_stock(self) -> None:
        """Bring the trades in line with the terminal, and send nothing. Raises TerminalLost."""
        await self._settling.run()
        await self._reconciliation.run(self._view.newest)
        await self._adoption.run()

    async def run(self) -> None:
        """Guard once. Raises TerminalLost; what is written by then is true."""
        await self._view.read()
        await self.take_stock()
        await self.rescore(self._view.newest.at)
        await self._rails.observe(self._view.newest)
        await self._defence.run()
        await self._strays.run()

    async def rescore(self, now: datetime) -> None:
        """Read what bars have closed. Raises TerminalLost."""
        await self._scores.refresh(now)

    def forget(self) -> None:
        """The terminal is lost: what was read is no longer the present."""
        self._scores.forget()
        self._settling.forget()
