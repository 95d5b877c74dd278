"""One trade under the defence, with its hedges and what was added to it again, on an account of its
own."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol

from dtms_server.domain import arming, events, outcome, reconcile
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Order, Verb
from dtms_server.domain.decision import decide, in_grace
from dtms_server.domain.events import TradeClosed, TradeEvent, TradeRegistered
from dtms_server.domain.market import Account, AccountKind, MarginMode
from dtms_server.domain.outcome import Effect
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Rail
from dtms_server.domain.situation import Situation, Wish
from dtms_server.domain.sizing import NO_DATA, Impossible, Needless, NotYet, Sized, size
from dtms_server.domain.timers import runs_out_at
from dtms_server.domain.trade import Hedge, Trade
from dtms_server.replay.book import Book, Holding
from dtms_server.replay.market import Moment
from dtms_server.replay.tally import Tally

ACCOUNT: Final = Account(
    login=1,
    server="replay",
    currency="USD",
    kind=AccountKind.DEMO,
    margin_mode=MarginMode.HEDGING,
    balance=0.0,
    equity=0.0,
    profit=0.0,
    margin=0.0,
    trade_allowed=True,
)


class Rails(Protocol):
    """What may hold actions back."""

    def observe(self, moment: Moment, closed: Iterable[Trade]) -> None:
        """Learn what the account is worth, and which trades have closed, newest first."""

    def blocking(self, kind: ActionKind, moment: Moment) -> Rail | None:
        """Return the rail that holds an action back now; None: nothing does."""

    def is_timely(self, due_at: datetime, moment: Moment) -> bool:
        """May a timer that ran out at `due_at` act now?"""


class Guarded:
    """The trade and those added to it again, by ticket, as the domain's own functions move them."""

    def __init__(self, book: Book, rails: Rails, policy: Policy, tally: Tally) -> None:
        self._book = book
        self._rails = rails
        self._policy = policy
        self._tally = tally
        self.trades: dict[int, Trade] = {}
        self._waiting: set[int] = set()  # trades whose break-even waits for a better price

    def arm(self, held: Holding, moment: Moment) -> None:
        """Put a position under guard."""
        position = self._book.position(held.ticket, moment)
        assert position is not None, "a position that was just opened"
        trade = arming.armed(held.ticket, position, ACCOUNT, moment.at, self._policy)
        self._tell(held.ticket, moment.at, TradeRegistered(trade, rearmed=False))

    def live(self, moment: Moment) -> None:
        """See what the market did, decide for every trade, and do what is wished for."""
        self._waiting.clear()
        self.see_all(moment)
        self._rails.observe(moment, self._closed())
        decided = 0
        while decided < len(self.trades):  # which may grow meanwhile
            self._defend(list(self.trades)[decided], moment)
            decided += 1

    def see(self, ticket: int, moment: Moment) -> None:
        """Tell what is gone: the trade's position, its hedge."""
        trade, ended = self.trades[ticket], self._book.ended
        if trade.is_guarded and trade.position_id in ended:
            self._tell(ticket, moment.at, TradeClosed(ended[trade.position_id]))
        hedge = trade.terms.hedge
        if hedge is not None and hedge.ticket in ended:
            trade = self.trades[ticket]
            gone = outcome.hedge_gone(trade, ended[hedge.ticket], moment.at, self._policy)
            self._tell(ticket, moment.at, *gone)

    def see_all(self, moment: Moment) -> None:
        """Tell what is gone of every trade."""
        for ticket in self.trades:
            self.see(ticket, moment)

    def in_grace(self, now: datetime) -> list[Trade]:
        """Return the trades that a price may take out of their grace."""
        return [
            trade
            for trade in self.trades.values()
            if trade.is_guarded and trade.terms.r_distance and in_grace(trade, now)
        ]

    def timers(self, moment: Moment) -> list[datetime]:
        """Return when the trades' timers and grace run out; those that have wait for a better
        price."""
        due = [
            runs_out_at(trade, moment.at, moment.analysis)
            for trade in self.trades.values()
            if trade.is_guarded
        ]
        due += [trade.terms.grace_until for trade in self.in_grace(moment.at)]
        return [at for at in due if at is not None]

    def waits_for_break_even(self) -> list[Trade]:
        """Return the trades whose stop goes to break-even as soon as the price is past it."""
        return [self.trades[ticket] for ticket in sorted(self._waiting)]

    def sized(self, ticket: int, kind: ActionKind, moment: Moment) -> Sized:
        """Return what an action asks for at a moment."""
        trade, book = self.trades[ticket], self._book
        hedge = trade.terms.hedge
        held = book.held.get(trade.position_id)
        return size(
            kind,
            trade,
            book.position(trade.position_id, moment),
            book.position(hedge.ticket, moment) if hedge else None,
            moment.market,
            self._policy.defence,
            commission=held.commission if held else 0.0,
            family_lots=self._family_lots(),
        )

    def _defend(self, ticket: int, moment: Moment) -> None:
        for _ in range(self._policy.defence.sending.rounds_a_cycle):
            if not (self.trades[ticket].is_active and self._decide(ticket, moment)):
                return

    def _decide(self, ticket: int, moment: Moment) -> bool:
        """Decide once; return whether something was done, so that a new decision is due."""
        decision = decide(self.trades[ticket], self._situation(ticket, moment), self._policy)
        if decision.events:
            self._tell(ticket, moment.at, *decision.events)
        for wish in decision.wishes:
            if wish.due_at is not None and not self._rails.is_timely(wish.due_at, moment):
                continue
            if self._try(ticket, wish, moment):
                return True
        return False

    def _situation(self, ticket: int, moment: Moment) -> Situation:
        trade = self.trades[ticket]
        hedge = trade.terms.hedge
        return Situation(
            now=moment.at,
            position=self._book.position(trade.position_id, moment),
            hedge=self._book.position(hedge.ticket, moment) if hedge else None,
            analysis=moment.analysis,
            score=moment.score(trade.direction),
            can_hedge=True,
        )

    def _try(self, ticket: int, wish: Wish, moment: Moment) -> bool:
        """Do what is wished for, if it can be done now; return whether it was done."""
        rail = self._rails.blocking(wish.kind, moment)
        sized = self.sized(ticket, wish.kind, moment)
        if rail is None and sized in NO_DATA:
            rail = Rail.STALE_DATA
        action = _action(self.trades[ticket], wish, sized, moment)
        if rail is not None:
            told = outcome.blocked(self.trades[ticket], action, rail)
            if told is not None:
                self._tell(ticket, moment.at, told)
            return False
        trade = self.trades[ticket]
        match sized:
            case Order():
                self._place(ticket, wish, action, moment)
                return True
            case Needless(reason=reason):
                self._tell(ticket, moment.at, outcome.lapsed(trade, action, moment.at, reason))
            case NotYet() if wish.kind is ActionKind.BREAK_EVEN:
                self._waiting.add(ticket)
            case Impossible(code=code) if wish.kind is not ActionKind.CLOSE_BY:
                failed = outcome.failed(trade, action, moment.at, code, for_good=True)
                self._tell(ticket, moment.at, failed)
        return False

    def _place(self, ticket: int, wish: Wish, action: Action, moment: Moment) -> None:
        """Carry an order out, and tell all that follows from it."""
        started = outcome.started(self.trades[ticket], action, exits=wish.exits)
        self._tell(ticket, moment.at, started)
        became, opened = self._book.carry_out(action.order, moment)
        trade = self.trades[ticket]
        terms = reconcile.terms_now(
            trade.terms,
            self._book.position(trade.position_id, moment),
            self._book.position(trade.terms.hedge.ticket, moment) if trade.terms.hedge else None,
        )
        hedge = None
        if opened is not None and wish.kind is ActionKind.OPEN_HEDGE:
            hedge = Hedge(opened.ticket, opened.ticket, opened.lots, moment.at)
        effect = Effect(became, terms, hedge)
        self._tell(ticket, moment.at, *outcome.done(trade, action, effect, moment.at, self._policy))
        if opened is not None and wish.kind is ActionKind.READD:
            self._add_again(ticket, opened, moment)
        self.see(ticket, moment)

    def _add_again(self, parent: int, opened: Holding, moment: Moment) -> None:
        position = self._book.position(opened.ticket, moment)
        assert position is not None, "a position that was just opened"
        child = arming.readded(self.trades[parent], position, ACCOUNT, moment.at, self._policy)
        self._tell(opened.ticket, moment.at, TradeRegistered(child, rearmed=False))

    def _closed(self) -> list[Trade]:
        gone = [trade for trade in self.trades.values() if trade.closing is not None]
        return sorted(gone, key=lambda trade: trade.state_entered_at, reverse=True)

    def _family_lots(self) -> float:
        held = self._book.held
        return sum(held[ticket].lots for ticket in self.trades if ticket in held)

    def _tell(self, ticket: int, at: datetime, *told: TradeEvent) -> None:
        for event in told:
            before = self.trades.get(ticket)
            self._tally.event(before, event)
            self.trades[ticket] = events.apply(before, event, at)


def _action(trade: Trade, wish: Wish, sized: Sized, moment: Moment) -> Action:
    """Return the action as it begins; where nothing can be sent, what it would be about."""
    order = sized if isinstance(sized, Order) else _nothing(trade, moment)
    return Action(
        id="",
        ticket=trade.ticket,
        kind=wish.kind,
        state=ActionState.STARTED,
        reason=wish.reason,
        order=order,
        started_at=moment.at,
        sent_at=moment.at,
    )


def _nothing(trade: Trade, moment: Moment) -> Order:
    price = moment.quote.closing_price(trade.direction)
    return Order(Verb.PROTECT, trade.symbol, trade.direction, price)
