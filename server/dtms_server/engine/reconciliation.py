"""Brings the trades in line with what the terminal shows: found, changed, or proved closed."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from enum import StrEnum

import structlog

from dtms_server.domain import events, outcome, reconcile
from dtms_server.domain.events import ChangeCause, TradeChanged, TradeClosed, TradeRecovered
from dtms_server.domain.market import Deal, Position, Snapshot
from dtms_server.domain.policy import Policy
from dtms_server.domain.reconcile import Picture
from dtms_server.domain.trade import Trade
from dtms_server.engine.draft import Draft
from dtms_server.engine.roster import Roster
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Leg(StrEnum):
    """What a trade is to a position that was renamed."""

    SAME = "SAME"
    GONE = "GONE"
    UNKNOWN = "UNKNOWN"


class Part(StrEnum):
    """What of a trade may be absent."""

    POSITION = "POSITION"
    HEDGE = "HEDGE"


Missing = tuple[int, Part]
"""A trade's ticket, and what of it is not listed."""


class Reconciliation:
    """One comparison of all guarded trades with the terminal, and what follows from it."""

    def __init__(self, roster: Roster, view: TerminalView, policy: Policy) -> None:
        self._roster = roster
        self._view = view
        self._policy = policy

    async def run(self, snapshot: Snapshot) -> None:
        """Write what `snapshot` shows; a trade whose position, or hedge, is absent is looked into
        further.

        Raises TerminalLost where a further read fails; what is written by then is true.
        """
        absent = await self._compare(snapshot)
        if not absent:
            return
        second = await self._view.read_again()
        absent &= await self._compare(second)
        await self._each(self._prove(missing, second) for missing in _in_turn(absent))

    async def tell_recovered(self, snapshot: Snapshot) -> None:
        """Tell of every trade that was found again after a start."""
        found = [t for t in self._roster if t.is_guarded and not t.terms.closing_unconfirmed]
        await self._each(
            self._roster.record(events.change(trade, TradeRecovered(), snapshot.at))
            for trade in found
        )

    async def _compare(self, snapshot: Snapshot) -> set[Missing]:
        """Write all changes and return what is absent.

        The look over all trades awaits nothing, so that no trade can join the roster between the
        snapshot and the look: one that the snapshot is too old to show is never called absent.
        """
        picture = Picture.of(snapshot)
        changed, absent = [], set()
        for trade in self._roster:
            position, hedge = picture.position_of(trade), picture.hedge_of(trade)
            if not trade.is_guarded:
                position = None
            if reconcile.seen(trade, position, hedge) is not None:
                changed.append(trade.ticket)
            if not snapshot.shows_absence:
                continue
            if trade.is_guarded and position is None:
                absent.add((trade.ticket, Part.POSITION))
            if trade.terms.hedge is not None and hedge is None:
                absent.add((trade.ticket, Part.HEDGE))
        await self._each(self._follow(ticket, picture, snapshot) for ticket in changed)
        return absent

    async def look_closer(self, ticket: int, position: Position, snapshot: Snapshot) -> Leg:
        """Tell what a trade is to a position that bears its identifier and another ticket; the
        trade is closed if its deals prove that."""
        async with self._roster.lock(ticket):
            trade = self._roster.get(ticket)
            return Leg.GONE if trade is None else await self._leg(trade, position, snapshot)

    async def _follow(self, ticket: int, picture: Picture, snapshot: Snapshot) -> None:
        async with self._roster.lock(ticket):
            trade = self._roster.get(ticket)
            if trade is None:
                return
            position = picture.position_of(trade) if trade.is_guarded else None
            # to take a new ticket without proof would take the proof of a close along
            renamed = position is not None and reconcile.is_renamed(trade, position)
            if renamed and not await self._is_same(trade, position, snapshot):
                return
            change = reconcile.seen(trade, position, picture.hedge_of(trade))
            if change is not None:
                await self._roster.record(events.change(trade, change, snapshot.at))

    async def _is_same(self, trade: Trade, position: Position | None, snapshot: Snapshot) -> bool:
        if position is None:
            return False
        return await self._leg(trade, position, snapshot) is Leg.SAME

    async def _leg(self, trade: Trade, position: Position, snapshot: Snapshot) -> Leg:
        deals = await self._view.deals(trade.position_id)
        if await self._is_closed(trade, deals, snapshot):
            return Leg.GONE
        same = position.direction is trade.direction
        if same and reconcile.is_same_leg(trade, position, deals):
            return Leg.SAME
        log.warning("position renamed, its deals do not tell why yet", ticket=trade.ticket)
        return Leg.UNKNOWN

    async def _prove(self, missing: Missing, snapshot: Snapshot) -> None:
        ticket, part = missing
        async with self._roster.lock(ticket):
            trade = self._roster.get(ticket)
            if trade is None:
                return
            if part is Part.HEDGE:
                await self._prove_hedge_gone(trade, snapshot)
            elif trade.is_guarded:
                await self._prove_closed(trade, snapshot)

    async def _prove_closed(self, trade: Trade, snapshot: Snapshot) -> None:
        deals = await self._view.deals(trade.position_id)
        closed = await self._is_closed(trade, deals, snapshot)
        if not closed and not trade.terms.closing_unconfirmed:
            await self._doubt(trade, snapshot)

    async def _prove_hedge_gone(self, trade: Trade, snapshot: Snapshot) -> None:
        hedge = trade.terms.hedge
        if hedge is None:
            return
        proof = reconcile.hedge_closing(trade, await self._view.deals(hedge.position_id))
        if proof is None:
            log.warning("hedge gone without closing deals", ticket=trade.ticket)
            return
        draft = Draft(trade, snapshot.at)
        draft.tell(*outcome.hedge_gone(trade, proof, snapshot.at, self._policy))
        await self._roster.record(*draft.taken())
        log.info("hedge gone", ticket=trade.ticket, reason=proof.reason, profit=proof.profit)

    async def _is_closed(self, trade: Trade, deals: Iterable[Deal], snapshot: Snapshot) -> bool:
        proof = reconcile.closing(trade, deals)
        if proof is None:
            return False
        await self._roster.record(events.change(trade, TradeClosed(proof), snapshot.at))
        log.info("trade closed", ticket=trade.ticket, reason=proof.reason, profit=proof.profit)
        return True

    async def _doubt(self, trade: Trade, snapshot: Snapshot) -> None:
        after = replace(trade.terms, closing_unconfirmed=True)
        change = TradeChanged(ChangeCause.PRESENCE, trade.terms, after)
        await self._roster.record(events.change(trade, change, snapshot.at))
        log.warning("position gone without closing deals", ticket=trade.ticket)

    async def _each(self, steps: Iterable[Awaitable[None]]) -> None:
        """Finish all steps, side by side so that the journal commits them as one group; then
        raise the first fault among them."""
        for ended in await asyncio.gather(*steps, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended


def _in_turn(absent: Iterable[Missing]) -> list[Missing]:
    """Return a trade's position before its hedge: a hedge that goes after its trade starts
    nothing."""
    return sorted(absent, key=lambda missing: (missing[0], missing[1] is Part.HEDGE))
