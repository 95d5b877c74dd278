from collections.abc import Callable
from pathlib import Path

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.simulator.trader import (
    DONE,
    SELL,
    account,
    close,
    deal,
    deals,
    facts,
    held,
    opened,
    points,
    protect,
    tick,
)

Begin = Callable[[Settings], None]


@pytest.mark.parametrize(
    ("fault", "retcode"),
    [
        ("market_closed", mt5.TRADE_RETCODE_MARKET_CLOSED),
        ("suspended", mt5.TRADE_RETCODE_TRADE_DISABLED),
        ("autotrading_off", mt5.TRADE_RETCODE_CLIENT_DISABLES_AT),
        ("experts_off", mt5.TRADE_RETCODE_SERVER_DISABLES_AT),
        ("read_only", mt5.TRADE_RETCODE_TRADE_DISABLED),
    ],
)
def test_nothing_is_traded_by_a_program_for_so_long(
    fault: str, retcode: int, hedging: None
) -> None:
    ticket = opened(volume=0.3)
    control.inject(fault, seconds=60)
    low = points(tick().bid, -500)
    assert deal().retcode == retcode
    assert protect(ticket, sl=low).retcode == retcode
    assert close(ticket).retcode == retcode
    assert control.close_position(ticket, 0.1)  # by hand, from elsewhere
    control.advance(59)
    assert close(ticket).retcode == retcode
    control.advance(1)
    assert control.faults() == []
    assert protect(ticket, sl=low).retcode == DONE
    control.inject(fault)
    control.advance(3600)
    assert close(ticket).retcode == retcode
    control.clear_faults(fault)
    assert close(ticket).retcode == DONE


def test_the_terminal_shows_that_autotrading_is_off(hedging: None) -> None:
    control.inject("autotrading_off")
    terminal = mt5.terminal_info()
    assert terminal is not None
    assert not terminal.trade_allowed
    assert account().trade_allowed
    control.clear_faults()
    terminal = mt5.terminal_info()
    assert terminal is not None
    assert terminal.trade_allowed


@pytest.mark.parametrize(
    ("fault", "shown"), [("experts_off", (True, False)), ("read_only", (False, True))]
)
def test_the_account_shows_what_it_may_not(
    fault: str, shown: tuple[bool, bool], hedging: None
) -> None:
    assert (account().trade_allowed, account().trade_expert) == (True, True)
    control.inject(fault)
    assert (account().trade_allowed, account().trade_expert) == shown


@pytest.mark.parametrize("fault", ["market_closed", "suspended"])
def test_one_symbol_alone_can_be_closed_and_its_quotes_go_on(fault: str, hedging: None) -> None:
    control.inject(fault, symbol="EURUSD")
    assert deal().retcode != DONE
    assert deal(symbol="GBPUSD").retcode == DONE
    before = tick().time_msc
    control.advance(60)
    assert tick().time_msc > before
    with pytest.raises(control.Refused, match="NOSUCH"):
        control.inject(fault, symbol="NOSUCH")


def test_a_suspended_symbol_shows_it(hedging: None) -> None:
    control.inject("suspended", symbol="EURUSD", seconds=60)
    assert facts().trade_mode == mt5.SYMBOL_TRADE_MODE_DISABLED
    assert facts("GBPUSD").trade_mode == mt5.SYMBOL_TRADE_MODE_FULL
    control.advance(60)
    assert facts().trade_mode == mt5.SYMBOL_TRADE_MODE_FULL


def spread(symbol: str = "EURUSD") -> int:
    found = tick(symbol)
    return round((found.ask - found.bid) * 100_000)


