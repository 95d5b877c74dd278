"""Positions with our magic number that no trade has: told, or closed where they came too late."""

import structlog

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import OUR_COMMENT, Action, ActionState
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.situation import Wish
from dtms_server.engine.defence import Defence
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Strays:
    """Looks for them each cycle. One whose order had been given up as not carried out is surplus,
    and closed; one that the store does not know is an orphan, and left alone; so is a hedge that a
    release has left, which is no orphan."""

    def __init__(
        self, roster: Roster, view: TerminalView, defence: Defence, policy: Policy
    ) -> None:
        self._roster = roster
        self._view = view
        self._defence = defence
        self._policy = policy
        self.orphans: tuple[int, ...] = ()

    async def run(self) -> None:
        """Tell the orphans of the last snapshot, and close what is surplus. Raises TerminalLost."""
        orphans = []
        for position in self._unknown():
            action = await self._action_of(position)
            if action is None:
                orphans.append(position.ticket)
            elif action.state is ActionState.FAILED:
                await self._close(action, position)
        self.orphans = tuple(orphans)

    def _unknown(self) -> tuple[Position, ...]:
        return tuple(
            position
            for position in self._view.newest.positions
            if position.magic == self._policy.magic
            and self._roster.of_position(position.identifier) is None
            and self._roster.of_hedge(position.identifier) is None
        )

    async def _action_of(self, position: Position) -> Action | None:
        if not position.comment.startswith(OUR_COMMENT):
            return None
        return await self._roster.ledger.actions.find(position.comment.removeprefix(OUR_COMMENT))

    async def _close(self, action: Action, position: Position) -> None:
        async with self._roster.lock(action.ticket):
            trade = await self._roster.any(action.ticket)
            if trade is None or self._roster.unsettled(action.ticket) is not None:
                return
            reason = f"surplus: {action.kind} was given up and carried out after all"
            wish = Wish(ActionKind.CLOSE_HEDGE, reason, stray_id=position.identifier)
            log.warning("surplus position", ticket=trade.ticket, position=position.ticket)
            await self._defence.carry_out(trade, wish)
