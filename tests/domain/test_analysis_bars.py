"""What of a terminal's bars is read, and what a symbol is called."""

from dataclasses import replace
from datetime import timedelta

import markets
import numpy as np
import pytest
from dtms_server.domain.analysis.symbols import base_symbol
from dtms_server.domain.charts import PriceFacts

TEN = markets.drawn([(1, 1, 1)] * 10, markets.M5)


def test_a_bar_is_read_from_the_second_that_it_ends() -> None:
    tenth_ends = markets.MONDAY + timedelta(minutes=50)
    assert len(TEN.closed(tenth_ends - timedelta(seconds=1), 600)) == 9
    assert len(TEN.closed(tenth_ends, 600)) == 10
    assert TEN.closed(tenth_ends, 600).closed_at == tenth_ends


def test_only_the_newest_bars_are_read() -> None:
    read = TEN.closed(markets.MONDAY + timedelta(days=1), 4)
    assert read.time.tolist() == TEN.time[-4:].tolist()


def test_no_bar_may_have_closed_yet() -> None:
    assert len(TEN.closed(markets.MONDAY, 600)) == 0


def test_bars_repeated_or_out_of_order_are_read_once_each_and_the_last_row_counts() -> None:
    overlapping = TEN.pick(np.array([5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6]))
    corrected = replace(overlapping, close=overlapping.close + np.arange(12) * markets.POINT)
    read = corrected.closed(markets.MONDAY + timedelta(days=1), 600)
    assert read.time.tolist() == TEN.time.tolist()
    added = np.rint((read.close - TEN.close) / markets.POINT).tolist()
    assert added == [5, 6, 7, 8, 9, 10, 11, 2, 3, 4]


def test_in_points_prices_are_whole_and_mirrored_bars_are_the_negative() -> None:
    bars = markets.walk(1, 50)
    scaled = bars.in_points(markets.POINT)
    turned = markets.mirrored(bars, 1.0987).in_points(markets.POINT)
    assert scaled.close[-1] == 0
    assert (scaled.high % 1 == 0).all()
    assert (turned.close == -scaled.close).all()
    assert (turned.high == -scaled.low).all()


@pytest.mark.parametrize("price", [np.nan, np.inf, -np.inf, 0.0, -1.1])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_that_is_no_number_above_zero_is_not_sound(price: float, column: str) -> None:
    prices = getattr(TEN, column).copy()
    prices[3] = price
    assert TEN.is_sound
    assert not replace(TEN, **{column: prices}).is_sound


@pytest.mark.parametrize(
    ("offset_hours", "hour", "begins"),
    [(0, 1, 0), (2, 1, -2), (2, 22, 22), (3, 20, -3), (-5, 3, -19)],
)
def test_the_day_begins_at_the_brokers_midnight(offset_hours: int, hour: int, begins: int) -> None:
    facts = PriceFacts(markets.POINT, 5, 3600 * offset_hours)
    midnight = int(markets.MONDAY.timestamp())
    assert facts.day_start(midnight + 3600 * hour) == midnight + 3600 * begins


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("EURUSD", "EURUSD"),
        ("EURUSDc", "EURUSD"),
        ("EURUSD.m", "EURUSD"),
        ("EURUSDmicro", "EURUSD"),
        ("EURUSD_i", "EURUSD"),
        ("EURUSD-ECN", "EURUSD"),
        ("#EURUSD", "EURUSD"),
        ("mEURUSD", "EURUSD"),
        ("EUR/USD", "EURUSD"),
        ("eurusd.raw", "EURUSD"),
        ("GBPJPY+", "GBPJPY"),
        ("XAUUSDm", "XAUUSD"),
        ("GOLD", "XAUUSD"),
        ("GOLDm", "XAUUSD"),
        ("BTCUSDT", "BTCUSD"),
        ("US30.cash", "US30"),
        ("GER40m", "GER40"),
        ("#AAPL", "AAPL"),
        ("Wheat_N6", "WHEAT"),
        ("!", "!"),
    ],
)
def test_a_brokers_name_leads_to_its_base_symbol(name: str, base: str) -> None:
    assert base_symbol(name) == base
