"""The history that a replay reads: bars, quotes within them, and what each closed bar tells."""

from datetime import UTC, datetime
from pathlib import Path

import markets
import numpy as np
import pytest
from dtms_server.domain.analysis import NoAnalysis, analyse
from dtms_server.domain.bars import Bars
from dtms_server.domain.charts import Charts
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction
from dtms_server.replay.history import M5_SECONDS, History, load
from dtms_server.replay.readings import Readings
from dtms_server.replay.report import MADE, NONE, REAL, inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import BUY, SELL
from markets import M1, M5, M15
from replays import export, export_pair, history, lengthened, walk

LEVELS = ("open", "high", "low", "close")
POLICY = Policy()


def same(bars: Bars, others: Bars) -> bool:
    """Are the bars the same, but for their volumes and spreads?"""
    return bool((bars.time == others.time).all()) and all(
        np.allclose(getattr(bars, level), getattr(others, level), atol=1e-9) for level in LEVELS
    )


def test_bars_of_m5_are_those_of_the_file_and_make_those_of_m15() -> None:
    bars = walk(1)
    told = history(bars)
    closed = bars.pick(slice(-1))
    assert same(told.m5, closed)
    assert (told.m5.tick_volume == np.maximum(closed.tick_volume, 4)).all()
    assert (told.m5.spread == closed.spread).all()
    assert same(told.m15, markets.joined(closed, M15))


@pytest.mark.parametrize("seconds", [M1, 2 * M1, 3 * M1, 10 * M1, M15])
def test_bars_of_m15_hold_what_the_file_s_hold(seconds: int) -> None:
    bars = lengthened(markets.walk(2, 300), seconds)
    told = history(bars)
    closed = bars.pick(slice(-1))
    if M15 % seconds == 0:
        assert same(told.m15, markets.joined(closed, M15))
    assert told.m15.high.max() == pytest.approx(closed.high.max())
    assert told.m5.low.min() == pytest.approx(closed.low.min())
    assert int(told.m5.tick_volume.sum()) == int(np.maximum(closed.tick_volume, 4).sum())


@pytest.mark.parametrize(
    ("seconds", "m5", "m15"),
    [
        (M1, REAL, REAL),
        (2 * M1, MADE, MADE),
        (M5, REAL, REAL),
        (600, MADE, MADE),
        (M15, MADE, REAL),
    ],
)
def test_what_was_read_is_marked_made_where_no_file_held_it(
    seconds: int, m5: str, m15: str
) -> None:
    told = history(lengthened(markets.walk(2, 300), seconds))
    assert inputs(told) == {
        "structure": m15,
        "momentum": m15,
        "ema_alignment": m15,
        "vwap": m5,
        "volume": m5,
        "candle_conviction": m5,
        "delta_pressure": NONE,
    }


def test_a_pair_of_bids_and_asks_has_real_bars_and_made_volumes(tmp_path: Path) -> None:
    minutes = lengthened(markets.walk(4, 400), M1)
    told = load(export_pair(minutes, np.full((400, 4), 7), tmp_path), "GBPUSD", "EET")
    assert same(told.m5, markets.joined(minutes, M5))
    assert {name for name, read in inputs(told).items() if read == MADE} == {"vwap", "volume"}
    assert set(told.reach.least_spread.tolist()) == {7}


def test_an_ask_lies_as_far_above_as_is_asked_for_at_least(tmp_path: Path) -> None:
    minutes = lengthened(markets.walk(4, 400), M1)
    file = export_pair(minutes, np.zeros((400, 4), dtype=np.int64), tmp_path)
    told = load(file, "GBPUSD", "EET", min_spread=3)
    assert set(told.reach.least_spread.tolist()) == {3}


