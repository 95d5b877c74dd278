"""When things happen to a defended trade: at the first quote that allows them, held against all
quotes of the history one after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.events import (
    ActionBlocked,
    ActionDone,
    ActionStarted,
    StateChanged,
    TradeChanged,
)
from dtms_server.domain.rails import Rail
from dtms_server.domain.trade import CloseReason, Trade
from dtms_server.replay.history import History
from dtms_server.replay.market import Moment
from dtms_server.replay.rails import SpreadLimits
from lives import (
    BUY,
    COMMISSION,
    EAGER,
    HALVES_HELD_BACK,
    SHORT,
    Heard,
    Life,
    Stage,
    eager,
)
from replays import history, walk
from sizes import QUOTE

SEEDS = range(12)
PAIRS = 4
"""Of how many of these seeds there are pairs of bids and asks too."""
STATES = EAGER.defence.states
EQUAL = 1e-6
"""Points that binary rounding makes of none."""
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def lived(seeds: Iterable[int] = SEEDS) -> Iterator[tuple[History, Life]]:
    for seed in seeds:
        for pair in (False, True) if seed < PAIRS else (False,):
            stage, lives = eager(seed, pair=pair)
            for life in lives:
                yield stage.history, life


def quotes(told: History, since: datetime, until: datetime) -> Iterator[tuple[datetime, int, int]]:
    """Yield every quote after a moment and before another: when, bid and ask in points."""
    for bar in range(len(told)):
        if told.closes_at[bar] <= since.timestamp() or told.m5.time[bar] > until.timestamp():
            continue
        for when, bid, ask in within(told, bar):
            if since < when < until:
                yield when, bid, ask


def within(told: History, bar: int) -> Iterator[tuple[datetime, int, int]]:
    ticks = told.ticks(bar)
    columns = (ticks.at.tolist(), ticks.bid.tolist(), ticks.ask.tolist())
    for at, bid, ask in zip(*columns, strict=True):
        yield datetime.fromtimestamp(at / 1000, UTC), bid, ask


def test_a_stop_closes_at_the_first_price_at_or_beyond_it() -> None:
    found = 0
    for told, life in lived(range(6)):
        for trade in life.trades:
            assert trade.closing is not None
            if trade.closing.reason is CloseReason.SL:
                at_stop(told, life, trade.ticket)
                found += 1
    assert found > 50


def at_stop(told: History, life: Life, ticket: int) -> None:
    [trade] = [trade for trade in life.trades if trade.ticket == ticket]
    assert trade.closing is not None
    assert trade.terms.stop_loss is not None
    sign, stop = trade.direction.sign, round(trade.terms.stop_loss * 100_000)
    moved = [done.moment.at for done in life.book.carried if is_stop_of(ticket, done.order)]
    since, closed_at = max([trade.registered_at, *moved]), trade.closing.at
    for _, bid, ask in quotes(told, since, closed_at):
        assert ((bid if trade.direction is BUY else ask) - stop) * sign > 0
    assert (round(trade.closing.price * 100_000) - stop) * sign <= 0
    _, bid, ask = next(quotes(told, closed_at - timedelta(microseconds=1), closed_at + MINUTE))
    assert round(trade.closing.price * 100_000) == (bid if trade.direction is BUY else ask)


def is_stop_of(ticket: int, order: Order) -> bool:
    return order.verb is Verb.PROTECT and order.position_ticket == ticket


def test_the_stop_goes_to_break_even_at_the_first_quote_that_lets_it() -> None:
    waited = 0
    for told, life in lived():
        for heard in life.heard:
            event = heard.event
            if isinstance(event, ActionDone) and event.action.kind is ActionKind.BREAK_EVEN:
                waited += at_break_even(told, life, heard)
    assert waited > 10


def at_break_even(told: History, life: Life, done: Heard) -> bool:
    """Hold it against all quotes since it was owed; return whether it had to wait."""
    trade = done.before
    assert trade is not None
    sign, entry = trade.direction.sign, round(trade.terms.entry_price * 100_000)
    for when, bid, ask in quotes(told, trade.state_entered_at, done.at):
        spread = ask - bid
        beyond = ((bid if sign > 0 else ask) - entry) * sign
        costs = spread + 2 * COMMISSION  # a point of a lot is a dollar
        assert beyond < costs + 3 * spread, f"it could be done at {when}: {done}"
    return done.at > trade.state_entered_at


def test_a_price_ends_a_grace_at_its_first_quote() -> None:
    found = 0
    for told, life in lived(range(6)):
        for heard in life.heard:
            event, trade = heard.event, heard.before
            if isinstance(event, TradeChanged) and event.after.grace_until == heard.at:
                assert trade is not None
                for when, bid, ask in quotes(told, trade.registered_at, heard.at):
                    assert not ends_grace(trade, bid, ask), f"at {when}, and not until {heard.at}"
                found += heard.at > trade.registered_at
    assert found > 30


def ends_grace(trade: Trade, bid: int, ask: int) -> bool:
    assert trade.terms.r_distance is not None
    sign, r = trade.direction.sign, trade.terms.r_distance * 100_000
    moved = ((bid if sign > 0 else ask) - round(trade.terms.entry_price * 100_000)) * sign
    return moved >= STATES.grace_gain_r * r + EQUAL or moved <= -STATES.grace_loss_r * r - EQUAL


def test_a_grace_that_ends_within_a_bar_ends_at_the_next_quote() -> None:
    timed = replace(STATES, grace_minutes=7.0, grace_gain_r=100.0, grace_loss_r=100.0)
    policy, found = replace(EAGER, defence=replace(EAGER.defence, states=timed)), 0
    for seed in range(3):
        stage = Stage(history(walk(seed)), policy)
        for life in stage.all_lived(SHORT):
            over = datetime.fromtimestamp(life.entry.at, UTC) + 7 * MINUTE
            moved = [h.at for h in life.heard if isinstance(h.event, StateChanged)]
            if moved and moved[0] < over + 3 * MINUTE:
                [first, *_], *_ = quotes(stage.history, over - MINUTE / 60_000, over + MINUTE)
                assert moved[0] == first
                found += 1
    assert found > 10


def test_a_timer_acts_on_the_first_fresh_price_whose_spread_is_no_hindrance() -> None:
    hindered = [
        timed_exit(told, heard)
        for told, life in lived()
        for heard in life.heard
        if is_timed_exit(heard)
    ]
    assert 0 < sum(hindered) < len(hindered)


def is_timed_exit(heard: Heard) -> bool:
    reasons = {"hedged for too long", "not recovered in time"}
    event, trade = heard.event, heard.before
    begins = isinstance(event, ActionStarted) and event.action.reason in reasons
    return begins and trade is not None and trade.defence.exit_reason is None


def timed_exit(told: History, begun: Heard) -> bool:
    """Hold it against all moments since it was due; return whether a spread was too wide."""
    assert begun.before is not None
    assert begun.before.defence.deadline is not None
    entered, due = begun.before.state_entered_at, begun.before.defence.deadline
    longest = due + timedelta(minutes=STATES.timer_spread_minutes)
    limits, hindered = SpreadLimits(told, EAGER.defence), False
    for bar in range(len(told)):
        if told.closes_at[bar] < entered.timestamp():
            continue
        if not told.is_open_after[bar]:
            return False  # the minutes that follow do not count
        for when, spread, age in moments(told, bar):
            limit = limits.points(Moment(when, bar, 0, spread, QUOTE, None, is_open=True))
            if when < due or age > STATES.timer_tick_seconds:
                continue
            if limit is None or spread <= limit or when >= longest:
                assert begun.at == when
                return hindered
            hindered = True
    raise AssertionError("it never could act")


def moments(told: History, bar: int) -> Iterator[tuple[datetime, int, float]]:
    """Yield the quotes of a bar, and then its end: when, the spread, and how old the quote is."""
    for when, bid, ask in within(told, bar):
        yield when, ask - bid, 0.0
    end = datetime.fromtimestamp(told.closes_at[bar], UTC)
    yield end, ask - bid, (end - when).total_seconds()


def test_what_a_closed_market_held_back_is_done_at_its_first_quote() -> None:
    found = 0
    for told, life in lived(HALVES_HELD_BACK):
        for place, heard in enumerate(life.heard):
            event = heard.event
            if isinstance(event, ActionBlocked) and event.rail is Rail.MARKET_CLOSED:
                if event.action.kind is not ActionKind.CLOSE_HALF:
                    continue  # of the others some wait for bars too
                done = [h.at for h in life.heard[place:] if isinstance(h.event, ActionDone)]
                [first, *_], *_ = quotes(told, heard.at, heard.at + DAY)
                assert done[0] == first
                found += 1
    assert found == len(HALVES_HELD_BACK)
