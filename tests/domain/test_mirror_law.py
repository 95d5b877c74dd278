"""Neither side is favoured: turned at a price that stays the reference, with bid and ask swapped, a
market does to the turned trade the turned thing, from its bars to the order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import markets
import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order
from dtms_server.domain.analysis import Analysis, NoAnalysis, analyse
from dtms_server.domain.arming import armed
from dtms_server.domain.charts import Charts
from dtms_server.domain.decision import Decision, decide
from dtms_server.domain.events import StateChanged
from dtms_server.domain.market import Instrument, Position, Quote
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.domain.scoring import Score, score
from dtms_server.domain.situation import Situation, Wish
from dtms_server.domain.sizing import Market, Sized, size
from dtms_server.domain.state import ON_SCORE
from dtms_server.domain.trade import Descent, Direction, Hedge, State, Trade
from hypothesis import given, settings
from hypothesis import strategies as st
from situations import ACCOUNT, POLICY
from sizes import EURUSD, Mirror, a_position

MINUTE = timedelta(minutes=1)
HALVED = Descent(half_closed=True, closed_lots=0.5)
TIGHTEN, HALF, BREAK_EVEN = ActionKind.TIGHTEN_STOP, ActionKind.CLOSE_HALF, ActionKind.BREAK_EVEN
SYMBOLS = (EURUSD, replace(EURUSD, stops_level=0, freeze_level=12, volume_step=0.05))
LIVES: dict[str, tuple[State, int, dict[str, Any]]] = {
    "young": (State.HEALTHY, 3, {}),
    "healthy": (State.HEALTHY, 500, {}),
    "halved before": (State.HEALTHY, 20, {"descent": HALVED}),
    "warned": (State.WARNING_L1, 40, {"owed": (TIGHTEN,)}),
    "failing": (State.WARNING_L2, 40, {"owed": (HALF, BREAK_EVEN)}),
    "hedged": (State.HEDGED, 300, {}),
    "hedged too long": (State.HEDGED, 300, {"deadline": -1}),
    "recovering": (State.RECOVERING, 20, {"descent": HALVED, "deadline": 10}),
    "not recovered": (State.RECOVERING, 60, {"descent": HALVED, "deadline": 0}),
    "closing": (State.HEDGED, 300, {"exit_reason": "a reason"}),
}
"""A trade's state, for how many minutes, and its defence, whose deadline is in minutes from now."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is seen at a time, and a trade in it."""

    now: datetime
    analysis: Analysis
    market: Market
    trade: Trade
    position: Position
    hedge: Position | None

    def mirrored(self, mirror: Mirror, analysis: Analysis) -> "Moment":
        """The same turned, where the turned bars gave that analysis."""
        return Moment(
            self.now,
            analysis,
            market_of(analysis, mirror.market(self.market).quote),
            mirror.trade(self.trade),
            mirror.position(self.position),
            self.hedge and mirror.position(self.hedge),
        )

    def score(self, policy: Policy) -> Score:
        return score(self.analysis, self.trade.direction, policy.scoring)

    def decide(self, policy: Policy) -> Decision:
        """What is decided by what the bars give."""
        seen = Situation(
            self.now, self.position, self.hedge, self.analysis, self.score(policy), can_hedge=True
        )
        return decide(self.trade, seen, policy)

    def size(self, wish: Wish, policy: Policy) -> Sized:
        """What a wish asks of the broker."""
        return size(
            wish.kind,
            self.trade,
            self.position,
            self.hedge,
            self.market,
            policy.defence,
            commission=1.75,
            family_lots=self.position.volume_lots,
        )


def market_of(analysis: Analysis, quote: Quote) -> Market:
    """The market as the engine puts it together."""
    structure = analysis.m15.structure
    low, high = structure.lows.newest, structure.highs.newest
    return Market(
        quote,
        analysis.m15.atr,
        low.price if low is not None else None,
        high.price if high is not None else None,
    )


def moments(
    analysis: Analysis, now: datetime, bid: float, instrument: Instrument, draw: Callable[[], int]
) -> Iterator[Moment]:
    """Yield a trade of each kind on each side; `draw` gives distances in ticks."""
    tick, digits = instrument.tick_size, instrument.digits
    at = round(bid / tick)
    quote = Quote(instrument, round(at * tick, digits), round((at + 2) * tick, digits), now)
    market = market_of(analysis, quote)
    for direction in Direction:
        sign = direction.sign

        def price(ticks: int, sign: int = sign, at: int = at) -> float:
            return round((at + sign * ticks) * tick, digits)

        for state, minutes, facts in LIVES.values():
            since = now - minutes * MINUTE
            position = a_position(
                direction,
                entry_price=price(draw() - draw()),
                stop_loss=price(-draw() - 3) if draw() % 5 else None,
                take_profit=price(draw() + 9) if draw() % 3 else None,
                current_price=quote.closing_price(direction),
                volume_lots=0.5 if draw() % 4 else 0.2,
            )
            hedge = None
            trade = armed(71, position, ACCOUNT, now - 2 * minutes * MINUTE, POLICY)
            trade = replace(trade, initial_volume_lots=1.0)
            if state is State.HEDGED:
                hedge = a_position(
                    direction.opposite,
                    ticket=91,
                    identifier=90,
                    volume_lots=0.25,
                    entry_price=price(-draw()),
                    stop_loss=price(draw() + 9),
                    take_profit=None,
                )
                kept = Hedge(91, 90, 0.25, since)
                trade = replace(trade, terms=replace(trade.terms, hedge=kept))
            deadline = {k: now + v * MINUTE for k, v in facts.items() if k == "deadline"}
            defence = replace(trade.defence, **(facts | deadline))
            trade = replace(trade, state=state, state_entered_at=since, defence=defence)
            yield Moment(now, analysis, market, trade, position, hedge)


