"""A quote: the newest tick with the symbol's facts, and what of it is not believed."""

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import TradeMode
from dtms_server.domain.trade import Direction
from dtms_server.terminal import simulator
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.twisted import adapter, whole


@pytest.fixture(autouse=True)
def world() -> None:
    control.start(Settings(speed=0, seed=7, symbol="EURUSD,USDJPY"))
    simulator.initialize()


def test_a_quote_is_the_newest_tick_in_utc() -> None:
    quote = adapter().quote("EURUSD")
    tick = simulator.symbol_info_tick("EURUSD")
    assert tick is not None
    assert (quote.bid, quote.ask) == (tick.bid, tick.ask)
    assert timedelta() <= control.clock()[0] - quote.at < timedelta(minutes=1)
    assert quote.spread == pytest.approx(tick.ask - tick.bid)
    assert quote.closing_price(Direction.BUY) == quote.opening_price(Direction.SELL) == tick.bid
    assert quote.closing_price(Direction.SELL) == quote.opening_price(Direction.BUY) == tick.ask


def test_a_symbol_that_is_not_in_market_watch_is_put_there() -> None:
    simulator.symbol_select("EURUSD", False)
    assert adapter().quote("EURUSD").bid > 0


def test_the_facts_are_the_symbol_s_own() -> None:
    control.symbol("USDJPY", stops_level=12, freeze_level=3, volume_min=0.1, tick_size=0.005)
    facts = adapter().quote("USDJPY").instrument
    assert (facts.symbol, facts.digits, facts.stops_level, facts.freeze_level) == (
        "USDJPY",
        3,
        12,
        3,
    )
    assert facts.point == pytest.approx(0.001)
    assert facts.tick_size == 0.005
    assert (facts.volume_min, facts.volume_step, facts.volume_max) == (0.1, 0.01, 100.0)
    assert (facts.trade_mode, facts.allows_close_by) == (TradeMode.FULL, True)


@pytest.mark.parametrize(("loss", "other", "value"), [(0.9, 1.0, 0.9), (0.0, 1.0, 1.0)])
def test_a_tick_is_worth_what_it_costs_where_that_is_known(
    loss: float, other: float, value: float
) -> None:
    twist = whole(trade_tick_value_loss=loss, trade_tick_value=other)
    assert adapter("symbol_info", twist).quote("EURUSD").instrument.tick_value == value


@pytest.mark.parametrize(
    ("code", "mode"),
    [
        (0, TradeMode.DISABLED),
        (1, TradeMode.LONG_ONLY),
        (2, TradeMode.SHORT_ONLY),
        (3, TradeMode.CLOSE_ONLY),
        (4, TradeMode.FULL),
    ],
)
def test_what_may_be_dealt_in_is_named(code: int, mode: TradeMode) -> None:
    twist = whole(trade_mode=code)
    assert adapter("symbol_info", twist).quote("EURUSD").instrument.trade_mode is mode


@pytest.mark.parametrize(("bits", "allowed"), [(127, True), (64, True), (63, False)])
def test_close_by_is_a_bit_of_the_order_mode(bits: int, allowed: bool) -> None:
    twist = whole(order_mode=bits)
    assert adapter("symbol_info", twist).quote("EURUSD").instrument.allows_close_by is allowed


@pytest.mark.parametrize("name", ["point", "trade_tick_size", "volume_min", "volume_step"])
@pytest.mark.parametrize("value", [0.0, -1.0, nan, inf])
def test_facts_that_cannot_be_are_an_error(name: str, value: float) -> None:
    with pytest.raises(TerminalFailed, match=f"symbol_info .*{name}"):
        adapter("symbol_info", whole(**{name: value})).quote("EURUSD")


@pytest.mark.parametrize(
    "lie",
    [
        {"trade_mode": 9},
        {"trade_stops_level": -1},
        {"trade_freeze_level": -1},
        {"volume_max": 0.0},
        {"trade_tick_value_loss": 0.0, "trade_tick_value": 0.0},
    ],
)
def test_facts_without_sense_are_an_error(lie: dict[str, Any]) -> None:
    with pytest.raises(TerminalFailed, match="symbol_info"):
        adapter("symbol_info", whole(**lie)).quote("EURUSD")


@pytest.mark.parametrize("lie", [{"bid": 0.0}, {"ask": 0.0}, {"bid": nan}, {"time_msc": 2**62}])
def test_a_tick_that_is_no_price_is_an_error(lie: dict[str, Any]) -> None:
    with pytest.raises(TerminalFailed, match="symbol_info_tick"):
        adapter("symbol_info_tick", whole(**lie)).quote("EURUSD")


def test_a_symbol_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TerminalFailed, match="symbol_select"):
        adapter().quote("NOSUCH")
