"""Takes positions under guard that nobody registered, by their magic number."""

from collections.abc import Iterator

import structlog

from dtms_server.domain import arming, reconcile
from dtms_server.domain.events import TradeAdopted, change
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Adoption:
    """Adopts each position of a listed magic once; one that a trade had before is left alone."""

    def __init__(self, roster: Roster, view: TerminalView, policy: Policy) -> None:
        self._roster = roster
        self._view = view
        self._policy = policy
        self._known: set[int] = set()

    async def run(self) -> None:
        """Adopt what the last snapshot shows to be new."""
        for position in tuple(self._candidates()):
            async with (
                self._roster.lock(position.ticket),
                self._roster.position_lock(position.identifier),
            ):
                await self._adopt(position)
            self._known.add(position.identifier)

    def _candidates(self) -> Iterator[Position]:
        for position in self._view.newest.positions:
            wanted = position.magic in self._policy.defence.adopt
            if wanted and position.identifier not in self._known:
                yield position

    async def _adopt(self, position: Position) -> None:
        known = self._roster.of_position(position.identifier) or await self._roster.any(
            position.ticket
        )
        is_hedge = self._roster.of_hedge(position.identifier) is not None
        if known is not None or is_hedge or reconcile.is_ours(position, self._policy.magic):
            return
        snapshot = self._view.newest
        trade = arming.armed(
            position.ticket,
            position,
            snapshot.account,
            snapshot.at,
            self._policy,
            grace_from=position.opened_at,
        )
        adopted = TradeAdopted(trade, position.magic)
        await self._roster.record(change(None, adopted, snapshot.at))
        log.info("trade adopted", ticket=trade.ticket, magic=position.magic)
