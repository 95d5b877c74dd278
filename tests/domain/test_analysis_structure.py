"""Swings and breaks, against a reference that is slow and plain to see."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import markets
import numpy as np
import pytest
from dtms_server.domain.analysis.structure import (
    Break,
    BreakKind,
    Structure,
    Swing,
    Swings,
    follow_highs,
    kinds,
    read_structure,
    swing_highs,
)
from dtms_server.domain.bars import Bars
from dtms_server.domain.trade import Direction
from hypothesis import given, settings
from hypothesis import strategies as st

WING = 5
Steps = list[tuple[int, int, int]]
Told = tuple[int, Direction, BreakKind, int]
"""A break: its bar, side and kind, and its swing's bar."""


def rough(seed: int, count: int) -> Steps:
    """Steps small enough for many prices to be equal."""
    dice = np.random.default_rng(seed)
    moves, wicks = dice.integers(-4, 5, count), dice.integers(0, 4, (2, count))
    return list(zip(moves.tolist(), *wicks.tolist(), strict=True))


short = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1)
long = st.builds(rough, st.integers(0, 100_000), st.integers(100, 400))
steps = short | long


def told(bars: Bars) -> list[Told]:
    """All breaks, as the code under test finds them."""
    scaled = bars.in_points(markets.POINT)
    highs = follow_highs(scaled.high, scaled.close, WING)
    lows = follow_highs(-scaled.low, -scaled.close, WING)
    swings = {Direction.BUY: dict(highs.breaks), Direction.SELL: dict(lows.breaks)}
    labelled = kinds(list(swings[Direction.BUY]), list(swings[Direction.SELL]))
    return [(bar, side, kind, swings[side][bar]) for bar, side, kind in labelled]


def slowly_told(bars: Bars) -> list[Told]:
    """All breaks: every bar looks at everything anew, and only at what has closed by then."""
    in_points = bars.in_points(markets.POINT)
    sign = {Direction.BUY: 1, Direction.SELL: -1}
    extremes = {Direction.BUY: in_points.high.tolist(), Direction.SELL: in_points.low.tolist()}
    broken: dict[Direction, set[int]] = {Direction.BUY: set(), Direction.SELL: set()}
    found: list[Told] = []
    for now, close in enumerate(in_points.close.tolist()):
        for side, prices in extremes.items():
            through = []
            while (last := last_unbroken(prices, sign[side], now, broken[side])) is not None:
                if (close - prices[last]) * sign[side] <= 0:
                    break
                broken[side].add(last)
                through.append(last)
            if through:
                turns = bool(found) and found[-1][1] is not side
                kind = BreakKind.CHOCH if turns else BreakKind.BOS
                found.append((now, side, kind, through[0]))
    return found


def last_unbroken(prices: Sequence[float], sign: int, now: int, broken: set[int]) -> int | None:
    for bar in range(now - WING, WING - 1, -1):
        around = [*prices[bar - WING : bar], *prices[bar + 1 : bar + WING + 1]]
        if bar not in broken and all((prices[bar] - other) * sign > 0 for other in around):
            return bar
    return None


def structure_of(bars: Bars) -> Structure:
    return read_structure(bars, bars.in_points(markets.POINT), WING)


def break_of(bars: Bars) -> Break:
    found = structure_of(bars).latest_break
    assert found is not None
    return found


def up(points: int, bars: int) -> Steps:
    return [(points, 0, 0)] * bars


HILL = [*up(2, 7), (2, 1, 0), *up(-2, 7)]  # a swing high 17 points up, known, and 2 at the end
LOWER_HILL = [*up(1, 7), (1, 1, 0), *up(-1, 7)]  # on it: one 11 points up, and 3 at the end


@settings(deadline=None)  # the machine may be busy
@given(steps)
def test_swings_and_breaks_equal_the_slow_reference(drawn: Steps) -> None:
    bars = markets.drawn(drawn)
    assert told(bars) == slowly_told(bars)


@markets.needs_real_bars
@pytest.mark.parametrize("market", [markets.eurusd_m15, lambda: markets.gbpusd().m15])
def test_swings_and_breaks_of_real_bars_equal_the_slow_reference(market: object) -> None:
    assert callable(market)
    bars = market().pick(slice(300, 900))
    expected = slowly_told(bars)
    assert told(bars) == expected
    assert {(side, kind) for _, side, kind, _ in expected} == {
        (side, kind) for side in Direction for kind in BreakKind
    }


@settings(deadline=None)  # the machine may be busy
@given(steps, st.integers(1, 400))
def test_later_bars_never_change_an_earlier_break(drawn: Steps, seen: int) -> None:
    bars = markets.drawn(drawn)
    earlier = told(bars.pick(slice(0, seen)))
    assert earlier == [found for found in told(bars) if found[0] < seen]


