"""How much of a trade or its hedge is closed, and by which ticket."""

from dataclasses import replace

from dtms_server.domain.actions import Order, Verb
from dtms_server.domain.market import Instrument, Position, Quote
from dtms_server.domain.policy.defence import SmallVolume, VolumePolicy
from dtms_server.domain.sizing.grid import LOT_DIGITS, is_frozen, steps_down, steps_up
from dtms_server.domain.sizing.sized import Impossible, Needless, NotYet, Sized, too_small


def close(position: Position | None, quote: Quote) -> Sized:
    """Close a position, trade or hedge, by its own ticket."""
    if position is None:
        return Needless("it is gone")
    return _closed(position, quote, _whole(position, quote.instrument))


def close_half(position: Position, quote: Quote, policy: VolumePolicy) -> Sized:
    """Close the policy's share, where the broker takes that and what it leaves."""
    instrument, held = quote.instrument, position.volume_lots
    lots = steps_down(policy.half_share * held, instrument)
    if lots >= instrument.volume_min and not _too_little(held - lots, instrument):
        return _closed(position, quote, lots)
    if policy.small_volume is SmallVolume.CLOSE_ALL:
        return close(position, quote)
    return too_small(policy.half_share * held, instrument.volume_min)


def reduce_hedge(position: Position, hedge: Position | None, quote: Quote) -> Sized:
    """Close what the hedge has more than its trade, and no less: all of it where too little would
    be left."""
    if hedge is None:
        return Needless("there is no hedge")
    instrument = quote.instrument
    surplus = round(hedge.volume_lots - position.volume_lots, LOT_DIGITS)
    if surplus <= 0:
        return Needless("the hedge is no larger than its trade")
    lots = steps_up(surplus, instrument)
    if lots >= hedge.volume_lots or _too_little(hedge.volume_lots - lots, instrument):
        return close(hedge, quote)
    return _closed(hedge, quote, lots)


def close_by(position: Position | None, hedge: Position | None, quote: Quote) -> Sized:
    """Close trade and hedge by each other, as far as the smaller goes."""
    if position is None or hedge is None:
        return Needless("there are no two positions to close by each other")
    if not quote.instrument.allows_close_by:
        return Impossible("CLOSE_BY_NOT_ALLOWED", "the broker takes no close-by of the symbol")
    if is_frozen(hedge, quote):
        return NotYet("the hedge's stop or target is within the freeze level")
    closed = _closed(position, quote, min(position.volume_lots, hedge.volume_lots))
    if not isinstance(closed, Order):
        return closed
    return replace(closed, verb=Verb.CLOSE_BY, by_ticket=hedge.ticket, by_id=hedge.identifier)


def _whole(position: Position, instrument: Instrument) -> float:
    """Return all lots, on the steps or not; of more than one order may have, what leaves enough for
    the next one."""
    held = position.volume_lots
    if held <= instrument.volume_max:
        return held
    return steps_down(held - instrument.volume_min, instrument)


def _too_little(left: float, instrument: Instrument) -> bool:
    """Would nothing that is left ever be taken by the broker?"""
    return 0 < round(left, LOT_DIGITS) < instrument.volume_min


def _closed(position: Position, quote: Quote, lots: float) -> Sized:
    if is_frozen(position, quote):
        return NotYet("its stop or target is within the freeze level")
    return Order(
        verb=Verb.CLOSE,
        symbol=position.symbol,
        direction=position.direction.opposite,
        price=quote.closing_price(position.direction),
        volume_lots=lots,
        position_ticket=position.ticket,
        position_id=position.identifier,
        position_lots=position.volume_lots,
    )
