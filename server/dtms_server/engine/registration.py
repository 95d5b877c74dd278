"""Puts trades under guard, changes what their callers may change, and lets them go."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from dtms_server.domain import events, reconcile
from dtms_server.domain.errors import (
    PositionIsHedge,
    PositionMismatch,
    PositionMissing,
    TerminalLost,
    TicketConflict,
    TradeNotGuarded,
    UnknownTrade,
)
from dtms_server.domain.events import ChangeCause, TradeChanged, TradeRegistered, TradeReleased
from dtms_server.domain.market import Position, Snapshot
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection, State, Trade
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.reconciliation import Leg, Reconciliation
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """What a caller says of its position; the terminal is the truth."""

    ticket: int
    symbol: str
    direction: Direction
    entry_price: float | None = None
    volume_lots: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    protection: Protection = Protection.PROTECT
    labels: Mapping[str, str] = field(default_factory=dict)


class Registration:
    """The callers' use cases. Each takes the trade's lock, so that it sees no half-done change."""

    def __init__(
        self,
        roster: Roster,
        view: TerminalView,
        reconciliation: Reconciliation,
        clock: TerminalClock,
        readiness: Readiness,
        policy: Policy,
    ) -> None:
        self._roster = roster
        self._view = view
        self._reconciliation = reconciliation
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
            _refuse_conflict(known, claim)
            self._readiness.require_terminal()
            if known is not None and known.state is not State.RELEASED:
                return _already(known)
            snapshot, position = await self._find_position(claim.ticket, known)
            self._refuse_mismatch(position, claim)
            async with self._roster.position_lock(position.identifier):
                holder = await self._holder(position, snapshot)
                if holder is not None:
                    return _already(holder)
                return await self._arm(claim, position, snapshot, known), False

    async def update(
        self, ticket: int, protection: Protection | None, labels: Mapping[str, str] | None
    ) -> Trade:
        """Set a trade's protection, labels or both (None: leave it); return the trade as it is now.

        Raises UnknownTrade, and TradeNotGuarded for the protection of a trade that is not guarded.
        """
        trade = await self._require(ticket)
        async with self._roster.lock(trade.ticket):
            trade = await self._require(trade.ticket)
            if protection is not None and not trade.is_guarded:
                raise TradeNotGuarded(ticket=ticket, state=trade.state)
            after = replace(
                trade.terms,
                protection=trade.terms.protection if protection is None else protection,
                labels=trade.terms.labels if labels is None else labels,
            )
            if after == trade.terms:
                return trade
            change = TradeChanged(ChangeCause.CALLER, trade.terms, after)
            return await self._record(trade, change)

    async def release(self, ticket: int) -> Trade:
        """Stop guarding a trade and leave its position open; return the trade as it is now.

        One that is not guarded any more stays as it is. Raises UnknownTrade.
        """
        trade = await self._require(ticket)
        async with self._roster.lock(trade.ticket):
            trade = await self._require(trade.ticket)
            return await self._record(trade, TradeReleased()) if trade.is_guarded else trade

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
            case Leg.SAME:
                return holder
            case Leg.UNKNOWN:
                raise TerminalLost(reason="it does not show yet how the position turned")

    def _refuse_mismatch(self, position: Position, claim: Claim) -> None:
        if reconcile.is_ours(position, self._policy.magic):
            raise PositionIsHedge(ticket=claim.ticket)
        wrong = _differing(position.symbol, position.direction, claim)
        tolerance = self._policy.entry_price_tolerance * position.entry_price
        claimed = claim.entry_price
        if claimed is not None and abs(claimed - position.entry_price) > tolerance:
            wrong.append("entry_price")
        if wrong:
            raise PositionMismatch(ticket=claim.ticket, fields=", ".join(wrong))

    async def _arm(
        self, claim: Claim, position: Position, snapshot: Snapshot, known: Trade | None
    ) -> Trade:
        ticket = claim.ticket if known is None else known.ticket
        trade = _armed(ticket, claim, position, snapshot)
        event = TradeRegistered(trade, rearmed=known is not None)
        await self._roster.record(events.change(known, event, snapshot.at))
        log.info("trade registered", ticket=trade.ticket, rearmed=event.rearmed)
        return trade


def _armed(ticket: int, claim: Claim, position: Position, snapshot: Snapshot) -> Trade:
    terms = reconcile.terms_of(position, claim.protection, claim.labels)
    return Trade(
        account=snapshot.account.name,
        ticket=ticket,
        symbol=position.symbol,
        direction=position.direction,
        initial_volume_lots=position.volume_lots,
        initial_stop_loss=position.stop_loss,
        account_currency=snapshot.account.currency,
        terms=terms,
        state=State.HEALTHY,
        state_entered_at=snapshot.at,
        registered_at=snapshot.at,
        updated_at=snapshot.at,
    )


def _already(trade: Trade) -> tuple[Trade, bool]:
    log.info("trade already registered", ticket=trade.ticket, state=trade.state)
    return trade, True


def _refuse_conflict(known: Trade | None, claim: Claim) -> None:
    wrong = _differing(known.symbol, known.direction, claim) if known else []
    if wrong:
        raise TicketConflict(ticket=claim.ticket, fields=", ".join(wrong))


def _differing(symbol: str, direction: Direction, claim: Claim) -> list[str]:
    wrong = ["symbol"] if symbol != claim.symbol else []
    return [*wrong, "direction"] if direction is not claim.direction else wrong
