"""Prices an action for a trade: by the newest quote, and the positions as they were read last."""

import structlog

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order
from dtms_server.domain.analysis import Analysis
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import DealEntry, Quote
from dtms_server.domain.policy import Policy
from dtms_server.domain.situation import Wish, is_of_now
from dtms_server.domain.sizing import Market, Needless, NotYet, Sized, size
from dtms_server.domain.trade import Trade
from dtms_server.engine.roster import Roster
from dtms_server.engine.scores import Scores
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()


class Prices:
    """Reads quotes, and makes orders of wishes."""

    def __init__(self, roster: Roster, view: TerminalView, scores: Scores, policy: Policy) -> None:
        self._roster = roster
        self._view = view
        self._scores = scores
        self._policy = policy

    async def quote(self, symbol: str) -> Quote | None:
        """Return the newest quote; None where the terminal answers an error. Raises
        TerminalLost."""
        try:
            return await self._view.quote(symbol)
        except TerminalFailed as fault:
            log.warning("no quote", symbol=symbol, error=fault.message)
            return None

    async def size(self, trade: Trade, wish: Wish, quote: Quote) -> Sized:
        """Return the action's order for the trade's position as it was read last. Raises
        TerminalLost."""
        picture, policy, kind = self._view.picture, self._policy.defence, wish.kind
        position, hedge = picture.position_of(trade), picture.hedge_of(trade)
        if wish.stray_id is not None:
            hedge = picture.by_identifier.get(wish.stray_id)
        market = self._market(trade.symbol, quote)
        family = self._roster.family_lots(trade)
        sized = size(kind, trade, position, hedge, market, policy, family_lots=family)
        if kind is not ActionKind.BREAK_EVEN or not isinstance(sized, Order | Needless):
            return sized
        paid = await self._commission(trade)  # asked for only where it can matter
        if paid is None:
            return NotYet("what the entry has cost is not told")
        return size(kind, trade, position, hedge, market, policy, commission=paid)

    async def size_anew(self, trade: Trade, wish: Wish) -> Sized:
        """Return the same for the position as it is now: since it was read its bot may have moved
        its target, which an order of ours would put back. Raises TerminalLost."""
        await self._view.read()
        quote = await self.quote(trade.symbol)
        return NotYet("no quote") if quote is None else await self.size(trade, wish, quote)

    def _market(self, symbol: str, quote: Quote) -> Market:
        reading = self._scores.reading(symbol)
        analysis, now = reading.analysis if reading else None, self._view.newest.at
        if isinstance(analysis, Analysis) and is_of_now(analysis, now, self._policy):
            return Market.of(quote, analysis)
        return Market.of(quote, None)

    async def _commission(self, trade: Trade) -> float | None:
        """Return what the position's entry has cost, in the account's currency, at least 0; None
        where its deal is not told: that is not the same as nothing."""
        deals = await self._view.deals(trade.position_id)
        paid = [deal.commission + deal.fee for deal in deals if deal.entry is DealEntry.IN]
        return max(0.0, -sum(paid)) if paid else None
