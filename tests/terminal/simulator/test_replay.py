import gzip
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.replay import EXPORT_BARS
from dtms_server.terminal.simulator.settings import Settings
from outside import shared

Begin = Callable[[Settings], None]
HEADER = "Date,Open,High,Low,Close,Tickvol,Volume,Spread"
ROWS = [
    "2025.07.07 10:00:00,1.10000,1.10100,1.09900,1.10050,60,0,20",
    "2025.07.07 10:15:00,1.10050,1.10200,1.10000,1.10150,3,0,0",
    "2025.07.07 10:30:00,1.10150,1.10160,1.09000,1.09100,90,0,7",
    "2025.07.07 10:45:00,1.09100,1.09500,1.09050,1.09400,80,0,7",
    "2025.07.07 12:00:00,1.09400,1.09600,1.09300,1.09500,80,0,7",
    "2025.07.07 12:15:00,1.09500,1.09500,1.09500,1.09500,1,0,99999",
]
PAIR = "timestamp,open,high,low,close"


def write(path: Path, rows: Iterable[str]) -> str:
    text = "\n".join(rows) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return str(path)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_an_export_is_replayed_by_the_brokers_clock(
    name: str, tmp_path: Path, begin: Begin
) -> None:
    source = write(tmp_path / name, [HEADER, *ROWS])
    begin(Settings(replay=source, symbol="EURUSD", speed=0, start=utc(2025, 7, 7, 10)))
    rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M15, 0, 10)
    assert rates is not None  # 10:00 UTC is 13:00 in Athens: the file is over
    assert rates.tolist() == [
        (int(utc(2025, 7, 7, 10).timestamp()), 1.1, 1.101, 1.099, 1.1005, 60, 20, 0),
        (int(utc(2025, 7, 7, 10, 15).timestamp()), 1.1005, 1.102, 1.1, 1.1015, 4, 1, 0),
        (int(utc(2025, 7, 7, 10, 30).timestamp()), 1.1015, 1.1016, 1.09, 1.091, 90, 7, 0),
        (int(utc(2025, 7, 7, 10, 45).timestamp()), 1.091, 1.095, 1.0905, 1.094, 80, 7, 0),
        (int(utc(2025, 7, 7, 12).timestamp()), 1.094, 1.096, 1.093, 1.095, 80, 7, 0),
    ]  # and the last row, still forming when it was exported, is no bar


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_bars_of_the_symbols_window_are_read_as_an_export(
    name: str, tmp_path: Path, begin: Begin
) -> None:
    start, read = utc(2025, 7, 7, 10), []
    with_tabs = [EXPORT_BARS, *(row.replace(" ", "\t").replace(",", "\t") for row in ROWS)]
    for folder, rows in (("commas", [HEADER, *ROWS]), ("tabs", with_tabs)):
        (tmp_path / folder).mkdir()
        source = write(tmp_path / folder / name, rows)
        begin(Settings(replay=source, symbol="EURUSD", speed=0, start=start))
        rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M15, 0, 10)
        assert rates is not None
        read.append(rates.tolist())
    assert len(read[0]) == 5
    assert read[0] == read[1]


def test_the_clock_begins_a_third_in_and_runs_past_the_end(tmp_path: Path, begin: Begin) -> None:
    source = write(tmp_path / "bars.csv", [HEADER, *ROWS])
    begin(Settings(replay=source, symbol="EURUSD", speed=0))
    assert control.clock()[0] == utc(2025, 7, 7, 7, 15)  # 10:15 by the broker's clock
    position = control.open_position("EURUSD", "BUY", 0.1)
    assert position is not None
    assert position.price_open == 1.10051
    assert position.time == utc(2025, 7, 7, 10, 15).timestamp()  # the broker's clock
    control.advance(86_400)
    assert control.clock()[0] == utc(2025, 7, 8, 7, 15)
    assert control.positions()[0].price_current == 1.095
    with pytest.raises(control.Refused, match="Market closed"):
        control.close_position(position.ticket)


