from datetime import UTC, datetime

import numpy as np
import pytest
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.bars import (
    BAR,
    PIECE,
    SECONDS,
    Rows,
    build,
    pieces_of_bars,
    pieces_of_ticks,
    starts,
    ticks_of,
)
from hypothesis import given
from hypothesis import strategies as st

BEGIN = 1_736_157_600 // 86_400 * 86_400


@st.composite
def base_bars(draw: st.DrawFn, period: int = 60) -> Rows:
    """Bars one after the other, with holes between some."""
    count = draw(st.integers(1, 20))
    rows, minute = [], 0
    for _ in range(count):
        minute += draw(st.sampled_from((1, 1, 1, 2, 7)))
        opened, closed = draw(st.integers(500, 1500)), draw(st.integers(500, 1500))
        high = max(opened, closed) + draw(st.integers(0, 60))
        low = min(opened, closed) - draw(st.integers(0, 60))
        spread = tuple(draw(st.lists(st.integers(1, 40), min_size=4, max_size=4)))
        ticks = draw(st.integers(4, 30))
        rows.append((BEGIN + minute * period, opened, high, low, closed, spread, ticks))
    return np.array(rows, BAR)


@given(base_bars())
def test_each_bar_is_what_its_ticks_make(bars: Rows) -> None:
    ticks = ticks_of(bars, 60)
    assert build(pieces_of_ticks(ticks), c.TIMEFRAME_M1).tolist() == pieces_of_bars(bars).tolist()


@given(base_bars())
def test_ticks_are_in_order_and_inside_their_bars(bars: Rows) -> None:
    ticks = ticks_of(bars, 60)
    assert (np.diff(ticks["time"]) > 0).all()
    assert len(ticks) == bars["ticks"].sum()
    assert set((ticks["time"] // 60_000 * 60).tolist()) == set(bars["time"].tolist())
    assert (ticks["ask"] - ticks["bid"] >= bars["spread"].min()).all()


@given(base_bars())
def test_no_ask_is_shown_beyond_those_of_the_bar(bars: Rows) -> None:
    for bar in bars:
        ticks = ticks_of(bar.reshape(1), 60)
        levels = np.array([bar[name] for name in ("open", "high", "low", "close")]) + bar["spread"]
        assert ticks["ask"].max() == levels.max()
        assert ticks["ask"].min() == levels.min()


@pytest.mark.parametrize("timeframe", [c.TIMEFRAME_M5, c.TIMEFRAME_M15, c.TIMEFRAME_H4])
@given(bars=base_bars())
def test_bars_of_bars_are_bars_of_ticks(timeframe: int, bars: Rows) -> None:
    of_ticks = build(pieces_of_ticks(ticks_of(bars, 60)), timeframe)
    assert build(pieces_of_bars(bars), timeframe).tolist() == of_ticks.tolist()
    by_way_of_m5 = build(build(pieces_of_bars(bars), c.TIMEFRAME_M5), timeframe)
    assert by_way_of_m5.tolist() == of_ticks.tolist()


@given(base_bars())
def test_the_same_bar_has_the_same_ticks_whatever_is_asked_with_it(bars: Rows) -> None:
    together = ticks_of(bars, 60)
    apart = np.concatenate([ticks_of(bar.reshape(1), 60) for bar in bars])
    assert together.tobytes() == apart.tobytes()


def test_a_rising_bar_goes_to_its_low_first() -> None:
    rising = np.array([(BEGIN, 100, 150, 80, 140, (1, 1, 1, 1), 9)], BAR)
    bids = ticks_of(rising, 60)["bid"]
    assert (bids[0], bids[-1]) == (100, 140)
    assert bids.argmin() < bids.argmax()
    falling = np.array([(BEGIN, 140, 150, 80, 100, (1, 1, 1, 1), 9)], BAR)
    bids = ticks_of(falling, 60)["bid"]
    assert bids.argmax() < bids.argmin()


@pytest.mark.parametrize(
    ("timeframe", "begins"),
    [
        (c.TIMEFRAME_M1, datetime(2025, 1, 8, 13, 47, tzinfo=UTC)),
        (c.TIMEFRAME_M15, datetime(2025, 1, 8, 13, 45, tzinfo=UTC)),
        (c.TIMEFRAME_H4, datetime(2025, 1, 8, 12, tzinfo=UTC)),
        (c.TIMEFRAME_D1, datetime(2025, 1, 8, tzinfo=UTC)),
        (c.TIMEFRAME_W1, datetime(2025, 1, 5, tzinfo=UTC)),  # weeks begin on Sunday
        (c.TIMEFRAME_MN1, datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_bars_begin_where_the_terminals_do(timeframe: int, begins: datetime) -> None:
    at = int(datetime(2025, 1, 8, 13, 47, 31, tzinfo=UTC).timestamp())
    wanted = int(begins.timestamp())
    assert starts(np.array([at]), timeframe).tolist() == [wanted]


def test_nothing_makes_no_bars() -> None:
    assert len(build(np.empty(0, PIECE), c.TIMEFRAME_M5)) == 0
    assert len(ticks_of(np.empty(0, BAR), 60)) == 0
    assert len(SECONDS) == 21
