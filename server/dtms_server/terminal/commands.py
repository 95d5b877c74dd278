"""What a control connection may ask of a simulated terminal."""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType

from dtms_server.domain.trade import Direction

Parameter = str | bool | int | float


class Command(Struct, frozen=True, tag=True):
    """What a control connection may ask for; simulated terminals only."""


class OpenPosition(Command, frozen=True):
    """Open at the market, as somebody's hand would. Answered by Held, as the next two."""

    symbol: str
    direction: Direction
    volume_lots: float
    stop_loss: float | None = None
    take_profit: float | None = None
    magic: int = 0
    comment: str = ""


class ClosePosition(Command, frozen=True):
    """Close a position or a part of it."""

    ticket: int
    volume_lots: float | None = None


class ModifyPosition(Command, frozen=True):
    """Set (a price), remove (None) or keep (UNSET) the stops of a position."""

    ticket: int
    stop_loss: float | UnsetType | None = UNSET
    take_profit: float | UnsetType | None = UNSET


class ListPositions(Command, frozen=True):
    """Answered by Held, past all faults."""


class InjectFault(Command, frozen=True):
    """Let the simulated terminal misbehave."""

    fault: str
    parameters: Mapping[str, Parameter]


class ClearFaults(Command, frozen=True):
    """End all faults, or those of one name."""

    fault: str | None = None


class SetSymbol(Command, frozen=True):
    """Change a symbol's conditions, as its stops level or volume step."""

    symbol: str
    conditions: Mapping[str, Parameter]


class SetAccount(Command, frozen=True):
    """Change the account's rules, as FIFO."""

    rules: Mapping[str, Parameter]


class Deposit(Command, frozen=True):
    """Pay so much into the account, in its currency; below 0 out of it."""

    amount: float


class SetSpeed(Command, frozen=True):
    """How fast the virtual clock runs; at 0 it stands."""

    speed: float


class Advance(Command, frozen=True):
    """Put the virtual clock forward; all ticks between happen."""

    seconds: float


class Jump(Command, frozen=True):
    """Move a symbol's price by so many points from now on."""

    symbol: str
    points: int


class Play(Command, frozen=True):
    """Begin a scenario (TOML), called by that name; None ends the one that is played."""

    name: str
    text: str | None


ControlRequest = (
    OpenPosition
    | ClosePosition
    | ModifyPosition
    | ListPositions
    | InjectFault
    | ClearFaults
    | SetSymbol
    | SetAccount
    | Deposit
    | SetSpeed
    | Advance
    | Jump
    | Play
)
