"""What a deal makes of a position: the arithmetic of opening, adding, closing and turning."""

from dataclasses import dataclass

from dtms_server.terminal.simulator import constants as c


def lots(volume: float) -> float:
    """Return a volume without the dust that binary fractions leave."""
    return round(volume, 8)


def part(volume: float, share: float, step: float) -> float:
    """Return a share of a volume, rounded down to the step; 0 where that is more than the share."""
    return lots(int(volume * share / step + 1e-6) * step)  # 0.7 * 0.1 / 0.01 is a bit less than 7


@dataclass(frozen=True, slots=True)
class Holding:
    """A side of the market (POSITION_TYPE_… or DEAL_TYPE_…, which are alike), lots, and the
    price they were taken at; no lots is no position."""

    direction: int
    volume: float
    price: float


@dataclass(frozen=True, slots=True)
class Netted:
    """What a deal did (DEAL_ENTRY_…), how many lots it closed, and what is held after it."""

    entry: int
    closed: float
    holding: Holding


def net(held: Holding, deal: Holding) -> Netted:
    """Return what `deal` makes of what is held.

    The price of what was added to is the mean weighted by volume; what is left after a part is
    closed keeps its price; what is turned has the deal's.
    """
    if held.volume == 0:
        return Netted(c.DEAL_ENTRY_IN, 0.0, deal)
    if held.direction == deal.direction:
        volume = lots(held.volume + deal.volume)
        price = (held.price * held.volume + deal.price * deal.volume) / volume
        return Netted(c.DEAL_ENTRY_IN, 0.0, Holding(held.direction, volume, price))
    left = lots(held.volume - deal.volume)
    if left >= 0:
        rest = Holding(held.direction, left, held.price)
        return Netted(c.DEAL_ENTRY_OUT, deal.volume, rest)
    turned = Holding(deal.direction, -left, deal.price)
    return Netted(c.DEAL_ENTRY_INOUT, held.volume, turned)
