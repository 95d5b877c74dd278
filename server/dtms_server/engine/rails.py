"""The rails of one account: what holds an action back now, and the memory of it on disk."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from dtms_server.domain.action_kinds import OPENINGS, ActionKind
from dtms_server.domain.errors import NotReady
from dtms_server.domain.market import CashFlow, Quote, Snapshot, TradeMode
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Latch, Rail, RailMemory, count_stops, observe, restart
from dtms_server.domain.timers import bar_end
from dtms_server.domain.trade import Direction
from dtms_server.engine.funds import LATE, Told, news
from dtms_server.engine.roster import Roster
from dtms_server.engine.spreads import Spreads
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

NOTE: Final = "rails"
"""The key of what is kept on disk."""
WRITE_EVERY: Final = timedelta(minutes=1)
COUNTED_FOR: Final = timedelta(days=1)
"""How long a payment is remembered, lest it counts again."""
CENT: Final = 0.005
"""Money that is rounding."""
DUST: Final = 1e-6
"""Points that are binary rounding."""
CLOSED_TO: Final = {
    TradeMode.CLOSE_ONLY: frozenset(Direction),
    TradeMode.LONG_ONLY: frozenset({Direction.SELL}),
    TradeMode.SHORT_ONLY: frozenset({Direction.BUY}),
}
"""The sides on which nothing may be opened."""
SUMMER_TIME_SECONDS: Final = 3600
"""By how much a server's clock changes within a day."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on disk: the memory as of `seen_at`, the money that only deals and payments move,
    the payments that were counted within a day, the newest deal that was, the server's offset from
    UTC, and since when there is money that neither deals nor payments explain."""

    memory: RailMemory
    seen_at: datetime
    funds: float
    cash: tuple[CashFlow, ...]
    offset_seconds: int
    last_deal: int = 0
    puzzled_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToldClosed:
    """When the broker told that a market is closed, and the quote after which that is over."""

    at: datetime
    until: datetime


class Rails:
    """Judges each action of the account; `observe` is to be told every snapshot."""

    def __init__(self, roster: Roster, view: TerminalView, policy: Policy) -> None:
        self._roster = roster
        self._view = view
        self._policy = policy
        self._spreads = Spreads(view, policy)
        self._lock = asyncio.Lock()
        self._kept: Kept | None = None
        self._loaded = False
        self._written_at: datetime | None = None
        self._counted_head = -1
        self._told_closed: dict[str, ToldClosed] = {}

    @property
    def latched(self) -> tuple[Latch, ...]:
        """The rails that hold until the next server day, as of the last snapshot."""
        return self._kept.memory.latches if self._kept else ()

    async def observe(self, snapshot: Snapshot) -> None:
        """Learn from a snapshot what the account is worth, and from the ledger how trades closed.

        Raises TerminalLost, StoreFailed.
        """
        self._spreads.next_cycle()
        async with self._lock:
            kept = await self._load()
            await self._learn_offset(snapshot.at)
            kept = await self._seen(kept, snapshot)
            head = self._roster.ledger.journal.head
            if head != self._counted_head:
                memory = await self._stops_counted(kept.memory, snapshot.at)
                kept = replace(kept, memory=memory)
            await self._keep(kept)
            self._counted_head = head

    async def blocking(
        self,
        kind: ActionKind,
        direction_opened: Direction | None,
        quote: Quote | None,
        snapshot: Snapshot,
        paused: bool,
    ) -> Rail | None:
        """Return the first rail that holds an action back; `quote` None: it could not be read, and
        `direction_opened` None: it opens nothing. Raises TerminalLost, StoreFailed."""
        if paused:
            return Rail.PAUSED
        if not (snapshot.trade_allowed and snapshot.account.trade_allowed):
            return Rail.NOT_ALLOWED
        if quote is None:
            return Rail.STALE_DATA
        if not self.is_open(quote, snapshot.at) or (
            direction_opened in CLOSED_TO.get(quote.instrument.trade_mode, ())
        ):
            return Rail.MARKET_CLOSED
        return await self._holding_openings(quote, snapshot.at) if kind in OPENINGS else None

    def is_open(self, quote: Quote, now: datetime) -> bool:
        """Is the symbol's market open, by its newest quote?"""
        symbol = quote.instrument.symbol
        told = self._told_closed.get(symbol)
        fresh = timedelta(seconds=self._policy.analysis.fresh_quote_seconds)
        return (
            quote.instrument.trade_mode is not TradeMode.DISABLED
            and now - quote.at < fresh
            and (told is None or quote.at > told.until)
        )

    def market_closed(self, symbol: str, at: datetime) -> None:
        """The broker has told that the market is closed; that counts until the next quote. Where it
        then is told again, quotes go on all the same: it counts until the next M5 bar."""
        told = self._told_closed.get(symbol)
        fresh = timedelta(seconds=self._policy.analysis.fresh_quote_seconds)
        again = told is not None and timedelta(0) < at - told.at < fresh  # not by another trade
        self._told_closed[symbol] = ToldClosed(at, bar_end(at) if again else at)

    async def spread_limit(self, symbol: str, now: datetime) -> float | None:
        """Return how wide the symbol's spread may be, in points; None where that is not known, so
        that no spread is too wide. Raises TerminalLost."""
        return await self._spreads.limit(symbol, now)

    async def reset(self) -> tuple[Rail, ...]:
        """Lift the latched rails and return which they were; what is seen from now on counts.

        Raises NotReady, StoreFailed.
        """
        async with self._lock:
            kept, last = await self._load(), self._view.last
            if last is None:
                raise NotReady(reason="the account was not read yet")
            if kept is None:
                return ()
            memory = restart(kept.memory, last.at, last.account.equity)
            self._written_at = None
            await self._keep(replace(kept, memory=memory))
        return tuple(latch.rail for latch in kept.memory.latches)

    async def _holding_openings(self, quote: Quote, now: datetime) -> Rail | None:
        limit = await self.spread_limit(quote.instrument.symbol, now)
        if limit is not None and quote.spread > (limit + DUST) * quote.instrument.point:
            return Rail.SPREAD
        async with self._lock:
            kept = await self._load()
        return kept.memory.holding if kept else None

    async def _seen(self, kept: Kept | None, snapshot: Snapshot) -> Kept:
        """Return what is to be kept after a snapshot; the payments since are no gain or loss.

        While the history does not tell yet why there is more or less money, nothing is judged, but
        no longer than such a thing may take.
        """
        account, at = snapshot.account, snapshot.at
        funds = account.equity - account.profit
        told = Told((), kept.last_deal if kept else 0, 0.0)
        if kept is None:  # what is told already explains nothing that comes
            told = await news(self._view, at, at, (), 0)
        elif abs(funds - kept.funds) >= CENT:
            told = await news(self._view, kept.seen_at, at, kept.cash, kept.last_deal)
        if kept is not None and abs(funds - kept.funds - told.money) >= CENT:
            puzzled_since = kept.puzzled_since or at
            if abs(at - puzzled_since) < LATE:
                return replace(kept, puzzled_since=puzzled_since)
        memory = observe(
            kept.memory if kept else None,
            at,
            account.equity,
            told.cash,
            self._spreads.day_start(at),
            self._policy.defence.rails,
        )
        counted = (*(kept.cash if kept else ()), *told.cash)
        recent = tuple(flow for flow in counted if abs(at - flow.at) < COUNTED_FOR)
        return Kept(memory, at, funds, recent, self._spreads.offset_seconds, told.last_deal)

    async def _stops_counted(self, memory: RailMemory, at: datetime) -> RailMemory:
        rails = self._policy.defence.rails
        trades = self._roster.ledger.trades
        closed = await trades.last_closed(rails.losing_streak, memory.streak_from)
        return count_stops(memory, at, closed, rails)

    async def _learn_offset(self, now: datetime) -> None:
        """Learn by how much the server's clock is ahead, once a day from any symbol's charts. In
        between the last charts may tell that summer time came or went; a host that has just started
        tells what it was configured with until ticks have taught it, which is no reason."""
        told, spreads = self._view.server_offset_seconds, self._spreads
        if (
            told is not None
            and spreads.offset_day is not None
            and abs(told - spreads.offset_seconds) <= SUMMER_TIME_SECONDS
        ):
            spreads.offset_seconds = told
        symbols = {trade.symbol for trade in self._roster}
        if symbols and self._spreads.offset_day != self._spreads.day(now):
            await self._spreads.limit(min(symbols), now)

    async def _load(self) -> Kept | None:
        if not self._loaded:
            text = await self._roster.ledger.notes.read(NOTE)
            self._kept = None if text is None else _read(text)
            if self._kept is not None:
                self._spreads.offset_seconds = self._kept.offset_seconds
            self._loaded = True
        return self._kept

    async def _keep(self, kept: Kept) -> None:
        """Keep it in memory; on disk first where it is news, or a minute has passed."""
        before, written_at = self._kept, self._written_at
        news = before is None or (before.memory.latches, before.cash, before.memory.day_start) != (
            kept.memory.latches,
            kept.cash,
            kept.memory.day_start,
        )
        if news or written_at is None or abs(kept.seen_at - written_at) >= WRITE_EVERY:
            await self._roster.ledger.notes.write(NOTE, msgspec.json.encode(kept).decode())
            self._written_at = kept.seen_at
        self._kept = kept


def _read(text: str) -> Kept | None:
    """Return what was kept; None, told as an error, for what cannot be read: without it rails begin
    anew, which is better than no guard at all."""
    try:
        return msgspec.json.decode(text, type=Kept)
    except msgspec.DecodeError as fault:
        log.error("memory of the rails not read", error=str(fault))  # noqa: TRY400 - told in full
        return None
