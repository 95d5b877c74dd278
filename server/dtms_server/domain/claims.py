"""What a caller says of a position, and where that contradicts what is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction, Protection, Trade


@dataclass(frozen=True, slots=True)
class Claim:
    """What a caller says of its position; the terminal is the truth."""

    ticket: int
    symbol: str
    direction: Direction
    entry_price: float | None = None
    volume_lots: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    protection: Protection = Protection.PROTECT
    labels: Mapping[str, str] = field(default_factory=dict)


class HedgeDisposition(StrEnum):
    """What becomes of the hedge of a trade that is released."""

    CLOSE = "CLOSE"
    LEAVE = "LEAVE"


def conflicts(claim: Claim, known: Trade) -> list[str]:
    """Return the fields in which a claim contradicts the trade that has its ticket."""
    return _differing(known.symbol, known.direction, claim)


def mismatches(claim: Claim, position: Position, tolerance_share: float) -> list[str]:
    """Return the fields in which a claim contradicts the position; the entry price may be off by a
    share of it."""
    wrong = _differing(position.symbol, position.direction, claim)
    tolerance, claimed = tolerance_share * position.entry_price, claim.entry_price
    if claimed is not None and abs(claimed - position.entry_price) > tolerance:
        wrong.append("entry_price")
    return wrong


def _differing(symbol: str, direction: Direction, claim: Claim) -> list[str]:
    wrong = ["symbol"] if symbol != claim.symbol else []
    return [*wrong, "direction"] if direction is not claim.direction else wrong
