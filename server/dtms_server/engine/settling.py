"""Finds out what became of orders, and writes it down with all that follows from it."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from dtms_server.domain import arming, outcome, reconcile
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, Answer, Verb
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.events import TradeClosed, TradeRegistered, change
from dtms_server.domain.outcome import Effect
from dtms_server.domain.policy import Policy
from dtms_server.domain.settlement import CLOCKS_DIFFER, Absent, Executed, Finding, look
from dtms_server.domain.state import CLOSED, L2
from dtms_server.domain.trade import Hedge, Trade
from dtms_server.engine.draft import Draft
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Settling:
    """Settles the orders whose outcome is not known; each under its trade's lock."""

    def __init__(self, roster: Roster, view: TerminalView, policy: Policy) -> None:
        self._roster = roster
        self._view = view
        self._policy = policy
        self._absent_since: dict[str, datetime] = {}

    async def run(self) -> None:
        """Look after every order whose outcome is not known. Raises TerminalLost."""
        for action in self._roster.all_unsettled:
            async with self._roster.lock(action.ticket):
                await self.settle(action.ticket)

    def forget(self) -> None:
        """The terminal was lost: what was not seen before must be missed twice again."""
        self._absent_since.clear()

    async def settle(self, ticket: int, answer: Answer | None = None) -> bool:
        """Return whether the trade has no order any more whose outcome is not known; its lock is
        held. `answer` is what its order was answered just now. Raises TerminalLost."""
        action = self._roster.unsettled(ticket)
        if action is None:
            return True
        if answer is not None:
            action = replace(action, retcode=answer.retcode, message=answer.message)
        trade = await self._roster.any(ticket)
        assert trade is not None, "an action of a trade that is not there"
        finding = await self._look(action)
        now = self._view.newest.at
        if isinstance(finding, Executed):
            await self._conclude(trade, action, finding, now)
            return True
        if not isinstance(finding, Absent) or not self._is_certain(action, now):
            return False
        told = outcome.failed(trade, action, now, "it was not carried out", action.retcode)
        await self._roster.record(change(trade, told, now))
        log.warning("order not carried out", ticket=ticket, action=action.id, kind=action.kind)
        return True

    async def _look(self, action: Action) -> Finding | None:
        """Return what the terminal shows now, its history read first: what that tells, the snapshot
        then shows; None where the history cannot be read."""
        try:
            history = await self._view.history(action.started_at - CLOCKS_DIFFER)
        except TerminalFailed as fault:
            log.warning("history not read", action=action.id, error=fault.message)
            return None
        await self._view.read()
        finding = look(action, self._view.picture, history, self._policy.magic, self._is_known)
        if not isinstance(finding, Absent):
            self._absent_since.pop(action.id, None)
        return finding

    def _is_known(self, identifier: int) -> bool:
        of_position, of_hedge = self._roster.of_position, self._roster.of_hedge
        return of_position(identifier) is not None or of_hedge(identifier) is not None

    def _is_certain(self, action: Action, now: datetime) -> bool:
        """Was it absent twice, far enough apart, long enough after the send?"""
        sending = self._policy.defence.sending
        if now < action.sent_at + timedelta(seconds=sending.settle_seconds):
            return False
        if not self._view.newest.shows_absence:
            return False
        first = self._absent_since.setdefault(action.id, now)
        if now - first < timedelta(seconds=sending.settle_apart_seconds):
            return False
        del self._absent_since[action.id]
        return True

    async def _conclude(self, trade: Trade, action: Action, found: Executed, now: datetime) -> None:
        draft = Draft(trade, now)
        late = action.kind is ActionKind.OPEN_HEDGE and trade.state not in (L2, CLOSED)
        if (
            late
        ):  # a stray from now on, which is closed; that of a closed trade is a hedge left alone
            draft.tell(outcome.failed(trade, action, now, "carried out when no longer wanted"))
        else:
            effect = self._effect(trade, action, found)
            draft.tell(*outcome.done(trade, action, effect, now, self._policy))
        if action.kind is ActionKind.READD and found.position is not None:
            snapshot = self._view.newest
            child = arming.readded(trade, found.position, snapshot.account, now, self._policy)
            draft.add(change(None, TradeRegistered(child, rearmed=False), now))
        if action.order.verb in (Verb.CLOSE, Verb.CLOSE_BY):
            await self._tell_ends(draft)
        await self._roster.record(*draft.taken())
        log.info("order carried out", ticket=trade.ticket, action=action.id, kind=action.kind)

    def _effect(self, trade: Trade, action: Action, found: Executed) -> Effect:
        picture = self._view.picture
        terms = reconcile.terms_now(
            trade.terms, picture.position_of(trade), picture.hedge_of(trade)
        )
        if action.kind is not ActionKind.OPEN_HEDGE:
            return Effect(found.became, terms)
        assert found.opened is not None, "an opening without its deal"
        deal, position = found.opened, found.position
        ticket = position.ticket if position else deal.order
        lots = position.volume_lots if position else found.became.volume_lots or 0.0
        return Effect(found.became, terms, Hedge(ticket, deal.position_id, lots, deal.at))

    async def _tell_ends(self, draft: Draft) -> None:
        """Tell in the same breath what the close has ended, where deals prove it."""
        picture, trade = self._view.picture, draft.trade
        if trade.is_guarded and picture.position_of(trade) is None:
            proof = reconcile.closing(trade, await self._view.deals(trade.position_id))
            if proof is not None:
                draft.tell(TradeClosed(proof))
        hedge = trade.terms.hedge
        if hedge is not None and picture.hedge_of(trade) is None:
            proof = reconcile.hedge_closing(trade, await self._view.deals(hedge.position_id))
            if proof is not None:
                draft.tell(*outcome.hedge_gone(draft.trade, proof, draft.at, self._policy))
