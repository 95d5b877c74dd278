"""Symbols and their current prices, as the terminal shows them."""

from typing import Final

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.arguments import in_group, text
from dtms_server.terminal.simulator.broker_faults import Suspended
from dtms_server.terminal.simulator.facts import SymbolInfo, Tick
from dtms_server.terminal.simulator.failure import Failed, not_found
from dtms_server.terminal.simulator.symbols import Symbol
from dtms_server.terminal.simulator.world import World

FLAGS: Final = c.TICK_FLAG_BID | c.TICK_FLAG_ASK


def symbol(world: World, name: object) -> Symbol:
    """Return the facts of a symbol by name; Failed where it is not there."""
    try:
        return world.broker.quotes.symbols[text("symbol", name)]
    except KeyError:
        raise not_found() from None


def tick(world: World, name: object) -> Tick:
    """Return the newest tick of a symbol in Market Watch."""
    known = symbol(world, name)
    quote = world.broker.quotes.last(known.name, world.broker.now)
    if quote is None or known.name not in world.selected:
        raise not_found()
    return Tick(
        time=quote.time // 1000, bid=quote.bid, ask=quote.ask, time_msc=quote.time, flags=FLAGS
    )


def info(world: World, known: Symbol) -> SymbolInfo:
    """Return the facts of a symbol with its current prices."""
    quote = world.broker.quotes.last(known.name, world.broker.now)
    selected = known.name in world.selected
    bid, ask, at = (quote.bid, quote.ask, quote.time // 1000) if quote else (0.0, 0.0, 0)
    shown = _facts(known)
    if world.faults.strikes(Suspended, known.name):
        shown = shown._replace(trade_mode=c.SYMBOL_TRADE_MODE_DISABLED)
    tick_value = known.profit(
        c.POSITION_TYPE_BUY, 1.0, bid or 1.0, (bid or 1.0) + shown.trade_tick_size
    )
    return shown._replace(
        select=selected,
        visible=selected,
        time=at,
        spread=known.points(ask) - known.points(bid),
        bid=bid,
        ask=ask,
        trade_tick_value=tick_value,
        trade_tick_value_profit=tick_value,
        trade_tick_value_loss=tick_value,
    )


def _facts(known: Symbol) -> SymbolInfo:
    return SymbolInfo(
        digits=known.digits,
        spread_float=True,
        trade_calc_mode=known.calc_mode,
        trade_mode=known.trade_mode,
        trade_stops_level=known.stops_level,
        trade_freeze_level=known.freeze_level,
        trade_exemode=known.execution,
        swap_mode=known.swap_mode,
        swap_rollover3days=known.swap_rollover3days,
        expiration_mode=15,
        filling_mode=known.filling_mode,
        order_mode=known.order_mode,
        point=1 / known.scale,
        trade_tick_size=known.from_points(known.tick_points),
        trade_contract_size=known.contract_size,
        volume_min=known.volume_min,
        volume_max=known.volume_max,
        volume_step=known.volume_step,
        volume_limit=known.volume_limit,
        swap_long=known.swap_long,
        swap_short=known.swap_short,
        margin_hedged=known.margin_hedged,
        margin_hedged_use_leg=known.margin_hedged_use_leg,
        currency_base=known.base,
        currency_profit=known.quote,
        currency_margin=known.base,
        description=f"{known.base} against {known.quote}",
        name=known.name,
        path=f"Simulator\\{known.name}",
    )


def select(world: World, name: object, enable: bool) -> bool:
    """Put a symbol in Market Watch or take it out; one with an open position stays."""
    known = symbol(world, name)
    if enable:
        world.selected.add(known.name)
    elif any(held.symbol == known.name for held in world.broker.book.positions.values()):
        raise Failed(c.RES_E_FAIL, "Terminal: Call failed")
    else:
        world.selected.discard(known.name)
    return True


def infos(world: World, group: object) -> tuple[SymbolInfo, ...]:
    """Return the symbols of a group, None for all."""
    wanted = "*" if group is None else text("group", group)
    known = world.broker.quotes.symbols.values()
    return tuple(info(world, symbol) for symbol in known if in_group(symbol.name, wanted))
