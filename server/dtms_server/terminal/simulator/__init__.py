"""The simulated terminal: a module with MetaTrader 5's API, its names, types and errors."""

from collections.abc import Mapping
from typing import Any, Literal

from dtms_server.terminal.simulator import account, charts, checks, history, market_watch, sending
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.arguments import flag, index, moment
from dtms_server.terminal.simulator.bars import Rows
from dtms_server.terminal.simulator.checks import SYMBOL, positional
from dtms_server.terminal.simulator.constants import *  # noqa: F403 - the API's names are ours
from dtms_server.terminal.simulator.facts import AccountInfo as AccountInfo
from dtms_server.terminal.simulator.facts import BookInfo as BookInfo
from dtms_server.terminal.simulator.facts import SymbolInfo as SymbolInfo
from dtms_server.terminal.simulator.facts import TerminalInfo as TerminalInfo
from dtms_server.terminal.simulator.facts import Tick as Tick
from dtms_server.terminal.simulator.failure import SUCCESS, Failed, outdated
from dtms_server.terminal.simulator.records import OrderCheckResult as OrderCheckResult
from dtms_server.terminal.simulator.records import OrderSendResult as OrderSendResult
from dtms_server.terminal.simulator.records import TradeDeal as TradeDeal
from dtms_server.terminal.simulator.records import TradeOrder as TradeOrder
from dtms_server.terminal.simulator.records import TradePosition as TradePosition
from dtms_server.terminal.simulator.records import TradeRequest as TradeRequest
from dtms_server.terminal.simulator.session import SESSION, ask, ask_for, checked, connect
from dtms_server.terminal.simulator.unsupported import Buy as Buy
from dtms_server.terminal.simulator.unsupported import Close as Close
from dtms_server.terminal.simulator.unsupported import Sell as Sell
from dtms_server.terminal.simulator.unsupported import market_book_add as market_book_add
from dtms_server.terminal.simulator.unsupported import market_book_get as market_book_get
from dtms_server.terminal.simulator.unsupported import market_book_release as market_book_release
from dtms_server.terminal.simulator.unsupported import order_calc_margin as order_calc_margin
from dtms_server.terminal.simulator.unsupported import order_calc_profit as order_calc_profit
from dtms_server.terminal.simulator.world import World

__version__ = "5.0.6231"  # of the API

Date = Any  # a datetime or a number: server epoch in seconds, as which a call reads it


def initialize(*unnamed: object, **named: object) -> bool:
    """Connect to the terminal (at `path`, which is not looked at); False where `login` or `server`
    is not the account's."""
    return connect(lambda: checks.initialize(unnamed, named), _admit)


def login(*unnamed: object, **named: object) -> bool:
    """Log in by `login`, `password`, `server`; False where one is not the account's."""
    return ask_for("login", lambda: checks.login(unnamed, named), _admit) is True


def shutdown() -> bool:
    """Disconnect from the terminal."""
    SESSION.initialized = False
    SESSION.error = SUCCESS
    return True


def last_error() -> tuple[int, str]:
    """Return code and text of the last call; (1, "Success") where it went well."""
    return SESSION.error


def version() -> tuple[int, int, str]:
    """Return the terminal's version, build and release date; zeros where there is none."""
    return ask("version", lambda _: (500, account.BUILD, account.RELEASED)) or (0, 0, "")


def terminal_info() -> TerminalInfo | None:
    """Return the terminal and its connection."""
    return ask("terminal_info", account.terminal)


def account_info() -> AccountInfo | None:
    """Return the account with what its positions are worth now."""
    return ask("account_info", account.account)


def symbols_total() -> int | None:
    """Return how many symbols there are."""
    return ask("symbols_total", lambda world: len(world.broker.quotes.symbols), outdated)


def symbols_get(
    *unnamed: object, **named: object
) -> tuple[SymbolInfo, ...] | Literal[False] | None:
    """Return the symbols of a `group` such as "*USD*,!*JPY*", or all; False for wrong arguments."""
    wanted = checked("symbols_get", lambda: checks.group(unnamed, named))
    if wanted is None:
        return False
    return ask("symbols_get", lambda world: market_watch.infos(world, **wanted), outdated)


@positional(SYMBOL)
def symbol_info(symbol: str) -> SymbolInfo | None:
    """Return a symbol's facts and current prices."""
    return ask(
        "symbol_info", lambda world: market_watch.info(world, market_watch.symbol(world, symbol))
    )


