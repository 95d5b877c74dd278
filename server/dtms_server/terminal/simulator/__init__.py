"""The simulated terminal: a module with MetaTrader 5's API, its names, types and errors."""

from datetime import datetime
from typing import Any

from dtms_server.terminal.simulator import account, charts, history, market_watch, sending
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.arguments import request_of
from dtms_server.terminal.simulator.bars import Rows
from dtms_server.terminal.simulator.constants import *  # noqa: F403 - the API's names are ours
from dtms_server.terminal.simulator.facts import AccountInfo as AccountInfo
from dtms_server.terminal.simulator.facts import BookInfo as BookInfo
from dtms_server.terminal.simulator.facts import SymbolInfo as SymbolInfo
from dtms_server.terminal.simulator.facts import TerminalInfo as TerminalInfo
from dtms_server.terminal.simulator.facts import Tick as Tick
from dtms_server.terminal.simulator.failure import SUCCESS, Failed, unsupported
from dtms_server.terminal.simulator.records import OrderCheckResult as OrderCheckResult
from dtms_server.terminal.simulator.records import OrderSendResult as OrderSendResult
from dtms_server.terminal.simulator.records import TradeDeal as TradeDeal
from dtms_server.terminal.simulator.records import TradeOrder as TradeOrder
from dtms_server.terminal.simulator.records import TradePosition as TradePosition
from dtms_server.terminal.simulator.records import TradeRequest as TradeRequest
from dtms_server.terminal.simulator.session import SESSION, ask, connect, fail
from dtms_server.terminal.simulator.world import World

__version__ = "5.0.6231"  # of the API

Date = datetime | int | float  # server epoch in seconds; a datetime is read as one


def initialize(path: str | None = None, **named: object) -> bool:
    """Connect to the terminal; False where `login` or `server` is not the account's."""
    return connect("initialize", lambda world: _admit(world, named))


def login(login: int, **named: object) -> bool:
    """Log in; False where `login` or `server` is not the account's."""
    return connect("login", lambda world: _admit(world, {**named, "login": login}))


def shutdown() -> bool:
    """Disconnect from the terminal."""
    SESSION.initialized = False
    SESSION.error = SUCCESS
    return True


def last_error() -> tuple[int, str]:
    """Return code and text of the last call; (1, "Success") where it went well."""
    return SESSION.error


def version() -> tuple[int, int, str] | None:
    """Return the terminal's version, build and release date."""
    return ask("version", lambda _: (500, account.BUILD, account.RELEASED))


def terminal_info() -> TerminalInfo | None:
    """Return the terminal and its connection."""
    return ask("terminal_info", account.terminal)


def account_info() -> AccountInfo | None:
    """Return the account with what its positions are worth now."""
    return ask("account_info", account.account)


def symbols_total() -> int | None:
    """Return how many symbols there are."""
    return ask("symbols_total", lambda world: len(world.broker.quotes.symbols))


def symbols_get(group: str | None = None, **_: object) -> tuple[SymbolInfo, ...] | None:
    """Return the symbols of a group such as "*USD*,!*JPY*", or all."""
    return ask("symbols_get", lambda world: market_watch.infos(world, group))


def symbol_info(symbol: str) -> SymbolInfo | None:
    """Return a symbol's facts and current prices."""
    return ask(
        "symbol_info", lambda world: market_watch.info(world, market_watch.symbol(world, symbol))
    )


def symbol_info_tick(symbol: str) -> Tick | None:
    """Return the newest tick of a symbol in Market Watch."""
    return ask("symbol_info_tick", lambda world: market_watch.tick(world, symbol))


def symbol_select(symbol: str, enable: bool = True) -> bool:
    """Put a symbol in Market Watch, or take it out; False where that cannot be."""
    answer = ask("symbol_select", lambda world: market_watch.select(world, symbol, enable))
    return answer is True


def copy_rates_from(symbol: str, timeframe: int, date_from: Date, count: int) -> Rows | None:
    """Return `count` bars, oldest first, the last of which holds `date_from`."""
    return ask(
        "copy_rates_from", lambda world: charts.until(world, symbol, timeframe, date_from, count)
    )


def copy_rates_from_pos(symbol: str, timeframe: int, start_pos: int, count: int) -> Rows | None:
    """Return `count` bars, oldest first; `start_pos` 0 ends with the one that is forming."""
    return ask(
        "copy_rates_from_pos",
        lambda world: charts.latest(world, symbol, timeframe, start_pos, count),
    )


def copy_rates_range(symbol: str, timeframe: int, date_from: Date, date_to: Date) -> Rows | None:
    """Return the bars that begin between two dates, both included."""
    return ask(
        "copy_rates_range",
        lambda world: charts.between(world, symbol, timeframe, date_from, date_to),
    )


