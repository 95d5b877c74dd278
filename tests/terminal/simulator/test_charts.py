from datetime import UTC, datetime

import numpy as np
import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.bars import Rows

START = int(datetime(2025, 1, 6, 10, tzinfo=UTC).timestamp())  # by the server's clock


def rates(timeframe: int, skip: int, count: int) -> Rows:
    found = mt5.copy_rates_from_pos("EURUSD", timeframe, skip, count)
    assert found is not None
    return found


def test_bars_have_the_real_columns(hedging: None) -> None:
    assert rates(mt5.TIMEFRAME_M5, 0, 1).dtype.descr == [
        ("time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("tick_volume", "<u8"),
        ("spread", "<i4"),
        ("real_volume", "<u8"),
    ]
    ticks = mt5.copy_ticks_from("EURUSD", START - 60, 5, mt5.COPY_TICKS_INFO)
    assert ticks is not None
    assert ticks.dtype.names == mt5.Tick._fields
    assert ticks["flags"].tolist() == [6] * 5


@pytest.mark.parametrize(
    ("timeframe", "count"), [(mt5.TIMEFRAME_M15, 1000), (mt5.TIMEFRAME_M5, 600)]
)
def test_there_are_bars_enough_to_analyse(timeframe: int, count: int, hedging: None) -> None:
    found = rates(timeframe, 1, count)
    assert len(found) == count
    assert (np.diff(found["time"]) > 0).all()
    weekdays = (found["time"] // 86_400 + 3) % 7
    assert weekdays.max() <= 4


def test_the_newest_bar_is_still_forming(hedging: None) -> None:
    control.advance(130)
    forming = rates(mt5.TIMEFRAME_M5, 0, 1)[0]
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    assert forming["time"] == START
    assert forming["close"] == tick.bid
    before = int(forming["tick_volume"])
    control.advance(100)
    grown = rates(mt5.TIMEFRAME_M5, 0, 1)[0]
    assert grown["open"] == forming["open"]
    assert grown["tick_volume"] > before
    control.advance(70)
    assert rates(mt5.TIMEFRAME_M5, 0, 1)[0]["time"] == START + 300
    assert rates(mt5.TIMEFRAME_M5, 1, 1)[0]["time"] == START


def test_positions_dates_and_ranges_tell_of_the_same_bars(hedging: None) -> None:
    newest = rates(mt5.TIMEFRAME_M15, 0, 50)
    assert rates(mt5.TIMEFRAME_M15, 20, 30).tolist() == newest[:30].tolist()
    from_date = mt5.copy_rates_from("EURUSD", mt5.TIMEFRAME_M15, int(newest["time"][29]) + 7, 30)
    assert from_date is not None
    assert from_date.tolist() == newest[:30].tolist()
    ranged = mt5.copy_rates_range(
        "EURUSD",
        mt5.TIMEFRAME_M15,
        datetime.fromtimestamp(int(newest["time"][5]), UTC),
        int(newest["time"][9]),
    )
    assert ranged is not None
    assert ranged.tolist() == newest[5:10].tolist()
    future = mt5.copy_rates_range("EURUSD", mt5.TIMEFRAME_M15, START + 86_400, START + 90_000)
    assert future is not None
    assert len(future) == 0


def test_larger_bars_are_made_of_smaller_ones_and_of_ticks(hedging: None) -> None:
    control.jump("EURUSD", 300)
    control.advance(4000)
    control.jump("EURUSD", -200)
    control.advance(4000)
    small, large = rates(mt5.TIMEFRAME_M5, 0, 60), rates(mt5.TIMEFRAME_M15, 0, 12)
    ticks = mt5.copy_ticks_range("EURUSD", int(large["time"][0]), START + 9000, mt5.COPY_TICKS_ALL)
    assert ticks is not None
    for bar in large[1:]:
        parts = small[small["time"] // 900 * 900 == bar["time"]]
        assert bar["open"] == parts["open"][0]
        assert bar["close"] == parts["close"][-1]
        assert (bar["high"], bar["low"]) == (parts["high"].max(), parts["low"].min())
        assert bar["tick_volume"] == parts["tick_volume"].sum()
        inside = ticks[ticks["time"] // 900 * 900 == bar["time"]]
        assert bar["tick_volume"] == len(inside)
        assert (bar["high"], bar["low"]) == (inside["bid"].max(), inside["bid"].min())


def test_history_does_not_change_when_time_goes_on(hedging: None) -> None:
    before = rates(mt5.TIMEFRAME_H1, 1, 200)
    control.jump("EURUSD", 500)
    control.advance(7200)
    assert rates(mt5.TIMEFRAME_H1, 3, 200).tolist() == before.tolist()


@pytest.mark.parametrize("timeframe", [mt5.TIMEFRAME_D1, mt5.TIMEFRAME_W1, mt5.TIMEFRAME_MN1])
def test_more_bars_than_there_are_is_all_there_are(timeframe: int, hedging: None) -> None:
    found = rates(timeframe, 0, 500)
    assert 2 < len(found) < 500
    assert found["time"][0] <= int(datetime(2024, 11, 4, tzinfo=UTC).timestamp())
    assert len(rates(timeframe, 490, 10)) == 0


def test_ticks_are_asked_by_date_and_count(hedging: None) -> None:
    ticks = mt5.copy_ticks_from("EURUSD", START - 3600, 50, mt5.COPY_TICKS_ALL)
    assert ticks is not None
    assert len(ticks) == 50
    assert ticks["time"][0] == START - 3600
    ranged = mt5.copy_ticks_range(
        "EURUSD", START - 3600, int(ticks["time"][-1]), mt5.COPY_TICKS_ALL
    )
    assert ranged is not None
    assert ranged[:49].tolist() == ticks[:49].tolist()
    late = mt5.copy_ticks_from("EURUSD", START - 30, 10_000, mt5.COPY_TICKS_ALL)
    assert late is not None
    assert late["time"].max() <= START  # nothing of the future
    trades = mt5.copy_ticks_from("EURUSD", START - 3600, 50, mt5.COPY_TICKS_TRADE)
    assert trades is not None
    assert len(trades) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: mt5.copy_rates_from_pos("NOSUCH", mt5.TIMEFRAME_M5, 0, 5),
        lambda: mt5.copy_rates_from_pos("EURUSD", 7, 0, 5),
        lambda: mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M5, -1, 5),
        lambda: mt5.copy_ticks_from("EURUSD", START, -5, mt5.COPY_TICKS_ALL),
    ],
)
def test_what_cannot_be_asked_is_none(call: object, hedging: None) -> None:
    assert callable(call)
    assert call() is None
    assert mt5.last_error()[0] < 0
