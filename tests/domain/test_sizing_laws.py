"""Whatever the symbol, the market and the position: no order that a strict broker refuses, no stop
loosened, and neither side favoured."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import ledgers
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.market import Instrument, Position, Quote, TradeMode
from dtms_server.domain.policy.defence import (
    DefencePolicy,
    LosingBreakEven,
    SmallVolume,
    StopPolicy,
    SymbolPolicy,
    VolumePolicy,
)
from dtms_server.domain.sizing import Market, Sized, r_distance, size
from dtms_server.domain.trade import Direction, Trade
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import rules
from dtms_server.terminal.simulator.netting import lots as without_dust
from dtms_server.terminal.simulator.quotes import Quote as BrokersQuote
from dtms_server.terminal.simulator.records import TradePosition, TradeRequest
from dtms_server.terminal.simulator.symbols import Symbol, facts
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import Mirror, a_position, a_trade

SIDE = {Direction.BUY: c.ORDER_TYPE_BUY, Direction.SELL: c.ORDER_TYPE_SELL}
PRICES = {5: 110_000, 3: 150_000, 2: 265_000}
"""A price in points by digits."""
POLICIES = [
    DefencePolicy(
        stops=StopPolicy(break_even_when_losing=losing),
        volumes=VolumePolicy(small_volume=small),
        symbol=SymbolPolicy(hedge_factor=factor),
    )
    for losing, small, factor in (
        (LosingBreakEven.WAIT, SmallVolume.SKIP, 0.5),
        (LosingBreakEven.CLOSEST, SmallVolume.CLOSE_ALL, 1.0),
    )
]


@dataclass(frozen=True, slots=True)
class Case:
    """All that `size` is told."""

    trade: Trade
    position: Position
    hedge: Position | None
    market: Market
    policy: DefencePolicy
    commission: float
    family_lots: float

    @property
    def instrument(self) -> Instrument:
        return self.market.quote.instrument

    def size(self, kind: ActionKind) -> Sized:
        return size(
            kind,
            self.trade,
            self.position,
            self.hedge,
            self.market,
            self.policy,
            commission=self.commission,
            family_lots=self.family_lots,
        )

    def orders(self) -> dict[ActionKind, Order]:
        """The orders of the kinds of actions that have one."""
        sized = {kind: self.size(kind) for kind in ActionKind}
        return {kind: found for kind, found in sized.items() if isinstance(found, Order)}

    def mirrored(self, ticks: int) -> "Case":
        mirror = Mirror(self.instrument, ticks)
        return replace(
            self,
            trade=mirror.trade(self.trade),
            position=mirror.position(self.position),
            hedge=self.hedge and mirror.position(self.hedge),
            market=mirror.market(self.market),
        )


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    digits = draw(st.sampled_from(sorted(PRICES)))
    point = round(10**-digits, digits)
    step = draw(st.sampled_from([0.01, 0.05, 0.1, 1.0]))
    return Instrument(
        symbol="EURUSD",
        point=point,
        digits=digits,
        tick_size=round(draw(st.sampled_from([1, 5, 25])) * point, digits),
        tick_value=draw(st.sampled_from([0.9, 1.0, 2.5])),
        volume_min=round(draw(st.sampled_from([1, 2, 10])) * step, 8),
        volume_max=round(draw(st.sampled_from([20, 10_000])) * step, 8),
        volume_step=step,
        stops_level=draw(st.sampled_from([0, 7, 40])),
        freeze_level=draw(st.sampled_from([0, 0, 12])),
        trade_mode=TradeMode.FULL,
        allows_close_by=draw(st.booleans()),
    )


@st.composite
def positions(
    draw: st.DrawFn, quote: Quote, direction: Direction, identifier: int, lots: float
) -> Position:
    """A position that its stop and target have not closed."""
    tick, digits, sign = quote.instrument.tick_size, quote.instrument.digits, direction.sign
    closing = round(quote.closing_price(direction) / tick)

    def price(ticks: int) -> float:
        return round((closing + sign * ticks) * tick, digits)

    distances = st.one_of(st.integers(1, 30), st.integers(1, 900))
    stop, target = (draw(st.one_of(st.none(), distances)) for _ in range(2))
    between = draw(st.sampled_from([0.0, 0.0, 0.25, 0.6])) * tick  # as when it was added to
    return a_position(
        direction,
        ticket=identifier,
        identifier=identifier,
        volume_lots=lots,
        entry_price=price(draw(st.integers(-400, 400))) + between,
        stop_loss=None if stop is None else price(-stop),
        take_profit=None if target is None else price(target),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    instrument = draw(instruments())
    tick, digits = instrument.tick_size, instrument.digits
    bid = round(PRICES[digits] * instrument.point / tick) + draw(st.integers(-500, 500))
    ask = bid + draw(st.integers(0, 40))
    quote = Quote(instrument, round(bid * tick, digits), round(ask * tick, digits), ledgers.AT)

    def lots() -> float:
        return round(draw(st.integers(1, 60)) * instrument.volume_step, 8)

    def swing(sign: int) -> float | None:
        away = draw(st.one_of(st.none(), st.integers(-60, 60), st.integers(1, 600)))
        return None if away is None else round((bid + sign * away) * tick, digits)

    direction = draw(st.sampled_from(Direction))
    position = draw(positions(quote, direction, 71, lots()))
    hedge = draw(st.one_of(st.none(), positions(quote, direction.opposite, 91, lots())))
    atrs = st.one_of(st.none(), *[st.floats(0.3, most) for most in (30, 100, 400)])
    atr = draw(atrs.map(lambda ticks: ticks and ticks * tick))
    trade = a_trade(position, r=None, closed_lots=draw(st.sampled_from([0.0, lots()])))
    risk = draw(st.one_of(st.none(), st.integers(-50, 500)))
    if risk is not None:
        entry = round(position.entry_price / tick)
        initial = round((entry - direction.sign * risk) * tick, digits)
        trade = replace(trade, initial_stop_loss=initial)
    return Case(
        trade,
        position,
        hedge,
        Market(quote, atr, swing(-1), swing(1)),
        draw(st.sampled_from(POLICIES)),
        commission=draw(st.sampled_from([0.0, 0.35, 7.0])),
        family_lots=round(position.volume_lots + draw(st.sampled_from([0.0, lots()])), 8),
    )


def measured(case: Case) -> Case:
    """The case with R by its ATR."""
    r = r_distance(case.trade, case.market.atr, case.policy)
    terms = replace(case.trade.terms, r_distance=r)
    return replace(case, trade=replace(case.trade, terms=terms))


CASES = cases().map(measured)
TRIED = settings(max_examples=100)  # each with all kinds of actions


def symbol_of(instrument: Instrument) -> Symbol:
    """The symbol as the strict broker knows it."""
    return replace(
        facts("EURUSD"),
        digits=instrument.digits,
        tick_points=round(instrument.tick_size / instrument.point),
        stops_level=instrument.stops_level,
        freeze_level=instrument.freeze_level,
        volume_min=instrument.volume_min,
        volume_max=instrument.volume_max,
        volume_step=instrument.volume_step,
        execution=c.SYMBOL_TRADE_EXECUTION_INSTANT,  # which looks at the price
    )


def held(position: Position) -> TradePosition:
    """The position as the strict broker knows it."""
    blank = dict.fromkeys(TradePosition._fields, 0)
    known: dict[str, Any] = {
        "type": SIDE[position.direction],
        "volume": position.volume_lots,
        "sl": position.stop_loss or 0.0,
        "tp": position.take_profit or 0.0,
    }
    return TradePosition(**(blank | known))


def admit(case: Case, order: Order) -> None:
    """Hold the order to the strict broker's rules; raises Refused."""
    symbol, quote = symbol_of(case.instrument), case.market.quote
    prices = BrokersQuote(0, quote.bid, quote.ask)
    levels = (order.stop_loss or 0.0, order.take_profit or 0.0)
    by_ticket = {p.ticket: p for p in (case.position, case.hedge) if p is not None}
    if order.verb is not Verb.PROTECT:
        market = quote.opening_price(order.direction)
        rules.price(symbol, TradeRequest(price=order.price, deviation=0), market)
    if order.verb is Verb.OPEN:
        rules.whole_steps(symbol, order.volume_lots)
        rules.stops(symbol, prices, SIDE[order.direction], levels)
        return
    assert order.position_ticket is not None
    named = (order.position_ticket, order.by_ticket)
    for ticket in named[: 2 if order.verb is Verb.CLOSE_BY else 1]:
        rules.thawed(symbol, prices, held(by_ticket[ticket or 0]))
    position = by_ticket[order.position_ticket]
    if order.verb is Verb.CLOSE:
        assert order.direction is position.direction.opposite
        assert order.volume_lots <= position.volume_lots
        if order.volume_lots != position.volume_lots:
            rules.whole_steps(symbol, order.volume_lots)
        rules.rest(symbol, without_dust(position.volume_lots - order.volume_lots))
    if order.verb is Verb.PROTECT:
        before = (held(position).sl, held(position).tp)
        rules.stops(symbol, prices, SIDE[position.direction], levels, before)
        assert levels != before