def test_a_hole_of_more_than_ten_minutes_is_a_closed_market(tmp_path: Path, begin: Begin) -> None:
    source = write(tmp_path / "bars.csv", [HEADER, *ROWS])
    begin(Settings(replay=source, symbol="EURUSD", speed=0, server_offset="+03:00"))
    control.set_clock(utc(2025, 7, 7, 7, 59))
    assert control.open_position("EURUSD", "BUY", 0.1)
    control.set_clock(utc(2025, 7, 7, 8, 0))
    with pytest.raises(control.Refused, match="Market closed"):
        control.open_position("EURUSD", "BUY", 0.1)
    control.set_clock(utc(2025, 7, 7, 9, 0))
    assert control.open_position("EURUSD", "BUY", 0.1)


def test_a_stop_is_hit_within_the_bar_that_reaches_it(tmp_path: Path, begin: Begin) -> None:
    source = write(tmp_path / "bars.csv", [HEADER, *ROWS])
    begin(Settings(replay=source, symbol="EURUSD", speed=0))
    position = control.open_position("EURUSD", "BUY", 0.1, stop_loss=1.095)
    assert position is not None
    control.advance(3600)
    deals = mt5.history_deals_get(position=position.ticket)
    assert deals is not None
    assert deals[-1].reason == mt5.DEAL_REASON_SL
    bar = int(utc(2025, 7, 7, 10, 30).timestamp())
    assert bar <= deals[-1].time < bar + 900
    assert 1.094 < deals[-1].price <= 1.095


