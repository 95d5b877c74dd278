"""What the terminal shows of the account, its positions and orders, and itself."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.arguments import of_group
from dtms_server.terminal.simulator.broker_faults import AutoTradingOff, ExpertsOff, ReadOnly
from dtms_server.terminal.simulator.facts import AccountInfo, TerminalInfo
from dtms_server.terminal.simulator.faults import Empty, Login
from dtms_server.terminal.simulator.fills import order_of
from dtms_server.terminal.simulator.portfolio import margin_level
from dtms_server.terminal.simulator.records import TradeOrder, TradePosition
from dtms_server.terminal.simulator.world import World

COMPANY: Final = "DTMS"
BUILD: Final = 5200
RELEASED: Final = "1 Dec 2025"
Row = TypeVar("Row", TradeOrder, TradePosition)


def terminal(world: World) -> TerminalInfo:
    """Return the terminal and its connection."""
    return TerminalInfo(
        connected=world.connected,
        trade_allowed=world.faults.find(AutoTradingOff) is None,
        build=BUILD,
        maxbars=100_000,
        ping_last=1_000,  # microseconds
        company=COMPANY,
        name="Simulated terminal",
        language="English",
    )


def account(world: World) -> AccountInfo:
    """Return the account with what its positions are worth now."""
    terms = world.broker.terms
    other = world.faults.find(Login)
    empty = world.faults.find(Empty)
    hidden = world.blank or world.flat or (empty is not None and empty.flat)
    profit = 0.0 if hidden else world.broker.profit
    margin = 0.0 if hidden else world.broker.margin
    balance = world.broker.book.balance
    equity = round(balance + profit, 2)
    return AccountInfo(
        login=terms.login if other is None else other.login,
        trade_mode=c.ACCOUNT_TRADE_MODE_DEMO,
        leverage=terms.leverage,
        trade_allowed=world.faults.find(ReadOnly) is None,
        trade_expert=world.faults.find(ExpertsOff) is None,
        fifo_close=world.broker.rules.fifo,
        margin_mode=terms.margin_mode,
        currency_digits=2,
        balance=balance,
        profit=profit,
        equity=equity,
        margin=margin,
        margin_free=round(equity - margin, 2),
        margin_level=margin_level(equity, margin),
        margin_so_call=world.broker.rules.margin_call_level,
        margin_so_so=world.broker.rules.stop_out_level,
        name="Simulated account",
        server=terms.server if other is None else other.server,
        currency="USD",
        company=COMPANY,
    )


def positions(world: World) -> tuple[TradePosition, ...]:
    """Return the open positions as the terminal lists them, by ticket."""
    empty = world.faults.take(Empty)
    world.flat = empty is not None and empty.flat  # the account goes on to look so until next time
    if empty is not None:
        world.save()
        return ()
    return () if world.blank else world.broker.positions()


def chosen(world: World, wanted: Mapping[str, Any]) -> tuple[TradePosition, ...]:
    """Return the positions by `ticket`, `symbol` or `group`, or all."""
    return _of(positions(world), wanted)


def waiting(world: World, wanted: Mapping[str, Any]) -> tuple[TradeOrder, ...]:
    """Return the orders that the broker has taken and not filled yet, by `ticket`, `symbol` or
    `group`."""
    listed = [
        order_of(order, c.ORDER_STATE_PLACED)
        for order in world.broker.book.waiting
        if order.shown and not world.blank
    ]
    return _of(listed, wanted)


def _of(rows: Sequence[Row], wanted: Mapping[str, Any]) -> tuple[Row, ...]:
    match wanted:
        case {"ticket": ticket}:
            return tuple(row for row in rows if row.ticket == ticket)
        case {"symbol": symbol}:
            return tuple(row for row in rows if row.symbol == symbol)
    return of_group(rows, wanted.get("group"))
