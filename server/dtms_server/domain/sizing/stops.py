"""Where the stop of a trade goes: nearer to the price, never further from it."""

from math import ceil

from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import LosingBreakEven, StopPolicy
from dtms_server.domain.sizing.grid import DUST, Side, is_frozen
from dtms_server.domain.sizing.sized import (
    NO_ATR,
    NO_R,
    Impossible,
    Market,
    Needless,
    NotYet,
    Sized,
    known,
)
from dtms_server.domain.trade import Direction, Trade


def missing(trade: Trade, position: Position, market: Market, policy: StopPolicy) -> Sized:
    """Give a position without a stop one: so many R from its entry, or further where the price is
    there already."""
    if position.stop_loss is not None:
        return Needless("it has a stop")
    if (r := known(trade.terms.r_distance)) is None:
        return NO_R
    side = Side(position.direction, market.quote)
    stop = side.below(position.entry_price) - side.distance(policy.missing_stop_r * r)
    return _moved(side, position, min(stop, side.closing - side.least(policy.level_spreads)))


def tighten(trade: Trade, position: Position, market: Market, policy: StopPolicy) -> Sized:
    """Bring the stop up behind the price by a share of R, but not into its noise."""
    if (r := known(trade.terms.r_distance)) is None:
        return NO_R
    if (atr := known(market.atr)) is None:
        return NO_ATR
    side = Side(position.direction, market.quote)
    behind = max(
        side.distance(policy.tighten_r * r),
        side.distance(policy.tighten_least_atr * atr),
        side.least(policy.level_spreads),
    )
    return _moved(side, position, side.closing - behind)


def trail(position: Position, market: Market, policy: StopPolicy) -> Sized:
    """Bring the stop up behind the newest swing; a price that is beyond it leaves nothing to do."""
    if (atr := known(market.atr)) is None:
        return NO_ATR
    buys = position.direction is Direction.BUY
    if (swing := known(market.swing_low if buys else market.swing_high)) is None:
        return Needless("there is no swing to trail it behind")
    side = Side(position.direction, market.quote)
    if side.below(swing) >= side.closing:
        return Needless("the price is beyond the last swing")
    stop = side.below(swing) - side.distance(policy.trail_atr * atr) - side.spread
    return _moved(side, position, min(stop, side.closing - side.least(policy.level_spreads)))


def break_even(
    trade: Trade, position: Position, market: Market, policy: StopPolicy, commission: float
) -> Sized:
    """Bring the stop to where the position's spread and commission, in and out, are paid for; once
    the price is far enough beyond, or by policy as near to it as may be."""
    side = Side(position.direction, market.quote)
    if (costs := _commission_ticks(trade, position, market, commission)) is None:
        return NotYet("what a tick is worth is not known")
    stop = side.above(position.entry_price) + side.spread + costs
    if _stands(side, position, stop):
        return _needless(position)
    nearest = side.closing - side.least(policy.level_spreads)
    if stop <= nearest:
        return _moved(side, position, stop)
    waits = policy.break_even_when_losing is LosingBreakEven.WAIT
    if waits or _stands(side, position, nearest):
        return NotYet(f"the price is not far enough past break-even at {side.price(stop)}")
    return _moved(side, position, nearest)


def _commission_ticks(
    trade: Trade, position: Position, market: Market, commission: float
) -> int | None:
    """Return the move that pays for the commission of entry and exit; what was paid at the entry
    was paid for the lots that were then there, also for those that are closed since."""
    if commission <= 0:
        return 0
    if (tick_value := known(market.quote.instrument.tick_value)) is None:
        return None
    lots = max(trade.initial_volume_lots, position.volume_lots)
    return ceil(2 * commission / (lots * tick_value) - DUST)


def _stands(side: Side, position: Position, stop: int) -> bool:
    """Is the stop that the position has at least as near, but for less than a tick?"""
    old = position.stop_loss
    return old is not None and stop - side.ticks(old) < 1 - DUST


def _needless(position: Position) -> Needless:
    return Needless(f"the stop is at {position.stop_loss}")


def _moved(side: Side, position: Position, stop: int) -> Sized:
    """Return the order that sets the stop, with the target as it is: an omitted one is deleted."""
    if _stands(side, position, stop):
        return _needless(position)
    if (price := side.price(stop)) <= 0:
        return Impossible("NO_ROOM", "the stop would not be above 0")
    if is_frozen(position, side.quote):
        return NotYet("its stop or target is within the freeze level")
    return Order(
        verb=Verb.PROTECT,
        symbol=position.symbol,
        direction=position.direction,
        price=side.quote.opening_price(position.direction),
        stop_loss=price,
        take_profit=position.take_profit,
        position_ticket=position.ticket,
        position_id=position.identifier,
        position_lots=position.volume_lots,
    )