def test_smaller_bars_are_built_of_the_ticks_of_larger_ones(tmp_path: Path, begin: Begin) -> None:
    source = write(tmp_path / "bars.csv", [HEADER, *ROWS])
    begin(Settings(replay=source, symbol="EURUSD", speed=0, start=utc(2025, 7, 7, 10)))
    small = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M5, 0, 100)
    assert small is not None
    third = small[small["time"] // 900 * 900 == int(utc(2025, 7, 7, 10, 30).timestamp())]
    assert len(third) == 3
    assert (third["open"][0], third["close"][-1]) == (1.1015, 1.091)
    assert (third["high"].max(), third["low"].min()) == (1.1016, 1.09)
    assert third["tick_volume"].sum() == 90


def minutes(shift: int) -> list[str]:
    rows = [PAIR]
    for minute in range(6):
        levels = [1.57 + (minute * 10 + level + shift) / 100_000 for level in (0, 9, -9, 5)]
        time = f"2012-02-01 00:0{minute}:00+00:00"
        rows.append(",".join([time, *(f"{level:.5f}" for level in levels)]))
    return rows


def test_bid_and_ask_are_replayed_as_a_pair(tmp_path: Path, begin: Begin) -> None:
    bid, ask = tmp_path / "bid.csv", tmp_path / "ask.csv.gz"
    source = f"{write(bid, minutes(0))},{write(ask, minutes(12))}"
    begin(Settings(replay=source, symbol="GBPUSD", speed=0))
    assert control.clock()[0] == utc(2012, 2, 1, 0, 2)
    tick = mt5.symbol_info_tick("GBPUSD")
    assert tick is not None
    assert (tick.bid, tick.ask) == (1.5702, 1.57032)
    assert tick.time == int(utc(2012, 2, 1, 2, 2).timestamp())  # Athens in winter
    control.advance(3600)
    rates = mt5.copy_rates_from_pos("GBPUSD", mt5.TIMEFRAME_M1, 0, 10)
    assert rates is not None
    assert rates["close"].tolist() == [round(1.57005 + n / 10_000, 5) for n in range(6)]
    assert set(rates["spread"].tolist()) == {12}


def test_the_ask_keeps_its_distance_where_the_files_cross(tmp_path: Path, begin: Begin) -> None:
    bid, ask = tmp_path / "bid.csv", tmp_path / "ask.csv"
    source = f"{write(bid, minutes(0))},{write(ask, minutes(-3))}"
    begin(Settings(replay=source, symbol="GBPUSD", speed=0, min_spread=2))
    control.advance(3600)
    ticks = mt5.copy_ticks_from("GBPUSD", 0, 1000, mt5.COPY_TICKS_ALL)
    assert ticks is not None
    assert len(ticks) > 20
    assert np.rint((ticks["ask"] - ticks["bid"]) * 100_000).min() == 2


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "does not begin with Date,Open"),
        (["time,open"], "does not begin with Date,Open"),
        ([HEADER, *ROWS[:3]], "2 closed bars"),
        ([HEADER, ROWS[1], ROWS[0], *ROWS], "line 3: not later"),
        ([HEADER, ROWS[0], "2025.07.07 10:15:00,1,2"], "line 3: 3 fields, not 8"),
        ([HEADER, "yesterday" + ROWS[0][19:], *ROWS], "line 2: "),
        ([HEADER, ROWS[0].replace("1.10100", "1.08000"), *ROWS[1:]], "contradict"),
        ([HEADER, ROWS[0].replace("1.10100", "nan"), *ROWS[1:]], "not finite"),
        ([HEADER, ROWS[0].replace("1.09900", "-1"), *ROWS[1:]], "negative"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_with_its_line(
    rows: list[str], says: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "bars.csv", rows)
    with pytest.raises(ValueError, match=says) as refused:
        control.start(Settings(replay=path, symbol="EURUSD"))
    assert "bars.csv" in str(refused.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(("\n".join([HEADER, *ROWS] * 99)).encode())[:-20])
    plain = tmp_path / "plain.csv.gz"
    plain.write_text(HEADER)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00\x01" * 50)
    for path in (broken, plain, binary, tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(ValueError, match=path.name):
            control.start(Settings(replay=str(path), symbol="EURUSD"))


def test_a_pair_must_hold_the_same_minutes(tmp_path: Path) -> None:
    bid = write(tmp_path / "bid.csv", minutes(0))
    ask = write(tmp_path / "ask.csv", minutes(9)[:-1])
    with pytest.raises(ValueError, match="the same minutes"):
        control.start(Settings(replay=f"{bid},{ask}", symbol="GBPUSD"))
    with pytest.raises(ValueError, match="neither FILE nor BIDFILE,ASKFILE"):
        control.start(Settings(replay=f"{bid},{ask},{ask}", symbol="GBPUSD"))


def test_a_year_of_real_bars_is_replayed(begin: Begin) -> None:
    begin(Settings(replay=str(shared("data", "EURUSD_M15.csv.gz")), symbol="EURUSD", speed=0))
    rates = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M15, 1, 1000)
    assert rates is not None
    assert len(rates) == 1000
    assert rates[0].tolist() == (1665360000, 0.97312, 0.97369, 0.97312, 0.97357, 60, 20, 0)
    assert control.clock()[0] == utc(2022, 10, 24, 7)  # 10:00 in Athens, summer time
    position = control.open_position("EURUSD", "BUY", 0.1, stop_loss=0.9, take_profit=1.05)
    assert position is not None
    control.advance(400 * 86_400)
    deals = mt5.history_deals_get(position=position.ticket)
    assert deals is not None
    assert deals[-1].reason == mt5.DEAL_REASON_TP
    assert deals[-1].price == pytest.approx(1.05, abs=2e-4)
    everything = mt5.copy_rates_range("EURUSD", mt5.TIMEFRAME_M15, 0, 2_000_000_000)
    assert everything is not None
    assert len(everything) == 24_423  # the last row was still forming


def test_a_month_of_real_minutes_is_replayed(begin: Begin) -> None:
    pair = (shared("data", f"gbpusd-m1-{side}-2012.csv.gz") for side in ("bid", "ask"))
    source = ",".join(map(str, pair))
    begin(Settings(replay=source, symbol="GBPUSD", speed=0))
    control.advance(40 * 86_400)
    rates = mt5.copy_rates_range("GBPUSD", mt5.TIMEFRAME_M1, 0, 2_000_000_000)
    assert rates is not None
    assert len(rates) == 30_117
    assert rates["spread"].min() >= 1
    assert rates[0].tolist()[:5] == (1328061600, 1.57597, 1.57606, 1.57576, 1.57576)


def test_trading_in_the_hour_that_the_clock_shows_twice_needs_a_fixed_offset(
    tmp_path: Path, begin: Begin
) -> None:
    rows = [row.replace("2012-02-01 00", "2012-10-28 01") for row in minutes(0)]
    earlier = [row.replace("2012-02-01 00", "2012-10-28 00") for row in minutes(0)]
    bars = write(tmp_path / "bars.csv", [*earlier, *rows[1:]])
    settings = Settings(replay=f"{bars},{bars}", symbol="GBPUSD", speed=0)
    with pytest.raises(ValueError, match="fixed server offset"):
        control.start(settings)
    begin(replace(settings, server_offset="+02:00"))
    assert mt5.symbol_info_tick("GBPUSD") is not None
