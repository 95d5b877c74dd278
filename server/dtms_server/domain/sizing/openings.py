"""What is opened for a trade: its hedge, and what is added to it again."""

from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.market import Position
from dtms_server.domain.policy.defence import DefencePolicy, StopPolicy
from dtms_server.domain.sizing.grid import LOT_DIGITS, Side, steps_down
from dtms_server.domain.sizing.sized import (
    NO_ATR,
    Impossible,
    Market,
    Needless,
    Sized,
    known,
    too_small,
)
from dtms_server.domain.trade import Trade


def hedge(
    position: Position, hedge: Position | None, market: Market, policy: DefencePolicy
) -> Sized:
    """Open the other side of a share of the position, with a stop and no target."""
    if hedge is not None:
        return Needless("it is hedged")
    if (atr := known(market.atr)) is None:
        return NO_ATR
    side, stops = Side(position.direction.opposite, market.quote), policy.stops
    behind = max(
        side.distance(stops.hedge_atr * atr),
        side.least(stops.level_spreads),
        side.spreads(stops.hedge_spreads),
    )
    stop = min(side.opening - behind, side.closing - side.level)
    factor = policy.of_symbol(position.symbol).hedge_factor
    return _opened(side, factor * position.volume_lots, stop, None)


def readd(
    trade: Trade, position: Position, market: Market, policy: DefencePolicy, family_lots: float
) -> Sized:
    """Open again a share of what was closed in the descent, within the trade's initial volume."""
    if (atr := known(market.atr)) is None:
        return NO_ATR
    room = round(trade.initial_volume_lots - family_lots, LOT_DIGITS)
    lots = min(policy.volumes.readd_share * trade.defence.descent.closed_lots, room)
    if lots <= 0:
        return Needless("there is nothing to add again")
    side = Side(position.direction, market.quote)
    stop = _readd_stop(side, position, atr, policy.stops)
    return _opened(side, lots, stop, _target(side, position, policy.stops))


def _readd_stop(side: Side, position: Position, atr: float, policy: StopPolicy) -> int:
    """Return the parent's stop where it is out of the noise, else one of its own."""
    least = side.least(policy.level_spreads)
    if position.stop_loss is not None:
        stop = side.below(position.stop_loss)
        if side.closing - stop >= max(least, side.distance(policy.readd_keep_atr * atr)):
            return stop
    return min(side.opening - side.distance(policy.readd_atr * atr), side.closing - least)


def _target(side: Side, position: Position, policy: StopPolicy) -> float | None:
    """Return the parent's target where it is still ahead, by enough."""
    if position.take_profit is None:
        return None
    target = side.below(position.take_profit)
    closing = side.above(side.quote.closing_price(side.direction))
    ahead = target - closing >= side.least(policy.level_spreads)
    return side.price(target) if ahead else None


def _opened(side: Side, lots: float, stop: int, target: float | None) -> Sized:
    instrument = side.quote.instrument
    volume = steps_down(lots, instrument)
    if volume < instrument.volume_min:
        return too_small(lots, instrument.volume_min)
    if (price := side.price(stop)) <= 0:
        return Impossible("NO_ROOM", "the stop would not be above 0")
    return Order(
        verb=Verb.OPEN,
        symbol=instrument.symbol,
        direction=side.direction,
        price=side.quote.opening_price(side.direction),
        volume_lots=volume,
        stop_loss=price,
        take_profit=target,
    )
