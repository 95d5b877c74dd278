"""Puts trades under guard, changes what their callers may change, and lets them go."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import structlog

from dtms_server.domain import arming, events, reconcile
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.claims import Claim, HedgeDisposition, conflicts, mismatches
from dtms_server.domain.errors import (
    HedgeNotClosed,
    PositionIsHedge,
    PositionMismatch,
    PositionMissing,
    TerminalLost,
    TicketConflict,
    TradeHedged,
    TradeNotGuarded,
    UnknownTrade,
)
from dtms_server.domain.events import ChangeCause, TradeChanged, TradeRegistered, TradeReleased
from dtms_server.domain.market import Position, Snapshot
from dtms_server.domain.policy import Policy
from dtms_server.domain.situation import Wish
from dtms_server.domain.trade import Descent, Protection, State, Trade
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.defence import Defence
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.reconciliation import Leg, Reconciliation
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Registration:
    """The callers' use cases. Each takes the trade's lock, so that it sees no half-done change."""

    def __init__(
        self,
        roster: Roster,
        view: TerminalView,
        reconciliation: Reconciliation,
        defence: Defence,
        clock: TerminalClock,
        readiness: Readiness,
        policy: Policy,
    ) -> None:
        self._roster = roster
        self._view = view
        self._reconciliation = reconciliation
        self._defence = defence
        self._clock = clock
        self._readiness = readiness
        self._policy = policy

    async def register(self, claim: Claim) -> tuple[Trade, bool]:
        """Put a position under guard; return its trade, and whether it was registered before.

        Raises TicketConflict, PositionMissing, PositionMismatch, PositionIsHedge, TerminalLost.
        """
        known = await self._known(claim.ticket)
        async with self._roster.lock(known.ticket if known else claim.ticket):
            known = await self._known(claim.ticket)
            if known is not None and (wrong := conflicts(claim, known)):
                raise TicketConflict(ticket=claim.ticket, fields=", ".join(wrong))
            self._readiness.require_terminal()
            if known is not None and known.state is not State.RELEASED:
                return _already(known)
            if known is not None and claim.protection is Protection.OBSERVE:
                self._refuse_hedged(known)
            snapshot, position = await self._find_position(claim.ticket, known)
            self._refuse_mismatch(position, claim, known)
            async with self._roster.position_lock(position.identifier):
                holder = await self._holder(position, snapshot)
                if holder is not None:
                    return _already(holder)
                return await self._arm(claim, position, snapshot, known), False

    async def update(
        self, ticket: int, protection: Protection | None, labels: Mapping[str, str] | None
    ) -> Trade:
        """Set a trade's protection, labels or both (None: leave it); return the trade as it is now.

        Raises UnknownTrade; TradeNotGuarded for the protection of a trade that is not guarded; and
        TradeHedged for one with a hedge that is only to be observed from now on.
        """
        trade = await self._require(ticket)
        async with self._roster.lock(trade.ticket):
            trade = await self._require(trade.ticket)
            if protection is not None and not trade.is_guarded:
                raise TradeNotGuarded(ticket=ticket, state=trade.state)
            if protection is Protection.OBSERVE:
                self._refuse_hedged(trade)
            after = replace(
                trade.terms,
                protection=trade.terms.protection if protection is None else protection,
                labels=trade.terms.labels if labels is None else labels,
            )
            if after == trade.terms:
                return trade
            change = TradeChanged(ChangeCause.CALLER, trade.terms, after)
            return await self._record(trade, change)

    async def release(self, ticket: int, hedge: HedgeDisposition | None = None) -> Trade:
        """Stop guarding a trade and leave its position open; return the trade as it is now.

        One that is not guarded any more stays as it is. Raises UnknownTrade; TradeHedged for a
        trade with a hedge where `hedge` is None; TerminalLost and HedgeNotClosed, the trade then
        unchanged, where the hedge is to be closed and cannot be.
        """
        trade = await self._require(ticket)
        async with self._roster.lock(trade.ticket):
            trade = await self._require(trade.ticket)
            left = trade.terms.hedge
            if not trade.is_guarded:
                gives_up = left is not None and hedge is HedgeDisposition.LEAVE
                return await self._give_up_hedge(trade) if gives_up else trade
            if left is not None and hedge is None:
                raise TradeHedged(ticket=ticket, hedge=left.ticket)
            if left is not None and hedge is HedgeDisposition.CLOSE:
                trade, left = await self._without_hedge(trade), None
                if not trade.is_guarded:
                    return trade
            return await self._record(trade, TradeReleased(left.ticket if left else None))

    def _refuse_hedged(self, trade: Trade) -> None:
        """Refuse to leave a hedge without defence: one that is open, or may be."""
        if trade.terms.hedge is not None:
            raise TradeHedged(ticket=trade.ticket, hedge=trade.terms.hedge.ticket)
        pending = self._roster.unsettled(trade.ticket)
        if pending is not None and pending.kind is ActionKind.OPEN_HEDGE:
            raise TradeHedged(ticket=trade.ticket, hedge=f"of action {pending.id}, as it may be,")

    async def _give_up_hedge(self, trade: Trade) -> Trade:
        """Leave the hedge that outlived its trade to whoever asked for it: the way out where its
        end is never proved."""
        after = replace(trade.terms, hedge=None)
        return await self._record(trade, TradeChanged(ChangeCause.CALLER, trade.terms, after))

    async def _without_hedge(self, trade: Trade) -> Trade:
        """Close the trade's hedge now; return the trade without it."""
        self._readiness.require_terminal()
        await self._view.read()
        wish = Wish(ActionKind.CLOSE_HEDGE, "the trade is released")
        pending = self._roster.unsettled(trade.ticket)
        why = f"the outcome of {pending.kind} is not known yet" if pending else None
        why = why or await self._defence.carry_out(trade, wish)
        trade = await self._require(trade.ticket)
        if why is not None or trade.terms.hedge is not None:
            raise HedgeNotClosed(ticket=trade.ticket, why=why or "it is not seen to be gone yet")
        return trade

    async def _known(self, ticket: int) -> Trade | None:
        return self._roster.find(ticket) or await self._roster.ledger.trades.find(ticket)

    async def _require(self, ticket: int) -> Trade:
        trade = await self._known(ticket)
        if trade is None:
            raise UnknownTrade(ticket=ticket, account=self._roster.ledger.journal.account)
        return trade

    async def _record(self, trade: Trade, event: events.TradeEvent) -> Trade:
        change = events.change(trade, event, self._clock.now())
        await self._roster.record(change)
        assert change.trade is not None
        return change.trade

    async def _find_position(self, ticket: int, known: Trade | None) -> tuple[Snapshot, Position]:
        """Look for the position for as long as a fill may lag behind its ticket."""
        deadline = time.monotonic() + self._policy.fill_lag_seconds
        identifier = known.position_id if known else ticket
        while True:
            snapshot = await self._view.read()
            for position in snapshot.positions:
                if position.ticket == ticket or position.identifier == identifier:
                    return snapshot, position
            if time.monotonic() >= deadline:
                if not snapshot.shows_absence:
                    raise TerminalLost(reason="it has not listed its positions yet")
                raise PositionMissing(ticket=ticket)
            await asyncio.sleep(self._policy.fill_poll_seconds)

    async def _holder(self, position: Position, snapshot: Snapshot) -> Trade | None:
        """Return the trade that guards the position already. One that was an earlier leg of it, on
        a netting account, is closed first: else the new leg would go unguarded."""
        holder = self._roster.of_position(position.identifier)
        if holder is None or not reconcile.is_renamed(holder, position):
            return holder
        match await self._reconciliation.look_closer(holder.ticket, position, snapshot):
            case Leg.GONE:
                return None
            case Leg.SAME:  # the next cycle writes down what is answered here
                return replace(holder, terms=reconcile.terms_now(holder.terms, position, None))
            case Leg.UNKNOWN:
                raise TerminalLost(reason="it does not show yet how the position turned")

    def _refuse_mismatch(self, position: Position, claim: Claim, known: Trade | None) -> None:
        """Refuse a position that is not as claimed, or that DTMS has opened; but a trade that was
        added to another one, and released, may be armed again."""
        is_hedge = self._roster.of_hedge(position.identifier) is not None
        if is_hedge or (known is None and reconcile.is_ours(position, self._policy.magic)):
            raise PositionIsHedge(ticket=claim.ticket)
        wrong = mismatches(claim, position, self._policy.entry_price_tolerance)
        if wrong:
            raise PositionMismatch(ticket=claim.ticket, fields=", ".join(wrong))

    async def _arm(
        self, claim: Claim, position: Position, snapshot: Snapshot, known: Trade | None
    ) -> Trade:
        trade = arming.armed(
            claim.ticket if known is None else known.ticket,
            position,
            snapshot.account,
            snapshot.at,
            self._policy,
            protection=claim.protection,
            labels=claim.labels,
            descent=Descent() if known is None else known.defence.descent,
        )
        trade = trade if known is None else replace(trade, parent_ticket=known.parent_ticket)
        event = TradeRegistered(trade, rearmed=known is not None)
        await self._roster.record(events.change(known, event, snapshot.at))
        log.info("trade registered", ticket=trade.ticket, rearmed=event.rearmed)
        return trade


def _already(trade: Trade) -> tuple[Trade, bool]:
    log.info("trade already registered", ticket=trade.ticket, state=trade.state)
    return trade, True