@TRIED
@given(CASES)
def test_the_strict_broker_refuses_no_order(case: Case) -> None:
    for order in case.orders().values():
        admit(case, order)


@TRIED
@given(CASES)
def test_no_stop_is_loosened_and_no_target_lost(case: Case) -> None:
    position = case.position
    for order in case.orders().values():
        if order.verb is Verb.PROTECT:
            assert order.take_profit == position.take_profit
            assert order.stop_loss is not None
            assert order.stop_loss > 0
            if position.stop_loss is not None:
                gained = (order.stop_loss - position.stop_loss) * position.direction.sign
                assert gained > case.instrument.tick_size * 0.99


@TRIED
@given(CASES)
def test_what_is_opened_and_left_open_keeps_within_the_trade(case: Case) -> None:
    orders, position = case.orders(), case.position
    if opens := orders.get(ActionKind.OPEN_HEDGE):
        assert opens.direction is position.direction.opposite
        assert opens.volume_lots <= position.volume_lots
    if opens := orders.get(ActionKind.READD):
        assert opens.direction is position.direction
        assert opens.volume_lots + case.family_lots <= case.trade.initial_volume_lots + 1e-9
    if closes := orders.get(ActionKind.REDUCE_HEDGE):
        assert case.hedge is not None
        left = case.hedge.volume_lots - closes.volume_lots
        most = case.instrument.volume_max - case.instrument.volume_step
        assert left <= position.volume_lots + 1e-9 or closes.volume_lots > most


@TRIED
@given(CASES, st.integers(-50, 50))
def test_the_mirrored_market_gets_the_mirrored_order(case: Case, away: int) -> None:
    ticks = round(case.market.quote.bid / case.instrument.tick_size) + away
    mirror, turned = Mirror(case.instrument, ticks), case.mirrored(ticks)
    assert measured(turned) == turned, "R is the same"
    for kind in ActionKind:
        found, of_turned = case.size(kind), turned.size(kind)
        if not isinstance(found, Order):
            assert type(of_turned) is type(found)
            continue
        assert of_turned == mirror.order(found)


def test_every_kind_of_action_finds_its_order_and_its_refusals_among_these_cases() -> None:
    ordered = Counter[ActionKind]()

    @settings(max_examples=200, database=None, derandomize=True)
    @given(CASES)
    def count(case: Case) -> None:
        ordered.update(case.orders().keys())

    count()
    assert set(ordered) == set(ActionKind)
    assert 3 <= min(ordered.values()) <= max(ordered.values()) < 200
