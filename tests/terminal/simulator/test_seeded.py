import numpy as np
import pytest
from dtms_server.terminal.simulator.bars import DAY, Rows
from dtms_server.terminal.simulator.seeded import FIRST_DAY, START, SeededMarket
from dtms_server.terminal.simulator.symbols import DEFAULT, facts

START_DAY = int(START) // DAY


def market(seed: int = 5, *names: str) -> SeededMarket:
    return SeededMarket(seed, {name: facts(name) for name in names or DEFAULT}, 1)


def week(of: SeededMarket, symbol: str) -> Rows:
    return of.bars(symbol, START_DAY * DAY, (START_DAY + 7) * DAY)


def test_the_same_seed_gives_the_same_bytes_however_it_is_asked() -> None:
    whole = week(market(), "EURUSD")
    other = market()
    other.bars("GBPUSD", START_DAY * DAY, (START_DAY + 30) * DAY)
    later = other.bars("EURUSD", (START_DAY + 91) * DAY, (START_DAY + 92) * DAY)
    assert len(later) == 1440
    days = [other.bars("EURUSD", d * DAY, (d + 1) * DAY) for d in range(START_DAY, START_DAY + 7)]
    assert np.concatenate(days).tobytes() == whole.tobytes()
    assert week(market(5, "EURUSD"), "EURUSD").tobytes() == whole.tobytes()


def test_another_seed_and_another_symbol_give_other_prices() -> None:
    assert week(market(5), "EURUSD").tobytes() != week(market(6), "EURUSD").tobytes()
    assert not np.array_equal(week(market(), "EURUSD")["ticks"], week(market(), "GBPUSD")["ticks"])


def test_days_forgotten_for_want_of_room_are_made_again_the_same() -> None:
    one = market(5, "EURUSD")
    before = week(one, "EURUSD").tobytes()
    one.bars("EURUSD", (START_DAY + 7) * DAY, (START_DAY + 200) * DAY)
    assert week(one, "EURUSD").tobytes() == before


@pytest.mark.parametrize("symbol", DEFAULT)
def test_bars_make_sense(symbol: str) -> None:
    bars = week(market(), symbol)
    assert len(bars) == 5 * 1440  # weekends are closed
    assert (bars["low"] > 0).all()
    assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
    assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert (bars["open"][1:] == bars["close"][:-1]).all()  # also over the night
    assert (bars["spread"] >= 1).all()
    assert (bars["ticks"] >= 4).all()


def test_the_market_is_closed_at_the_weekend() -> None:
    one = market()
    friday_end = (START_DAY + 5) * DAY
    assert one.is_open("EURUSD", friday_end - 1)
    assert not one.is_open("EURUSD", friday_end)
    assert not one.is_open("EURUSD", friday_end + 2 * DAY - 1)
    assert one.is_open("EURUSD", friday_end + 2 * DAY)
    assert one.last_bar("EURUSD", friday_end + DAY)["time"].tolist() == [friday_end - 60]


def test_there_is_history_enough_before_the_start_and_none_before_the_first_day() -> None:
    one = market()
    history = one.bars("EURUSD", 0, int(START))
    assert history["time"][0] == one.first == FIRST_DAY * DAY
    assert len(history) > 45 * 1440
    assert len(one.last_bar("EURUSD", one.first - 1)) == 0
    assert not one.is_open("EURUSD", one.first - 1)


def test_the_market_calms_trends_and_crashes() -> None:
    one = market(5, "EURUSD")
    bars = one.bars("EURUSD", one.first, one.first + 180 * DAY)
    closes = np.log(bars["close"].reshape(-1, 60)[:, -1])  # by the hour
    moves = np.abs(np.diff(closes)) / one.symbols["EURUSD"].daily_move
    assert np.quantile(moves, 0.25) < 0.1
    assert moves.max() > 1.0
    assert 0.8 < bars["close"].min() / 108_000 < bars["close"].max() / 108_000 < 1.25


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_prices_stay_near_home_for_years(seed: int) -> None:
    one = market(seed, "EURUSD", "XAUUSD")
    for name, symbol in one.symbols.items():
        last = one.last_bar(name, (FIRST_DAY + 5 * 365) * DAY)["close"][0]
        assert 0.6 < last / symbol.points(symbol.price) < 1.7