def test_a_wide_spread_lasts_so_long_and_moves_the_ask_alone(begin: Begin, tmp_path: Path) -> None:
    settings = Settings(seed=11, speed=0, state_path=tmp_path / "world.json")
    begin(settings)
    usual, bid = spread(), tick().bid
    control.inject("spread", symbol="EURUSD", points=150, seconds=90)
    assert (spread(), tick().bid) == (usual + 150, bid)
    control.advance(89)
    begin(settings)  # also over a restart
    assert spread() > 150
    assert spread("GBPUSD") < 50
    control.advance(1)
    assert spread() < 50
    assert control.faults() == []


def test_a_wide_spread_shows_in_bars_and_ticks(hedging: None) -> None:
    control.advance(30)
    begun = tick().time
    control.inject("spread", symbol="EURUSD", points=150, seconds=180)
    control.advance(600)
    ticks = mt5.copy_ticks_range("EURUSD", begun, begun + 600, mt5.COPY_TICKS_ALL)
    bars = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 11)
    assert ticks is not None
    assert bars is not None
    wide = [t["time_msc"] for t in ticks if t["ask"] - t["bid"] > 0.0015]
    assert wide
    assert begun * 1000 <= min(wide) <= max(wide) < (begun + 31 + 180) * 1000
    assert [bar["spread"] > 150 for bar in bars] == [False] + [True] * 3 + [False] * 7


def test_a_wide_spread_hits_the_stops_of_sells(hedging: None) -> None:
    ticket = opened(SELL, sl=points(tick().ask, 100))
    bought = opened(sl=points(tick().bid, -100))
    control.inject("spread", symbol="EURUSD", points=100, seconds=10)
    assert set(held()) == {bought}
    assert deals(ticket)[-1].reason == mt5.DEAL_REASON_SL


def test_a_wide_spread_moves_a_floating_stops_level(hedging: None) -> None:
    stop = points(tick().bid, -100)
    control.inject("spread", symbol="EURUSD", points=150, seconds=10)
    assert deal(sl=stop).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    control.clear_faults()
    assert spread() < 50
    assert deal(sl=points(tick().bid, -100)).retcode == DONE


def test_two_wide_spreads_and_a_jump_add_up_and_end_one_by_one(hedging: None) -> None:
    control.inject("spread", symbol="EURUSD", points=100, seconds=120)
    control.inject("spread", symbol="EURUSD", points=200, seconds=60)
    control.advance(30)
    bid = tick().bid
    control.jump("EURUSD", 1000)
    assert (tick().bid, spread() > 300) == (points(bid, 1000), True)
    control.advance(31)
    assert 100 < spread() < 200
    control.advance(60)
    assert spread() < 50


@pytest.mark.parametrize(
    "parameters",
    [{"symbol": "EURUSD", "points": 5}, {"symbol": "EURUSD", "points": 0, "seconds": 5}],
)
def test_a_wide_spread_says_what_it_takes(parameters: dict[str, object], hedging: None) -> None:
    with pytest.raises(control.Refused, match="takes seconds, symbol, points"):
        control.inject("spread", **parameters)


def test_deals_and_orders_may_be_listed_late(hedging: None) -> None:
    ticket = opened()
    control.advance(60)
    control.inject("late_deals", seconds=30)
    assert close(ticket).retcode == DONE
    assert held() == {}
    assert [d.entry for d in deals(ticket)] == [mt5.DEAL_ENTRY_IN]
    control.advance(29)
    assert len(deals(ticket)) == 1
    assert len(mt5.history_orders_get(position=ticket) or ()) == 1
    control.advance(1)
    assert len(deals(ticket)) == 2
    assert len(mt5.history_orders_get(position=ticket) or ()) == 2
    assert len(control.faults()) == 1  # until cleared


def test_faults_of_one_name_can_be_cleared_alone(hedging: None) -> None:
    control.inject("autotrading_off")
    control.inject("requote")
    control.clear_faults("autotrading_off")
    assert [fault["type"] for fault in control.faults()] == ["requote"]
    with pytest.raises(control.Refused, match="no fault 'gremlin'; known are pipe"):
        control.clear_faults("gremlin")