def test_the_broker_s_clock_is_turned_to_utc_and_begins_its_day(tmp_path: Path) -> None:
    file = str(export(walk(1), tmp_path / "bars.csv"))
    at_utc, ahead = (load(file, "EURUSD", offset) for offset in ("+00:00", "+02:00"))
    assert (at_utc.m5.time - ahead.m5.time == 7200).all()
    noon = at_utc.closes_at[143]
    assert ahead.day_start(143, noon) == at_utc.day_start(143, noon) - 7200
    assert ahead.ticks(50).at[0] == ahead.m5.time[50] * 1000


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), seconds=st.sampled_from([M1, M5, 600, M15]))
def test_how_far_quotes_reached_is_what_the_quotes_tell(seed: int, seconds: int) -> None:
    told = history(lengthened(walk(seed, 60), seconds))
    for bar in range(len(told)):
        ticks = told.ticks(bar)
        begin = int(told.m5.time[bar]) * 1000
        assert (np.diff(ticks.at) >= 0).all()
        assert begin <= ticks.at[0]
        assert ticks.at[-1] < begin + M5_SECONDS * 1000
        assert told.reach.last_age[bar] == begin + M5_SECONDS * 1000 - ticks.at[-1]
        assert told.reach.least_spread[bar] == (ticks.ask - ticks.bid).min()
        for side in (BUY, SELL):
            prices = ticks.closing(side)
            seen = (told.lows[side][bar], told.highs[side][bar], told.lasts[side][bar])
            assert seen == (prices.min(), prices.max(), prices[-1])


def test_the_market_is_closed_where_a_hole_of_ten_minutes_begins() -> None:
    bars = markets.walk(1, 60).pick(np.r_[:20, 21:40, 42:60])  # one bar is missing, then two
    assert [bar for bar, is_open in enumerate(history(bars).is_open_after) if not is_open] == [38]


def charts_of(told: History, bar: int) -> Charts:
    """All that had closed at the end of a bar, and all that came later."""
    facts = told.facts(bar)
    return Charts(told.symbol.name, facts, told.m5, told.m15, bid_changes=None, market_open=True)


@settings(max_examples=5)
@given(seed=st.integers(0, 10_000))
def test_a_bar_tells_what_an_analysis_of_the_whole_charts_tells(seed: int) -> None:
    told = history(walk(seed, 400))
    readings = Readings(told, POLICY)
    found = 0
    for bar in range(len(told)):
        reading = readings.at(bar)
        at = datetime.fromtimestamp(told.closes_at[bar], UTC)
        whole = analyse(charts_of(told, bar), at, POLICY.analysis)
        assert reading.analysis == (None if isinstance(whole, NoAnalysis) else whole)
        assert set(reading.scores) == (set(Direction) if reading.analysis else set())
        found += reading.analysis is not None
    assert found > 100


@pytest.mark.parametrize(
    ("seconds", "symbol", "offset", "spread", "why"),
    [
        (1800, "EURUSD", "EET", 1, "bars of 30 minutes: export bars of 15 minutes or shorter"),
        (M5, "WHEAT", "EET", 1, "symbol 'WHEAT' is not known; known, with any suffix, are EURUSD"),
        (M5, "EURUSD,GBPUSD", "EET", 1, "--symbol 'EURUSD,GBPUSD' is more than one symbol"),
        (M5, "EURUSD", "nowhere", 1, "server offset 'nowhere' is neither"),
        (M5, "EURUSD", "EET", 0, "--min-spread 0 is not at least 1 point"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_could(
    tmp_path: Path, seconds: int, symbol: str, offset: str, spread: int, why: str
) -> None:
    file = export(lengthened(markets.walk(1, 50), seconds), tmp_path / "bars.csv")
    with pytest.raises(ConfigurationInvalid) as refused:
        load(str(file), symbol, offset, spread)
    assert why in refused.value.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("this is\nno table\n", "does not begin with Date,Open"),
        ("Date,Open,High,Low,Close,Tickvol,Volume,Spread\n", "holds 0 closed bars"),
        (
            "Date,Open,High,Low,Close,Tickvol,Volume,Spread\n2026.03.02 00:00:00,1,2,3,4,5,0,1\n",
            "line 2: open, high, low and close contradict each other",
        ),
    ],
)
def test_a_file_that_is_none_is_named_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as refused:
        load(str(file), "EURUSD", "EET")
    assert why in refused.value.message
