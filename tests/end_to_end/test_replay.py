"""Real bars: a trade is closed by its bot's stop or target, or by the defence, at a price that the
market really had."""

import csv
import gzip
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from outside import shared
from processes import Shop

BROKER = ZoneInfo("EET")
NEAR = 0.0020
HOUR_A_SECOND = 3600


Bars = dict[datetime, tuple[float, float]]


@pytest.fixture
def bars() -> Bars:
    """Low and high of each bar, by its beginning."""
    with gzip.open(shared("data", "EURUSD_M15.csv.gz"), "rt", encoding="utf-8") as file:
        return {
            _begin(row["Date"]): (float(row["Low"]), float(row["High"]))
            for row in csv.DictReader(file)
        }


def _begin(date: str) -> datetime:
    return datetime.fromisoformat(date.replace(".", "-")).replace(tzinfo=BROKER)


@pytest.mark.parametrize(
    ("protection", "direction"), [("OBSERVE", "buy"), ("OBSERVE", "sell"), ("PROTECT", "buy")]
)
def test_a_trade_on_real_bars_is_closed_by_its_stop_or_target_or_by_its_defence(
    town: Shop, bars: Bars, protection: str, direction: str
) -> None:
    flags = (
        "--replay",
        str(shared("data", "EURUSD_M15.csv.gz")),
        "--symbol",
        "EURUSD",
        "--speed",
        str(HOUR_A_SECOND),
    )
    _, terminal = town.terminal(*flags)
    server, target = town.serve(terminal, "--cycle", "1")
    server.expect("guarding")
    watcher = town.start("watch", "--json", "--from-start", "--target", target)

    with town.control(terminal) as hand:
        hand.speed(0)  # lest hours pass between two commands
        near = _stops(hand, Direction(direction.upper()))
        claim = ("--symbol", "EURUSD", "--direction", direction, "--protection", protection)
        opened = _ask(
            town, "sim", "open", "EURUSD", direction, "0.1", *near, "--terminal", terminal
        )
        registered = _ask(town, "register", str(opened["ticket"]), *claim, "--target", target)
        assert not registered["already_registered"]
        hand.speed(HOUR_A_SECOND)

    ticket = str(opened["ticket"])
    event = json.loads(watcher.expect(f'^{{.*"ticket": {ticket},.*TRADE_CLOSED.*}}$')[0])
    closed = event["trade_closed"]
    trade = _ask(town, "trades", ticket, "--target", target)
    assert (trade["state"], trade["close_reason"]) == ("CLOSED", closed["reason"])
    assert trade["profit"] == closed["profit"]
    _is_real(bars, trade["closed_at"], closed["close_price"], spread=direction == "sell")
    actions = _ask(town, "actions", ticket, "--all", "--target", target)["actions"]
    if protection == "OBSERVE":
        assert actions == []
        assert closed["reason"] in ("SL", "TP")
        _pays(opened, closed, direction)
    else:
        assert closed["reason"] in ("SL", "TP", "DTMS")
        _is_explained(opened, trade, actions, direction)


def _stops(hand: SimulatorControl, direction: Direction) -> tuple[str, ...]:
    """Return flags for a stop and a target at the same distance from the market's price."""
    probe = hand.open("EURUSD", direction, 0.01)
    hand.close(probe.ticket)
    away = NEAR if direction is Direction.BUY else -NEAR
    stop, target = probe.entry_price - away, probe.entry_price + away
    return "--sl", f"{stop:.5f}", "--tp", f"{target:.5f}"


def _ask(town: Shop, *command: str) -> Any:
    done = town.run(*command, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _is_real(bars: Bars, at: str, price: float, *, spread: bool) -> None:
    """Is the price one of the bar at that time? Bars are of bids; a SELL is closed by the ask."""
    when = datetime.fromisoformat(at).astimezone(BROKER)
    low, high = bars[when.replace(minute=when.minute - when.minute % 15, second=0, microsecond=0)]
    widest = 0.0010 if spread else 0.0
    assert low - 1e-9 <= price <= high + widest + 1e-9


def _is_explained(
    opened: dict[str, Any], trade: dict[str, Any], actions: list[dict[str, Any]], direction: str
) -> None:
    """Is the end, and where the stop was by then, the work of the actions that were done?"""
    done = [action for action in actions if action["state"] == "DONE"]
    if trade["close_reason"] == "DTMS":
        assert done[0]["kind"] in ("CLOSE_TRADE", "CLOSE_BY")
    stops = [each["became"]["stop_loss"] for each in done if each["verb"] == "PROTECT"]
    assert trade["stop_loss"] == (stops[0] if stops else opened["stop_loss"])
    sign = 1 if direction == "buy" else -1
    assert sign * (trade["stop_loss"] - opened["stop_loss"]) >= 0, "a stop was loosened"
    assert trade["take_profit"] == opened["take_profit"], "the target was lost"


def _pays(opened: dict[str, Any], closed: dict[str, Any], direction: str) -> None:
    """Is the profit that of the prices, less commission and swap of some days?"""
    sign = 1 if direction == "buy" else -1
    moved = sign * (closed["close_price"] - opened["entry_price"]) * 100_000 * 0.1
    assert moved - 10 < closed["profit"] < moved
    assert (closed["profit"] > 0) == (closed["reason"] == "TP")