@dataclass(slots=True)
class Tally:
    """What has occurred."""

    moves: set[tuple[State, State]]
    orders: set[ActionKind]


def the_law_holds(moment: Moment, turned: Moment, mirror: Mirror, policy: Policy) -> Decision:
    """Score, decision and orders of the turned trade are those of the trade, turned."""
    assert turned.market == mirror.market(moment.market)
    one, other = moment.score(policy), turned.score(policy)
    assert (one.value, one.parts, one.regime) == (other.value, other.parts, other.regime)
    assert one.both_flipped == other.both_flipped
    decision, of_turned = moment.decide(policy), turned.decide(policy)
    assert of_turned.trade == mirror.trade(decision.trade)
    assert of_turned.wishes == decision.wishes
    assert [type(e) for e in of_turned.events] == [type(e) for e in decision.events]
    for event, of_other in zip(decision.events, of_turned.events, strict=True):
        if isinstance(event, StateChanged) and isinstance(of_other, StateChanged):
            assert of_other == replace(event, score=of_other.score)
    return decision


def compare(
    charts: Charts,
    now: datetime,
    price: float,
    policy: Policy,
    draw: Callable[[], int],
    seen: Tally,
) -> None:
    """Hold each kind of trade at that moment to the law; `price` is where all is turned."""
    analysis = analyse(charts, now, policy.analysis, reference_price=price)
    other = analyse(markets.turned(charts, price), now, policy.analysis, reference_price=price)
    if isinstance(analysis, NoAnalysis) or isinstance(other, NoAnalysis):
        assert analysis == other
        return
    bid = float(charts.closed(now, policy.analysis).m5.close[-1])
    for instrument in SYMBOLS:
        mirror = Mirror(instrument, round(price / markets.POINT))
        for moment in moments(analysis, now, bid, instrument, draw):
            turned = moment.mirrored(mirror, other)
            decision = the_law_holds(moment, turned, mirror, policy)
            _compare_orders(decision, moment, turned, mirror, policy, seen)


def _compare_orders(
    decision: Decision,
    moment: Moment,
    turned: Moment,
    mirror: Mirror,
    policy: Policy,
    seen: Tally,
) -> None:
    after = replace(moment, trade=decision.trade)
    of_turned = replace(turned, trade=mirror.trade(decision.trade))
    if decision.trade.state is not moment.trade.state:
        seen.moves.add((moment.trade.state, decision.trade.state))
    for wish in decision.wishes:
        sized, other = after.size(wish, policy), of_turned.size(wish, policy)
        if isinstance(sized, Order):
            assert other == mirror.order(sized)
            seen.orders.add(wish.kind)
        else:
            assert type(other) is type(sized)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 100_000),
    st.integers(185, 299),
    st.integers(105_000, 115_000),
    st.tuples(st.integers(0, 50), st.integers(0, 50)),
    st.randoms(use_true_random=False),
)
def test_the_mirror_law_from_bars_to_orders_on_walks(
    seed: int, bars: int, price: int, changes: tuple[int, int], dice: Random
) -> None:
    charts = replace(markets.walked(seed), bid_changes=changes)
    now = datetime.fromtimestamp(int(charts.m5.time[bars]), UTC)
    policy = replace(POLICY, analysis=markets.SHORT)
    turned_at, seen = round(price * markets.POINT, 5), Tally(set(), set())
    compare(charts, now, turned_at, policy, lambda: dice.randrange(1, 300), seen)


@markets.needs_real_bars
@pytest.mark.parametrize(("market", "every"), [(markets.gbpusd, 23), (markets.eurusd, 401)])
def test_the_mirror_law_from_bars_to_orders_on_real_bars(
    market: Callable[[], Charts], every: int
) -> None:
    whole, seen = replace(market(), bid_changes=(9, 4)), Tally(set(), set())
    dice = Random(7)
    policy = replace(POLICY, analysis=AnalysisPolicy())
    for now in markets.moments(whole.m5, every):
        charts = whole.closed(now, policy.analysis)
        price = float(charts.m5.close[-1])
        compare(charts, now, price, policy, lambda: dice.randrange(1, 300), seen)
    judged = {(a, b) for a, b in seen.moves if a in ON_SCORE}
    assert {after for _, after in judged} == set(ON_SCORE)
    assert (State.RECOVERING, State.HEALTHY) in seen.moves
    assert seen.orders == set(ActionKind)