@positional(SYMBOL)
def symbol_info_tick(symbol: str) -> Tick | None:
    """Return the newest tick of a symbol in Market Watch."""
    return ask("symbol_info_tick", lambda world: market_watch.tick(world, symbol))


@positional(SYMBOL, flag, least=1, refused=False)
def symbol_select(symbol: str, enable: bool = True) -> bool:
    """Put a symbol in Market Watch, or take it out; False where that cannot be."""
    answer = ask("symbol_select", lambda world: market_watch.select(world, symbol, enable))
    return answer is True


@positional(SYMBOL, index, moment, index)
def copy_rates_from(symbol: str, timeframe: int, date_from: Date, count: int) -> Rows | None:
    """Return `count` bars, oldest first, the last of which holds `date_from`."""
    return ask(
        "copy_rates_from", lambda world: charts.until(world, symbol, timeframe, date_from, count)
    )


@positional(SYMBOL, index, index, index)
def copy_rates_from_pos(symbol: str, timeframe: int, start_pos: int, count: int) -> Rows | None:
    """Return `count` bars, oldest first; `start_pos` 0 ends with the one that is forming."""
    return ask(
        "copy_rates_from_pos",
        lambda world: charts.latest(world, symbol, timeframe, start_pos, count),
    )


@positional(SYMBOL, index, moment, moment)
def copy_rates_range(symbol: str, timeframe: int, date_from: Date, date_to: Date) -> Rows | None:
    """Return the bars that begin between two dates, both included."""
    return ask(
        "copy_rates_range",
        lambda world: charts.between(world, symbol, timeframe, date_from, date_to),
    )


@positional(SYMBOL, moment, index, index)
def copy_ticks_from(symbol: str, date_from: Date, count: int, flags: int) -> Rows | None:
    """Return the first `count` ticks from a date on."""
    return ask(
        "copy_ticks_from", lambda world: charts.ticks_from(world, symbol, date_from, count, flags)
    )


@positional(SYMBOL, moment, moment, index)
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
    return ask_for("positions_get", lambda: checks.filters(unnamed, named), account.chosen)


def orders_total() -> int | None:
    """Return how many orders wait to be filled."""
    return ask("orders_total", lambda world: len(account.waiting(world, {})))


def orders_get(*unnamed: object, **named: object) -> tuple[TradeOrder, ...] | None:
    """Return the orders that wait to be filled, or those of `symbol`, `ticket` or `group`."""
    return ask_for("orders_get", lambda: checks.filters(unnamed, named), account.waiting)


@positional(moment, moment)
def history_orders_total(date_from: Date, date_to: Date) -> int | None:
    """Return how many orders were done between two dates."""
    dates = {"dates": [date_from, date_to]}
    return ask("history_orders_total", lambda world: len(history.orders(world, dates)))


def history_orders_get(*dates: Date, **named: object) -> tuple[TradeOrder, ...] | None:
    """Return done orders between two dates (and of a `group`), or by `ticket` or `position`."""
    return ask_for("history_orders_get", lambda: checks.past(dates, named), history.orders)


@positional(moment, moment)
def history_deals_total(date_from: Date, date_to: Date) -> int | None:
    """Return how many deals were made between two dates."""
    dates = {"dates": [date_from, date_to]}
    return ask("history_deals_total", lambda world: len(history.deals(world, dates)))


def history_deals_get(*dates: Date, **named: object) -> tuple[TradeDeal, ...] | None:
    """Return deals between two dates (and of a `group`), or by `ticket` (of their order) or
    `position`."""
    return ask_for("history_deals_get", lambda: checks.past(dates, named), history.deals)


def order_send(*unnamed: object, **named: object) -> OrderSendResult | None:
    """Send a request, a dictionary, to the broker; its `retcode` tells what became of it."""
    return ask_for("order_send", lambda: checks.request(unnamed, named), sending.send)


def order_check(*unnamed: object, **named: object) -> OrderCheckResult | None:
    """Return what the broker's rules say of a request; `retcode` 0 where they let it pass."""
    return ask_for("order_check", lambda: checks.request(unnamed, named), sending.check)


def _admit(world: World, named: Mapping[str, object]) -> bool:
    terms = world.broker.terms
    for name, ours in (("login", terms.login), ("server", terms.server)):
        if named.get(name) not in (None, ours):
            raise Failed(c.RES_E_AUTH_FAILED, "Terminal: Authorization failed")
    return True
