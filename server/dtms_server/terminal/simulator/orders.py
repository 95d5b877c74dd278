"""What a request asks of the broker: a deal, new stops, or a close-by."""

from dataclasses import dataclass
from typing import Literal

from dtms_server.terminal.simulator.fills import Fill
from dtms_server.terminal.simulator.netting import lots
from dtms_server.terminal.simulator.quotes import Quote
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.symbols import Symbol

Kind = Literal["open", "close", "stops", "close_by"]


@dataclass(frozen=True, slots=True)
class Deal:
    """A market order: opens a position (None), or changes one."""

    quote: Quote
    fill: Fill
    position: TradePosition | None

    @property
    def symbol(self) -> Symbol:
        """The symbol that is dealt in."""
        return self.fill.symbol

    @property
    def opens(self) -> float:
        """How many lots are opened, new or on top of what is held."""
        held = self.position
        if held is None or held.type == self.fill.direction:
            return self.fill.volume
        return max(0.0, lots(self.fill.volume - held.volume))


@dataclass(frozen=True, slots=True)
class Protect:
    """A position's new stop and target; 0 is none."""

    quote: Quote
    symbol: Symbol
    position: TradePosition
    levels: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CloseBy:
    """Two opposite positions of a symbol that close each other."""

    quote: Quote
    fill: Fill
    position: TradePosition
    by: TradePosition

    @property
    def symbol(self) -> Symbol:
        """The symbol of both."""
        return self.fill.symbol


Order = Deal | Protect | CloseBy


def kind(order: Order) -> Kind:
    """Return what sort of order it is; a deal that turns a position opens one."""
    match order:
        case Deal():
            return "open" if order.opens else "close"
        case Protect():
            return "stops"
        case CloseBy():
            return "close_by"
