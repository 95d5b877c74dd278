"""Indicators on the newest bars, against TA-Lib over the whole series."""

from collections.abc import Callable

import markets
import numpy as np
import pytest
import talib
from dtms_server.domain.analysis.indicators import atr, atr_ratio, rsi_lead
from dtms_server.domain.analysis.m5 import read_m5
from dtms_server.domain.analysis.m15 import M15Reading, read_m15
from dtms_server.domain.bars import Bars
from dtms_server.domain.policy.analysis import AnalysisPolicy

POLICY = AnalysisPolicy()
Market = Callable[[], Bars]
REAL = [
    pytest.param(markets.eurusd_m15, marks=markets.needs_real_bars, id="EURUSD M15"),
    pytest.param(lambda: markets.gbpusd().m15, marks=markets.needs_real_bars, id="GBPUSD M15"),
    pytest.param(lambda: markets.joined(markets.walk(1, 9000), 900), id="a walk"),
    pytest.param(lambda: markets.joined(markets.walk(2, 9000, 200), 900), id="a wild walk"),
]


def window(bars: Bars, newest: int, count: int) -> Bars:
    return bars.pick(slice(max(0, newest + 1 - count), newest + 1))


def whole_m15(bars: Bars) -> dict[str, np.ndarray]:
    """What TA-Lib gives over all bars, in prices."""
    close = bars.close
    upper, _, lower = talib.BBANDS(close, 20, 2, 2)
    return {
        "atr": talib.ATR(bars.high, bars.low, close, 14),
        "histogram": talib.MACD(close, 12, 26, 9)[2],
        "width": upper - lower,
        "ema 50": talib.EMA(close, 50),
        "ema 200": talib.EMA(close, 200),
        "rsi": talib.RSI(close, 14),
    }


def differences(reading: M15Reading, whole: dict[str, np.ndarray], newest: int) -> dict[str, float]:
    """How far each reading lies from the whole series' value."""
    expected = {name: series[newest] for name, series in whole.items()}
    seen = {
        "atr": reading.atr,
        "histogram": reading.momentum.histogram[-1],
        "width": reading.band_width,
        "rsi": 50 + reading.momentum.rsi_lead,
    }
    apart = {name: abs(value - expected[name]) for name, value in seen.items()}
    apart["histogram before"] = abs(reading.momentum.histogram[-2] - whole["histogram"][newest - 1])
    if reading.slopes is not None:
        for name, slope in (("ema 50", reading.slopes.fast), ("ema 200", reading.slopes.slow)):
            apart[name] = abs(slope - (expected[name] - whole[name][newest - 10]))
    return apart


@pytest.mark.parametrize("market", REAL)
def test_m15_indicators_equal_talib_over_the_whole_series(market: Market) -> None:
    bars = market()
    whole = whole_m15(bars)
    for newest in range(100, len(bars), 61):
        reading = read_m15(window(bars, newest, POLICY.m15_bars), markets.POINT, POLICY)
        apart = differences(reading, whole, newest)
        assert apart.pop("rsi") < 0.01
        assert max(apart.values()) < 0.01 * whole["atr"][newest], (newest, apart)


@pytest.mark.parametrize("market", REAL)
def test_the_emas_themselves_equal_talib_over_the_whole_series(market: Market) -> None:
    bars = market()
    whole = whole_m15(bars)
    for newest in range(POLICY.m15_bars - 1, len(bars), 61):
        read = window(bars, newest, POLICY.m15_bars)
        scaled = read.in_points(markets.POINT)
        for name, period in (("ema 50", 50), ("ema 200", 200)):
            ema = read.close[-1] + talib.EMA(scaled.close, period)[-1] * markets.POINT
            assert abs(ema - whole[name][newest]) < 0.01 * whole["atr"][newest]


@pytest.mark.parametrize(
    "market",
    [
        pytest.param(lambda: markets.gbpusd().m5, marks=markets.needs_real_bars, id="GBPUSD M5"),
        pytest.param(lambda: markets.walk(3, 6000), id="a walk"),
    ],
)
def test_the_m5_atr_equals_talib_over_the_whole_series(market: Market) -> None:
    bars = market()
    whole = talib.ATR(bars.high, bars.low, bars.close, 14)
    for newest in range(100, len(bars), 61):
        seen = read_m5(window(bars, newest, POLICY.m5_bars), markets.FACTS, POLICY).atr
        assert seen == pytest.approx(whole[newest], rel=0.01)


def test_the_rsi_change_is_that_of_three_bars() -> None:
    bars = markets.joined(markets.walk(4, 600), 900)
    rsi = talib.RSI(bars.close, 14)
    reading = read_m15(bars, markets.POINT, POLICY)
    assert reading.momentum.rsi_change == pytest.approx(rsi[-1] - rsi[-4])


def test_a_market_that_stands_still_leads_nowhere() -> None:
    assert rsi_lead(np.zeros(60), 14)[-1] == 0
    falling = -np.arange(60.0)
    assert rsi_lead(falling, 14)[-1] == -rsi_lead(-falling, 14)[-1] == -50


def test_the_atr_ratio_is_over_the_mean_of_twenty() -> None:
    series = atr(markets.walk(5, 200), 14)
    assert atr_ratio(series, 20) == pytest.approx(series[-1] / series[-20:].mean())
    assert atr_ratio(np.zeros(60), 20) == 0


def test_the_emas_need_six_hundred_bars_and_nothing_else_does() -> None:
    bars = markets.joined(markets.walk(6, 1800), 900)
    assert read_m15(bars.pick(slice(0, 600)), markets.POINT, POLICY).slopes is not None
    few = read_m15(bars.pick(slice(0, 599)), markets.POINT, POLICY)
    assert few.slopes is None
    assert few.is_whole
    assert read_m15(bars.pick(slice(0, 60)), markets.POINT, POLICY).is_whole


def test_an_indicator_without_a_value_is_noticed() -> None:
    bars = markets.joined(markets.walk(7, 1800), 900)
    assert not read_m15(bars.pick(slice(0, 33)), markets.POINT, POLICY).is_whole