def copy_ticks_from(symbol: str, date_from: Date, count: int, flags: int) -> Rows | None:
    """Return the first `count` ticks from a date on."""
    return ask(
        "copy_ticks_from", lambda world: charts.ticks_from(world, symbol, date_from, count, flags)
    )


def copy_ticks_range(symbol: str, date_from: Date, date_to: Date, flags: int) -> Rows | None:
    """Return the ticks between two dates, both included."""
    return ask(
        "copy_ticks_range",
        lambda world: charts.ticks_between(world, symbol, date_from, date_to, flags),
    )


def positions_total() -> int | None:
    """Return how many positions are open."""
    return ask("positions_total", lambda world: len(account.positions(world)))


def positions_get(*unnamed: object, **named: object) -> tuple[TradePosition, ...] | None:
    """Return the open positions, or those of `symbol`, `ticket` or `group`."""
    return ask("positions_get", lambda world: account.chosen(world, unnamed, named))


def orders_total() -> int | None:
    """Return how many orders wait to be filled."""
    return ask("orders_total", lambda world: len(account.waiting(world, {})))


def orders_get(**named: object) -> tuple[TradeOrder, ...] | None:
    """Return the orders that wait to be filled, or those of `symbol`, `ticket` or `group`."""
    return ask("orders_get", lambda world: account.waiting(world, named))


def history_orders_total(date_from: Date, date_to: Date) -> int | None:
    """Return how many orders were done between two dates."""
    return ask(
        "history_orders_total", lambda world: len(history.orders(world, (date_from, date_to), {}))
    )


def history_orders_get(*dates: Date, **named: object) -> tuple[TradeOrder, ...] | None:
    """Return done orders between two dates (and of a `group`), or by `ticket` or `position`."""
    return ask("history_orders_get", lambda world: history.orders(world, dates, named))


def history_deals_total(date_from: Date, date_to: Date) -> int | None:
    """Return how many deals were made between two dates."""
    return ask(
        "history_deals_total", lambda world: len(history.deals(world, (date_from, date_to), {}))
    )


def history_deals_get(*dates: Date, **named: object) -> tuple[TradeDeal, ...] | None:
    """Return deals between two dates (and of a `group`), or by `ticket` (of their order) or
    `position`."""
    return ask("history_deals_get", lambda world: history.deals(world, dates, named))


def order_send(request: dict[str, Any]) -> OrderSendResult | None:
    """Send a request to the broker; its `retcode` tells what became of it."""
    wanted = _read(request)
    if wanted is None:
        return None
    return ask("order_send", lambda world: sending.send(world, wanted))


def order_check(request: dict[str, Any]) -> OrderCheckResult | None:
    """Return what the broker's rules say of a request; `retcode` 0 where they let it pass."""
    wanted = _read(request)
    if wanted is None:
        return None
    return ask("order_check", lambda world: sending.check(world, wanted))


def order_calc_margin(action: int, symbol: str, volume: float, price: float) -> float | None:
    """Not supported."""
    return ask("order_calc_margin", unsupported)


def order_calc_profit(
    action: int, symbol: str, volume: float, price_open: float, price_close: float
) -> float | None:
    """Not supported."""
    return ask("order_calc_profit", unsupported)


def market_book_add(symbol: str) -> bool | None:
    """Not supported."""
    return ask("market_book_add", unsupported)


def market_book_get(symbol: str) -> tuple[BookInfo, ...] | None:
    """Not supported."""
    return ask("market_book_get", unsupported)


def market_book_release(symbol: str) -> bool | None:
    """Not supported."""
    return ask("market_book_release", unsupported)


def Buy(symbol: str, volume: float, *_: object, **named: object) -> None:  # noqa: N802 - the API's
    """Not supported."""
    ask("Buy", unsupported)


def Sell(symbol: str, volume: float, *_: object, **named: object) -> None:  # noqa: N802
    """Not supported."""
    ask("Sell", unsupported)


def Close(symbol: str, *_: object, **named: object) -> None:  # noqa: N802
    """Not supported."""
    ask("Close", unsupported)


def _read(request: dict[str, Any]) -> TradeRequest | None:
    try:
        return request_of(request)
    except Failed as failure:  # told even where there is no terminal
        fail(failure)
        return None


def _admit(world: World, named: dict[str, object]) -> bool:
    terms = world.broker.terms
    for name, ours in (("login", terms.login), ("server", terms.server)):
        if named.get(name) not in (None, ours):
            raise Failed(c.RES_E_AUTH_FAILED, "Terminal: Authorization failed")
    return True
