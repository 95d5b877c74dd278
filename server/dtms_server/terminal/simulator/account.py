"""What the terminal shows of the account, its positions and itself."""

import math
from collections.abc import Mapping
from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.arguments import of_group, text, whole
from dtms_server.terminal.simulator.facts import AccountInfo, TerminalInfo
from dtms_server.terminal.simulator.failure import Failed, Refused
from dtms_server.terminal.simulator.faults import Empty, Login
from dtms_server.terminal.simulator.records import OrderSendResult, TradePosition, TradeRequest
from dtms_server.terminal.simulator.world import World

COMPANY: Final = "DTMS"
BUILD: Final = 5200
RELEASED: Final = "1 Dec 2025"


def terminal(world: World) -> TerminalInfo:
    """Return the terminal and its connection."""
    return TerminalInfo(
        connected=world.connected,
        trade_allowed=True,
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
    hidden = other is not None or world.flat or (empty is not None and empty.flat)
    held = () if hidden else world.broker.positions()
    profit = round(math.fsum(position.profit for position in held), 2)
    margin = round(math.fsum(world.broker.margin(position) for position in held), 2)
    balance = world.broker.book.balance
    equity = round(balance + profit, 2)
    return AccountInfo(
        login=terms.login if other is None else other.login,
        trade_mode=c.ACCOUNT_TRADE_MODE_DEMO,
        leverage=terms.leverage,
        trade_allowed=True,
        trade_expert=True,
        margin_mode=terms.margin_mode,
        currency_digits=2,
        balance=balance,
        profit=profit,
        equity=equity,
        margin=margin,
        margin_free=round(equity - margin, 2),
        margin_level=round(equity / margin * 100, 2) if margin else 0.0,
        margin_so_call=100.0,
        margin_so_so=50.0,
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
    if world.faults.find(Login) is not None:
        return ()
    return world.broker.positions()


def chosen(
    world: World, unnamed: tuple[object, ...], named: Mapping[str, object]
) -> tuple[TradePosition, ...]:
    """Return the positions by `ticket`, `symbol` or `group`; a name that is not known filters
    nothing, as with the real module."""
    if unnamed:
        raise Failed(c.RES_E_INVALID_PARAMS, "Unnamed arguments not allowed")
    listed = positions(world)
    if "ticket" in named:
        ticket = whole("ticket", named["ticket"])
        return tuple(position for position in listed if position.ticket == ticket)
    if "symbol" in named:
        symbol = text("symbol", named["symbol"])
        return tuple(position for position in listed if position.symbol == symbol)
    return of_group(listed, named.get("group"))


def send(world: World, request: TradeRequest) -> OrderSendResult:
    """Hand a program's request to the broker and return what it says."""
    try:
        _check_way(world)
        result = world.broker.execute(request, c.DEAL_REASON_EXPERT)
    except Refused as refusal:
        return OrderSendResult(retcode=refusal.retcode, comment=refusal.text, request=request)
    world.save()
    return result


def _check_way(world: World) -> None:
    if not world.connected:
        raise Refused(c.TRADE_RETCODE_CONNECTION, "No connection")
    if world.faults.find(Login) is not None:
        raise Refused(c.TRADE_RETCODE_TRADE_DISABLED, "Trade disabled")
