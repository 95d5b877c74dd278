"""Somebody's hand at a simulated terminal: trades, faults and the clock."""

from collections.abc import Iterator

import pytest
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import ControlRefused
from hosts import STILL, Hosts, RunningHost


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    """One host for all tests that leave it as they found it."""
    running = RunningHost(STILL)
    yield running
    running.end()


def test_a_hand_opens_changes_and_closes_positions(host: RunningHost, hosts: Hosts) -> None:
    control = hosts.control(host.address)
    position = control.open("EURUSD", Direction.SELL, 0.4, magic=5, comment="by hand")
    assert (position.volume_lots, position.magic, position.comment) == (0.4, 5, "by hand")
    high, low = position.entry_price * 1.1, position.entry_price * 0.9
    changed = control.modify(position.ticket, stop_loss=high, take_profit=low)
    assert changed.stop_loss == pytest.approx(high, abs=1e-4)
    kept = control.modify(position.ticket, take_profit=None)
    assert (kept.stop_loss, kept.take_profit) == (changed.stop_loss, None)
    left = control.close(position.ticket, 0.1)
    assert left is not None
    assert left.volume_lots == pytest.approx(0.3)
    assert control.close(position.ticket) is None
    assert control.positions() == ()


def test_the_clock_stands_runs_and_goes_forward(host: RunningHost, hosts: Hosts) -> None:
    control = hosts.control(host.address)
    begun, speed = control.clock()
    assert speed == 0
    later, _ = control.advance(3600)
    assert (later - begun).total_seconds() == pytest.approx(3600)
    assert control.speed(60)[1] == 60
    assert control.speed(0)[1] == 0


@pytest.mark.parametrize(
    ("fault", "parameters", "says"),
    [("earthquake", {}, "hang"), ("hang", {"second": 1}, "seconds")],
)
def test_an_unknown_fault_names_the_known_ones(
    host: RunningHost, hosts: Hosts, fault: str, parameters: dict[str, int], says: str
) -> None:
    control = hosts.control(host.address)
    with pytest.raises(ControlRefused, match=says):
        control.fault(fault, parameters)


def test_nonsense_is_refused_and_the_connection_lives(host: RunningHost, hosts: Hosts) -> None:
    control = hosts.control(host.address)
    for attempt in (
        lambda: control.close(123),
        lambda: control.open("NOSUCH", Direction.BUY, 0.1),
        lambda: control.open("EURUSD", Direction.BUY, -1.0),
        lambda: control.open("EURUSD", Direction.BUY, float("nan")),
        lambda: control.speed(-1),
        lambda: control.advance(-1),
        lambda: control.jump("NOSUCH", 5),
        lambda: control.deposit(0.001),
        lambda: control.deposit(float("nan")),
        lambda: control.deposit(-1e9),
    ):
        with pytest.raises(ControlRefused):
            attempt()
    assert control.positions() == ()


def test_a_broker_may_be_made_stricter_and_lenient_again(host: RunningHost, hosts: Hosts) -> None:
    control = hosts.control(host.address)
    control.symbol("EURUSD", {"volume_min": 0.5})
    with pytest.raises(ControlRefused, match="10014"):
        control.open("EURUSD", Direction.BUY, 0.1)
    control.symbol("EURUSD", {"volume_min": 0.01})
    control.account({"max_positions": 1})
    first = control.open("EURUSD", Direction.BUY, 0.1)
    with pytest.raises(ControlRefused, match="10040"):
        control.open("EURUSD", Direction.BUY, 0.1)
    control.account({"max_positions": 0})
    control.close(first.ticket)


def test_an_unknown_condition_or_rule_names_the_known_ones(host: RunningHost, hosts: Hosts) -> None:
    control = hosts.control(host.address)
    with pytest.raises(ControlRefused, match="stops_level"):
        control.symbol("EURUSD", {"stop_level": 5})
    with pytest.raises(ControlRefused, match="fifo"):
        control.account({"fifi": True})
