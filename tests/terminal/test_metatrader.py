"""The adapter: what the module says, in the domain's values, and what it will not believe."""

from math import inf, nan
from typing import Any

import pytest
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import AccountKind, MarginMode
from dtms_server.terminal import simulator
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.messages import Connect
from dtms_server.terminal.metatrader import MetaTrader
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from terminal.twisted import adapter, first, whole


@pytest.fixture
def ticket() -> int:
    control.start(Settings(speed=0, seed=7, symbol="EURUSD"))
    simulator.initialize()
    opened = control.open_position("EURUSD", "BUY", 0.2)
    assert opened is not None
    return opened.ticket


@pytest.mark.parametrize("name", ["volume", "price_open", "sl", "tp", "price_current", "profit"])
@pytest.mark.parametrize("value", [nan, inf])
def test_a_position_that_cannot_be_fails_the_snapshot(ticket: int, name: str, value: float) -> None:
    with pytest.raises(TerminalFailed, match="positions_get"):
        adapter("positions_get", first(**{name: value})).snapshot()


@pytest.mark.parametrize(
    "lie", [{"volume": 0.0}, {"type": 2}, {"ticket": 0}, {"identifier": -1}, {"symbol": ""}]
)
def test_a_position_without_sense_fails_the_snapshot(ticket: int, lie: dict[str, Any]) -> None:
    with pytest.raises(TerminalFailed, match="positions_get"):
        adapter("positions_get", first(**lie)).snapshot()


def test_a_time_beyond_the_calendar_is_an_error(ticket: int) -> None:
    with pytest.raises(TerminalFailed, match="a time of"):
        adapter("positions_get", first(time_msc=2**62)).snapshot()


def test_no_stop_is_none_and_a_stop_is_its_price(ticket: int) -> None:
    (position,) = adapter("positions_get", first(sl=0.0, tp=1.5)).snapshot().positions
    assert (position.stop_loss, position.take_profit) == (None, 1.5)


def test_ticket_and_identifier_are_kept_apart(ticket: int) -> None:
    (position,) = adapter("positions_get", first(ticket=5, identifier=9)).snapshot().positions
    assert (position.ticket, position.identifier) == (5, 9)


@pytest.mark.parametrize(
    ("code", "mode"),
    [(0, MarginMode.NETTING), (1, MarginMode.EXCHANGE), (2, MarginMode.HEDGING)],
)
def test_the_margin_mode_is_read_from_the_account(ticket: int, code: int, mode: MarginMode) -> None:
    seen = adapter("account_info", whole(margin_mode=code)).snapshot()
    assert seen.account.margin_mode is mode


@pytest.mark.parametrize(
    ("code", "kind"), [(0, AccountKind.DEMO), (1, AccountKind.CONTEST), (2, AccountKind.REAL)]
)
def test_whose_money_it_is_is_read_from_the_account(
    ticket: int, code: int, kind: AccountKind
) -> None:
    assert adapter("account_info", whole(trade_mode=code)).snapshot().account.kind is kind


@pytest.mark.parametrize(
    "lie", [{"login": 0}, {"margin_mode": 7}, {"trade_mode": -1}, {"balance": nan}]
)
def test_an_account_without_sense_fails_the_snapshot(ticket: int, lie: dict[str, Any]) -> None:
    with pytest.raises(TerminalFailed, match="account_info"):
        adapter("account_info", whole(**lie)).snapshot()


def test_positions_are_never_shown_as_another_account_s(ticket: int) -> None:
    logins = iter([1, 2])
    with pytest.raises(TerminalFailed, match="the account changed"):
        adapter("account_info", lambda raw: raw._replace(login=next(logins))).snapshot()


@pytest.mark.parametrize("switch", ["trade_allowed", "trade_expert"])
def test_an_account_that_forbids_trading_shows_it(ticket: int, switch: str) -> None:
    assert not adapter("account_info", whole(**{switch: False})).snapshot().account.trade_allowed


@pytest.mark.parametrize("switch", [{"trade_allowed": False}, {"tradeapi_disabled": True}])
def test_a_terminal_that_forbids_trading_shows_it(ticket: int, switch: dict[str, bool]) -> None:
    assert not adapter("terminal_info", whole(**switch)).snapshot().trade_allowed


def test_the_module_is_initialised_with_what_is_given_and_no_more() -> None:
    asked: dict[str, Any] = {}

    class Recording:
        def shutdown(self) -> bool:
            return True

        def initialize(self, *path: str, **named: object) -> bool:
            asked.update(named, path=path)
            return True

        def symbols_get(self) -> None:
            return None

    terminal = MetaTrader(Recording(), ServerClock("EET"), control.clock)
    terminal.connect(Connect(2.5, login=7, password="secret", server="Broker"))
    assert asked == {
        "path": (),
        "login": 7,
        "password": "secret",
        "server": "Broker",
        "timeout": 2500,
    }
    asked.clear()
    terminal.connect(Connect(1.0, path="C:\\terminal64.exe"))
    assert asked == {"path": ("C:\\terminal64.exe",), "timeout": 1000}


def test_a_password_is_never_printed() -> None:
    assert "secret" not in repr(Connect(1.0, login=7, password="secret", server="Broker"))
