"""What brokers set limits to: volumes, steps, large ticks, levels that float or freeze."""

from dataclasses import replace

import pytest
from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Order
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import (
    DefencePolicy,
    LosingBreakEven,
    StopPolicy,
    SymbolPolicy,
    VolumePolicy,
)
from dtms_server.domain.sizing import Impossible, Market, NotYet, Sized, size
from dtms_server.domain.trade import Direction
from sizes import BUY, CALM, SELL, a_position, a_trade, at, on

POLICY = DefencePolicy()
CLOSEST = DefencePolicy(stops=StopPolicy(break_even_when_losing=LosingBreakEven.CLOSEST))
TIGHTEN, BREAK_EVEN, TRAIL, MISSING = (
    ActionKind.TIGHTEN_STOP,
    ActionKind.BREAK_EVEN,
    ActionKind.TRAIL_STOP,
    ActionKind.SET_MISSING_STOP,
)
HALF, OPEN_HEDGE, READD = ActionKind.CLOSE_HALF, ActionKind.OPEN_HEDGE, ActionKind.READD
COARSE = on(CALM, tick_size=0.00025)
"""A tick of 25 points; bid 1.10000, ask 1.10010."""


def sized(
    kind: ActionKind,
    market: Market = CALM,
    position: Position | None = None,
    policy: DefencePolicy = POLICY,
    *,
    r: float = 0.002,
    closed_lots: float = 0.5,
    family_lots: float = 0.5,
) -> Sized:
    position = position or a_position()
    trade = a_trade(position, r=r, closed_lots=closed_lots)
    return size(kind, trade, position, None, market, policy, family_lots=family_lots)


def order(found: Sized) -> Order:
    assert isinstance(found, Order), found
    return found


@pytest.mark.parametrize(
    ("held", "step", "hedge"),
    [(0.5, 0.01, 0.25), (0.07, 0.01, 0.03), (0.5, 0.1, 0.2), (0.03, 0.01, 0.01)],
)
def test_a_hedge_is_rounded_down_to_the_step(held: float, step: float, hedge: float) -> None:
    market = on(CALM, volume_step=step)
    assert order(sized(OPEN_HEDGE, market, a_position(volume_lots=held))).volume_lots == hedge


@pytest.mark.parametrize(("kind", "lots"), [(OPEN_HEDGE, 2.5), (HALF, 2.5), (READD, 2.5)])
def test_no_order_is_larger_than_the_broker_takes(kind: ActionKind, lots: float) -> None:
    large = a_position(volume_lots=5.0)
    roomy = order(sized(kind, CALM, large, closed_lots=5.0, family_lots=5.0))
    assert roomy.volume_lots == lots
    market = on(CALM, volume_max=1.0)
    assert order(sized(kind, market, large, closed_lots=5.0, family_lots=5.0)).volume_lots == 1.0


@pytest.mark.parametrize(("factor", "hedge"), [(1.0, 0.5), (0.33, 0.16), (0.02, 0.01)])
def test_a_hedges_factor_is_its_symbols(factor: float, hedge: float) -> None:
    policy = DefencePolicy(symbols={"EURUSD": SymbolPolicy(hedge_factor=factor)})
    assert order(sized(OPEN_HEDGE, policy=policy)).volume_lots == hedge


def test_a_factor_that_leaves_less_than_the_minimum_is_refused_by_name() -> None:
    policy = DefencePolicy(symbols={"EURUSD": SymbolPolicy(hedge_factor=0.019)})
    found = sized(OPEN_HEDGE, policy=policy)
    assert isinstance(found, Impossible)
    assert (found.code, found.reason) == (
        "VOLUME_TOO_SMALL",
        "0.0095 lots, and the minimum is 0.01",
    )


@pytest.mark.parametrize(
    ("closed", "family", "lots"),
    [
        (0.5, 0.5, 0.25),  # half of what was closed
        (0.07, 0.5, 0.03),  # in whole steps
        (0.5, 0.8, 0.2),  # no more than the root had at first: 1.0
        (0.5, 0.99, 0.01),
    ],
)
def test_what_is_added_again_is_half_within_what_is_left(
    closed: float, family: float, lots: float
) -> None:
    assert order(sized(READD, closed_lots=closed, family_lots=family)).volume_lots == lots


def test_how_much_is_added_again_is_the_policys() -> None:
    policy = DefencePolicy(volumes=VolumePolicy(readd_share=1.0))
    assert order(sized(READD, policy=policy)).volume_lots == 0.5


FLOATING = on(CALM, stops_level=0)
"""The stops level is then taken to be the spread, of 10 points."""


