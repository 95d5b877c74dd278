"""Defends the trades: decides for each, and carries out what is wished for."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Final

import structlog

from dtms_server.domain import outcome
from dtms_server.domain.action_kinds import OPENINGS, ActionKind
from dtms_server.domain.actions import Action, ActionState, Answer, Order, Verb, Verdict
from dtms_server.domain.analysis import Analysis
from dtms_server.domain.decision import decide
from dtms_server.domain.market import MarginMode, Quote
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Rail
from dtms_server.domain.scoring import Score
from dtms_server.domain.situation import Situation, Wish
from dtms_server.domain.sizing import NO_DATA, Impossible, Needless, NotYet, Sized
from dtms_server.domain.trade import Protection, Trade
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.draft import Draft
from dtms_server.engine.orders import NEXT_CYCLE, Orders
from dtms_server.engine.prices import Prices
from dtms_server.engine.rails import Rails
from dtms_server.engine.roster import Roster
from dtms_server.engine.scores import Scores
from dtms_server.engine.switch import Switch
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

TURN: Final = 100
"""Trades after which others on the event loop get their turn."""


class Step(Enum):
    """What follows on a wish: the next wish, nothing more in this cycle, or a new decision."""

    NEXT = "NEXT"
    STOP = "STOP"
    DONE = "DONE"


class Defence:
    """One pass over all active trades; each under its lock, one action at a time."""

    def __init__(
        self,
        roster: Roster,
        view: TerminalView,
        scores: Scores,
        rails: Rails,
        switch: Switch,
        prices: Prices,
        orders: Orders,
        clock: TerminalClock,
        policy: Policy,
    ) -> None:
        self._roster = roster
        self._view = view
        self._scores = scores
        self._rails = rails
        self._switch = switch
        self._prices = prices
        self._orders = orders
        self._clock = clock
        self._policy = policy

    async def run(self) -> None:
        """Defend every active trade as the last snapshot shows it. Raises TerminalLost."""
        for turn, trade in enumerate(self._roster):
            async with self._roster.lock(trade.ticket):
                await self._defend(trade.ticket)
            if turn % TURN == TURN - 1:
                await asyncio.sleep(0)

    async def carry_out(self, trade: Trade, wish: Wish) -> str | None:
        """Carry out one wish at once, for a caller that holds the trade's lock; return None where
        it was done, else in words what held it up. Raises TerminalLost."""
        draft = Draft(trade, self._view.newest.at)
        step, why = await self._try(draft, wish)
        await self._roster.record(*draft.taken())
        return None if step is Step.DONE else why

    async def _defend(self, ticket: int) -> None:
        for _ in range(self._policy.defence.sending.rounds_a_cycle):
            trade = self._roster.get(ticket)
            if trade is None:
                return
            decision = decide(trade, self._situation(trade), self._policy)
            draft = Draft(trade, self._view.newest.at)
            draft.tell(*decision.events)
            step = await self._pursue(draft, decision.wishes)
            await self._roster.record(*draft.taken())
            if step is not Step.DONE:
                return

    def _situation(self, trade: Trade) -> Situation:
        snapshot, picture = self._view.newest, self._view.picture
        reading = self._scores.reading(trade.symbol)
        analysis = reading.analysis if reading else None
        score = reading.scores[trade.direction] if reading else None
        pending = self._roster.unsettled(trade.ticket)
        return Situation(
            now=snapshot.at,
            position=picture.position_of(trade),
            hedge=picture.hedge_of(trade),
            analysis=analysis if isinstance(analysis, Analysis) else None,
            score=score if isinstance(score, Score) else None,
            can_hedge=snapshot.account.margin_mode is MarginMode.HEDGING,
            pending=pending.kind if pending else None,
        )

    async def _pursue(self, draft: Draft, wishes: tuple[Wish, ...]) -> Step:
        for wish in wishes:
            step, _ = await self._try(draft, wish)
            if step is not Step.NEXT:
                return step
        return Step.NEXT

    async def _try(self, draft: Draft, wish: Wish) -> tuple[Step, str]:
        """Carry out a wish if nothing speaks against it; return what follows, and what did."""
        trade, now = draft.trade, self._view.newest.at
        parked = self._orders.parked(trade.ticket, wish.kind, now)
        if parked is not None:
            step = Step.NEXT if parked.behind else _unless_exit(wish)
            return step, "the broker refused it for now"
        quote = await self._prices.quote(trade.symbol)
        if wish.due_at is not None and not await self._is_timely(wish, quote):
            return Step.NEXT, "the timer waits for a fresh price"
        sized = await self._prices.size(trade, wish, quote) if quote else None
        action = self._action(trade, wish, sized, quote)
        rail = await self._rail(trade, wish.kind, quote)
        if rail is None and sized in NO_DATA:
            rail = Rail.STALE_DATA
        if rail is not None:
            event = outcome.blocked(trade, replace(action, id="", sends=0), rail)
            draft.tell(*([event] if event else []))
            return Step.NEXT, rail
        match sized:
            case Order() if trade.terms.protection is Protection.OBSERVE:
                advice = outcome.advised(trade, replace(action, id="", sends=0))
                draft.tell(*([advice] if advice else []))
                return _as_if_done(wish), "it is only observed"
            case Order():
                return await self._place(draft, wish, action)
            case Impossible() if wish.kind is ActionKind.CLOSE_BY:
                return Step.NEXT, sized.reason
            case Impossible():
                why = f"{sized.code}: {sized.reason}"
                draft.tell(outcome.failed(trade, replace(action, sends=0), now, why, for_good=True))
                return Step.NEXT, why
            case Needless():
                draft.tell(outcome.lapsed(trade, action, now, sized.reason))
                return Step.NEXT, sized.reason
            case NotYet() | None:
                return Step.NEXT, sized.reason if sized else Rail.STALE_DATA

    async def _place(self, draft: Draft, wish: Wish, action: Action) -> tuple[Step, str]:
        async def resize() -> Sized:
            return await self._prices.size_anew(draft.trade, wish)

        fresh = await resize()
        if not isinstance(fresh, Order):
            return _next_cycle(wish), "the market, or the position, has changed meanwhile"
        now = self._clock.now()
        action = replace(action, order=fresh, started_at=now, sent_at=now)
        answer = await self._orders.place(draft, action, wish.exits, resize)
        draft.go_on_from(await self._roster.any(action.ticket) or draft.trade)
        if answer is None:
            return Step.NEXT, Rail.PAUSED
        if answer.verdict is Verdict.MARKET_CLOSED:
            self._rails.market_closed(action.order.symbol, self._view.newest.at)
        if self._roster.unsettled(action.ticket) is not None:
            return Step.STOP, "its outcome is not known yet"
        if answer.verdict in (Verdict.DONE, Verdict.UNKNOWN):
            return Step.DONE, ""
        return _after_refusal(wish, answer), f"{answer.retcode} {answer.message}"

    def _action(self, trade: Trade, wish: Wish, sized: Sized | None, quote: Quote | None) -> Action:
        """Return the intent of a wish; where nothing can be sent, of what it would be about."""
        order = sized if isinstance(sized, Order) else _nothing(trade, quote)
        now = self._clock.now()
        return Action(
            id=secrets.token_hex(8),
            ticket=trade.ticket,
            kind=wish.kind,
            state=ActionState.STARTED,
            reason=wish.reason,
            order=order,
            started_at=now,
            sent_at=now,
        )

    async def _rail(self, trade: Trade, kind: ActionKind, quote: Quote | None) -> Rail | None:
        opened = trade.direction
        if kind is ActionKind.OPEN_HEDGE:
            opened = opened.opposite
        return await self._rails.blocking(
            kind,
            opened if kind in OPENINGS else None,
            quote,
            self._view.newest,
            self._switch.paused,
        )

    async def _is_timely(self, wish: Wish, quote: Quote | None) -> bool:
        """May a timer that has run out act on this price?"""
        states, now = self._policy.defence.states, self._view.newest.at
        assert wish.due_at is not None
        if quote is None or now - quote.at > timedelta(seconds=states.timer_tick_seconds):
            return False
        if now >= wish.due_at + timedelta(minutes=states.timer_spread_minutes):
            return True
        limit = await self._rails.spread_limit(quote.instrument.symbol, now)
        return limit is None or quote.spread <= limit * quote.instrument.point


def _as_if_done(wish: Wish) -> Step:
    """Once hedged or closed, it would need nothing more."""
    return Step.STOP if wish.exits or wish.kind is ActionKind.OPEN_HEDGE else Step.NEXT


def _next_cycle(wish: Wish) -> Step:
    """The next cycle decides anew; a close-by has other ways beside it."""
    return Step.NEXT if wish.kind is ActionKind.CLOSE_BY else Step.STOP


def _after_refusal(wish: Wish, answer: Answer) -> Step:
    """What the broker wants closed first may be the exit's other position."""
    if answer.verdict in NEXT_CYCLE:
        return _next_cycle(wish)
    return Step.NEXT if answer.verdict is Verdict.FIFO else _unless_exit(wish)


def _unless_exit(wish: Wish) -> Step:
    """While an exit is pending the trade's other actions wait. A hedge that the broker does not
    take now, for want of margin say, holds nothing up."""
    return _next_cycle(wish) if wish.exits else Step.NEXT


def _nothing(trade: Trade, quote: Quote | None) -> Order:
    price = quote.closing_price(trade.direction) if quote else trade.terms.entry_price
    return Order(Verb.PROTECT, trade.symbol, trade.direction, price)
