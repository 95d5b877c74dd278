"""Trades that a replay defends, one by one, and all that is told of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from dtms_server.domain.actions import Action, Became, Order, Verb
from dtms_server.domain.events import (
    ActionDone,
    ActionFailed,
    ActionStarted,
    StateChanged,
    TradeClosed,
    TradeEvent,
)
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.scoring import BandPolicy
from dtms_server.domain.trade import Direction, State, Trade
from dtms_server.replay.book import Book, Holding
from dtms_server.replay.defended import Defended
from dtms_server.replay.entries import Entry, entries
from dtms_server.replay.guarded import Guarded
from dtms_server.replay.history import History
from dtms_server.replay.market import Moment, Moments
from dtms_server.replay.plan import LOTS, Plan
from dtms_server.replay.rails import AllRails, ClosedMarket, SpreadLimits
from dtms_server.replay.readings import Readings
from dtms_server.replay.tally import Tally
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import rules
from dtms_server.terminal.simulator.quotes import Quote
from replays import history, pair_history, walk

BUY, SELL = Direction.BUY, Direction.SELL
DUST = 1e-9
PLAIN = Policy()
EAGER = replace(
    PLAIN,
    defence=replace(
        PLAIN.defence,
        states=replace(PLAIN.defence.states, recovered_score=-4.0, recovery_minutes=120.0),
    ),
    scoring=replace(
        PLAIN.scoring,
        bands=BandPolicy(steady_from=2.0, soft_above=1.0, weak_above=0.0, failing_above=-3.5),
    ),
)
"""A policy under which trades go through all states within hours, and are added to again."""
SHORT = Plan(every=8, hold_seconds=6 * 3600)
LONG = Plan(every=8, stop_atr=4.0, target_r=None, hold_seconds=12 * 3600)
COMMISSION = 3.5
HALVES_HELD_BACK = (24, 30, 37)
"""Walks on which the market closes just when half of an eagerly defended trade is to be closed."""


@dataclass(frozen=True, slots=True)
class Carried:
    """An order that was carried out, when, and the position that it changed as it was then."""

    order: Order
    moment: Moment
    held: Holding | None


class WatchedBook(Book):
    """A book that notes all orders, holds them to the broker's rules, and holds the positions to
    what a family may be whenever time goes on."""

    def __init__(self, history: History, entry: Entry, commission: float) -> None:
        super().__init__(history.symbol, commission)
        self.direction = entry.direction
        self.carried: list[Carried] = []
        self.now = datetime.fromtimestamp(entry.at, UTC)

    def strike(self, moment: Moment) -> None:
        self.check()
        self.now = moment.at
        super().strike(moment)

    def leave(self, moment: Moment) -> None:
        self.check()
        self.now = moment.at
        super().leave(moment)

    def carry_out(self, order: Order, moment: Moment) -> tuple[Became, Holding | None]:
        found = self.held.get(order.position_ticket or 0)
        held = None if found is None else replace(found)
        self.carried.append(Carried(order, moment, held))
        _check_order(order, held, moment, self)
        return super().carry_out(order, moment)

    def check(self) -> None:
        """The net exposure is none of the other side, nor more than the trade began with."""
        lots = dict.fromkeys(Direction, 0.0)
        for held in self.held.values():
            lots[held.direction] += held.lots
        net = lots[self.direction] - lots[self.direction.opposite]
        assert -DUST <= net <= LOTS + DUST, f"{net} lots net: {self.held}"


def _check_order(order: Order, held: Holding | None, moment: Moment, book: Book) -> None:
    symbol, quote = book.symbol, Quote(0, moment.quote.bid, moment.quote.ask)
    assert moment.is_open, f"sent while the market is closed: {order}"
    levels = order.stop_loss or 0.0, order.take_profit or 0.0
    side = c.ORDER_TYPE_BUY if order.direction is BUY else c.ORDER_TYPE_SELL
    if order.verb is Verb.OPEN:
        assert order.stop_loss is not None, f"opened without a stop: {order}"
        rules.whole_steps(symbol, order.volume_lots)
        rules.stops(symbol, quote, side, levels)
        return
    assert held is not None, f"of no position: {order}"
    if order.verb is Verb.PROTECT:
        price_of = symbol.from_points
        before = price_of(held.stop or 0), price_of(held.target or 0)
        rules.stops(symbol, quote, side, levels, before)
        assert levels[1] == before[1], f"the target was {before[1]}: {order}"
        assert held.stop is None or (levels[0] - before[0]) * held.direction.sign > 0, order
        return
    assert rules.whole_steps(symbol, order.volume_lots) <= held.lots
    rules.rest(symbol, round(held.lots - order.volume_lots, 8))


@dataclass(frozen=True, slots=True)
class Heard:
    """What was told of a trade: when, and what the trade was until then."""

    at: datetime
    before: Trade | None
    event: TradeEvent

    @property
    def ticket(self) -> int:
        """Whose it is."""
        return self.event.trade.ticket if self.before is None else self.before.ticket  # type: ignore[union-attr]  # registered

    @property
    def step(self) -> str | None:
        """The state that it led to, or the action that was done."""
        return step_of(self.event)


def step_of(event: object) -> str | None:
    """Return the state that an event leads to, or the action, with its lots, that it ends well."""
    match event:
        case StateChanged(after=state):
            return str(state)
        case TradeClosed():
            return str(State.CLOSED)
        case ActionDone(action=Action(kind=kind, became=Became(volume_lots=lots))):
            return str(kind) if lots is None else f"{kind} {lots:g}"
    return None


@dataclass(slots=True)
class Told(Tally):
    """A tally that keeps what it counts."""

    book: WatchedBook | None = None
    heard: list[Heard] = field(default_factory=list)

    def event(self, before: Trade | None, event: TradeEvent) -> None:
        assert self.book is not None
        self.heard.append(Heard(self.book.now, before, event))
        Tally.event(self, before, event)


@dataclass(frozen=True, slots=True)
class Life:
    """What became of one defended trade, and of those added to it again."""

    entry: Entry
    book: WatchedBook
    trades: tuple[Trade, ...]
    heard: tuple[Heard, ...]
    money: float

    def stories(self) -> list[list[str]]:
        """Return the states and done actions of each trade that had any, in order."""
        found: dict[int, list[str]] = {trade.ticket: [] for trade in self.trades}
        for heard in self.heard:
            if heard.step is not None:
                found[heard.ticket].append(heard.step)
        return [story for story in found.values() if story]

    def actions(self, kind: type[ActionStarted | ActionDone | ActionFailed]) -> Iterator[Action]:
        """Yield the actions of all events of a kind."""
        return (heard.event.action for heard in self.heard if isinstance(heard.event, kind))


class Stage:
    """A history on which single trades are defended as a replay defends them, and watched."""

    def __init__(self, history: History, policy: Policy = PLAIN) -> None:
        self.history = history
        self.policy = policy
        readings = Readings(history, policy)
        self.readings = [readings.at(bar) for bar in range(len(history))]
        self.moments = Moments(history)

    def entries(self, plan: Plan) -> list[Entry]:
        """Return all trades of a plan."""
        return [
            entry
            for bar, reading in enumerate(self.readings)
            for entry in entries(
                self.history, bar, reading.analysis.m15.atr if reading.analysis else None, plan
            )
        ]

    def lived(self, entry: Entry, commission: float = 0.0, *, railed: bool = False) -> Life:
        """Return one trade's life; `railed`: with all rails."""
        history, policy = self.history, self.policy
        book = WatchedBook(history, entry, commission)
        told = Told.of(policy.scoring.points)
        told.book = book
        limits, numbers = SpreadLimits(history, policy.defence), policy.defence
        rails = (
            AllRails(limits, numbers, book, history) if railed else ClosedMarket(limits, numbers)
        )
        guarded = Guarded(book, rails, policy, told)
        defended = Defended(entry, history, self.moments, book, guarded, policy)
        for bar in range(entry.bar, len(history)):
            moment = self.moments.at_close(bar, self.readings[bar])
            if bar == entry.bar:
                defended.begin(moment)
            else:
                is_open = history.is_open_after[bar - 1]
                defended.step(bar, self.readings[bar - 1] if is_open else None, moment)
            book.check()
            if defended.is_over:
                trades = tuple(guarded.trades.values())
                return Life(entry, book, trades, tuple(told.heard), defended.money)
        raise AssertionError("the trade never ended")

    def all_lived(self, plan: Plan, commission: float = 0.0) -> tuple[Life, ...]:
        """Return the lives of all trades of a plan."""
        return tuple(self.lived(entry, commission) for entry in self.entries(plan))


@cache
def eager(seed: int, *, pair: bool = False) -> tuple[Stage, tuple[Life, ...]]:
    """Return a seeded walk, or a pair of bids and asks, on which trades are defended eagerly, and
    their lives."""
    stage = Stage(pair_history(seed) if pair else history(walk(seed)), EAGER)
    return stage, stage.all_lived(LONG, COMMISSION)