@settings(deadline=None)  # the machine may be busy
@given(steps)
def test_no_bar_breaks_both_ways(drawn: Steps) -> None:
    bars = [bar for bar, *_ in told(markets.drawn(drawn))]
    assert bars == sorted(set(bars))


@settings(deadline=None)  # the machine may be busy
@given(long)
def test_the_lows_of_a_market_are_the_highs_of_its_mirror(drawn: Steps) -> None:
    bars, turn = markets.drawn(drawn), 1.1
    seen, turned = structure_of(bars), structure_of(markets.mirrored(bars, turn))

    def over(swing: Swing | None) -> Swing | None:
        return swing and replace(swing, price=round(2 * turn - swing.price, 5))

    for lows, highs in ((seen.lows, turned.highs), (turned.lows, seen.highs)):
        assert lows == Swings(over(highs.newest), over(highs.unbroken), over(highs.broken))
    one, other = seen.latest_break, turned.latest_break
    if one is not None and other is not None:
        assert (one.at, one.kind, one.swing) == (other.at, other.kind, over(other.swing))
        assert one.direction is not other.direction


def test_a_swing_is_known_only_five_bars_later() -> None:
    hill = markets.drawn(HILL).in_points(markets.POINT).high
    top = 7
    assert swing_highs(hill[: top + WING], WING) == []
    assert swing_highs(hill[: top + WING + 1], WING) == [top]


def test_a_high_that_is_only_equalled_is_no_swing() -> None:
    plateau = [*up(2, 7), (2, 1, 0), (0, 1, 0), *up(-2, 7)]
    assert structure_of(markets.drawn(plateau)).highs.newest is None


def test_structure_fires_though_its_window_holds_the_newest_bar() -> None:
    found = break_of(markets.drawn([*HILL, (16, 0, 0)]))
    assert (found.direction, found.kind, found.bars_ago) == (Direction.BUY, BreakKind.BOS, 0)
    assert found.at == markets.MONDAY + timedelta(minutes=15 * 16)
    assert found.swing == Swing(1.10017, markets.MONDAY + timedelta(minutes=15 * 7))


def test_a_wick_beyond_a_swing_or_a_close_upon_it_breaks_nothing() -> None:
    structure = structure_of(markets.drawn([*HILL, (10, 9, 0), (5, 0, 0)]))
    assert structure.latest_break is None
    assert structure.highs.unbroken is not None


def test_the_first_break_sets_the_trend_and_one_against_it_is_a_choch() -> None:
    valley = [(-move, below, above) for move, above, below in HILL]
    down_then_up = [*valley, (-16, 0, 0), *up(-1, 6), *HILL, (20, 0, 0)]
    bars = markets.drawn(down_then_up)
    assert [(side, kind) for _, side, kind, _ in told(bars)] == [
        (Direction.SELL, BreakKind.BOS),
        (Direction.BUY, BreakKind.CHOCH),
    ]


def test_a_break_along_the_trend_is_a_bos_again() -> None:
    bars = markets.drawn([*HILL, (20, 0, 0), *HILL, (20, 0, 0)])
    assert [kind for _, _, kind, _ in told(bars)] == [BreakKind.BOS, BreakKind.BOS]


def test_behind_a_broken_swing_stands_the_older_one_that_is_not() -> None:
    structure = structure_of(markets.drawn([*HILL, *LOWER_HILL, (9, 0, 0)]))
    assert structure.latest_break is not None
    assert structure.latest_break.swing == structure.highs.broken == structure.highs.newest
    assert structure.highs.unbroken == Swing(1.10017, markets.MONDAY + timedelta(minutes=15 * 7))


def test_a_close_beyond_two_swings_is_one_break_of_the_last() -> None:
    structure = structure_of(markets.drawn([*HILL, *LOWER_HILL, (30, 0, 0)]))
    assert structure.highs.unbroken is None
    assert structure.highs.broken == structure.highs.newest
    assert len(told(markets.drawn([*HILL, *LOWER_HILL, (30, 0, 0)]))) == 1


def test_few_bars_have_no_swings() -> None:
    structure = structure_of(markets.drawn(up(1, 10)))
    assert structure.highs.newest is structure.lows.newest is None
    assert structure.latest_break is None


def test_a_swing_and_a_break_carry_times_in_utc() -> None:
    found = break_of(markets.drawn([*HILL, (16, 0, 0), *up(0, 3)]))
    assert found.at.tzinfo is UTC
    assert found.swing.at < found.at < datetime.fromtimestamp(2e9, UTC)
    assert found.bars_ago == 3