@pytest.mark.parametrize(
    ("kind", "position", "stop"),
    [
        (TIGHTEN, a_position(), 1.09970),
        (TIGHTEN, a_position(SELL), 1.10040),
        (MISSING, a_position(stop_loss=None, entry_price=1.10010), 1.09970),
        (MISSING, a_position(SELL, stop_loss=None, entry_price=1.10000), 1.10040),
        (TRAIL, a_position(), 1.09970),
        (TRAIL, a_position(SELL), 1.10040),
    ],
)
def test_where_the_level_floats_a_stop_keeps_the_spread_and_two_more_away(
    kind: ActionKind, position: Position, stop: float
) -> None:
    near = replace(FLOATING, atr=0.00001, swing_low=1.09999, swing_high=1.10011)
    assert order(sized(kind, near, position, r=0.00002)).stop_loss == stop


@pytest.mark.parametrize(("bid", "is_sent"), [(1.10239, False), (1.10240, True)])
def test_where_the_level_floats_break_even_waits_for_three_spreads(
    bid: float, is_sent: bool
) -> None:
    quote = at(bid, round(bid + 0.0001, 5)).quote
    market = on(replace(CALM, quote=quote), stops_level=0)
    found = sized(BREAK_EVEN, market)
    assert order(found).stop_loss == 1.10210 if is_sent else isinstance(found, NotYet)


@pytest.mark.parametrize(
    ("direction", "stop"), [(BUY, 1.09960), (SELL, 1.10050)], ids=["buy", "sell"]
)
def test_the_closest_stop_instead_of_break_even(direction: Direction, stop: float) -> None:
    losing = a_position(direction)
    assert order(sized(BREAK_EVEN, CALM, losing, CLOSEST)).stop_loss == stop
    frozen = on(CALM, freeze_level=1100)
    assert isinstance(sized(BREAK_EVEN, frozen, losing, CLOSEST), NotYet)


def test_the_closest_stop_gives_way_to_break_even_once_the_price_is_past_it() -> None:
    market = at(1.10300, 1.10310)
    assert order(sized(BREAK_EVEN, market, policy=CLOSEST)).stop_loss == 1.10210


@pytest.mark.parametrize("kind", [TIGHTEN, TRAIL, BREAK_EVEN])
@pytest.mark.parametrize("level", [1.10500, 1.09501])
def test_a_target_that_is_frozen_holds_the_stop_up_too(kind: ActionKind, level: float) -> None:
    market = on(at(1.10400, 1.10410), freeze_level=1000)
    market = replace(market, swing_low=1.10300)
    near = a_position(take_profit=level) if level > 1.104 else a_position(stop_loss=level)
    assert isinstance(sized(kind, market, near), NotYet)
    thawed = on(market, freeze_level=0)
    assert isinstance(sized(kind, thawed, near), Order)


@pytest.mark.parametrize(
    ("kind", "position", "stop"),
    [
        (TIGHTEN, a_position(), 1.09925),  # 60 points behind, and on the grid: 75
        (TIGHTEN, a_position(SELL), 1.10100),
        (TRAIL, a_position(), 1.09750),  # a tick for the ATR, one for the spread
        (TRAIL, a_position(SELL), 1.10350),
        (MISSING, a_position(stop_loss=None), 1.09800),
        (MISSING, a_position(stop_loss=None, entry_price=1.10210), 1.09800),
    ],
)
def test_stops_lie_on_the_grid_of_a_large_tick_and_no_nearer(
    kind: ActionKind, position: Position, stop: float
) -> None:
    assert order(sized(kind, COARSE, position)).stop_loss == stop


def test_break_even_on_a_large_tick_pays_for_a_whole_one() -> None:
    market = on(at(1.10500, 1.10525), tick_size=0.00025, stops_level=0)
    assert order(sized(BREAK_EVEN, market, a_position(entry_price=1.10200))).stop_loss == 1.10225
    assert order(sized(BREAK_EVEN, market, a_position(entry_price=1.10210))).stop_loss == 1.10250
    assert isinstance(sized(BREAK_EVEN, market, a_position(entry_price=1.10430)), NotYet)


@pytest.mark.parametrize(
    ("direction", "stop"), [(BUY, 1.10075), (SELL, 1.09925)], ids=["of a buy", "of a sell"]
)
def test_a_hedges_stop_lies_on_the_grid_of_a_large_tick(direction: Direction, stop: float) -> None:
    quote = replace(COARSE.quote, bid=1.10000, ask=1.10000)
    market = replace(COARSE, quote=quote, atr=0.00101)
    assert order(sized(OPEN_HEDGE, market, a_position(direction))).stop_loss == stop


def test_a_target_that_lies_between_two_ticks_is_taken_over_on_the_grid() -> None:
    found = order(sized(READD, COARSE, a_position(take_profit=1.11990)))
    assert found.take_profit == 1.11975
    assert found.stop_loss == 1.09000
